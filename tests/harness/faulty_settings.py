"""A sound configuration, and what can be wrong with one: the fault of each is a line that begins with these words."""

LOTS = 'lots = [{ token_id = 1, title = "One" }, { token_id = 2, title = "Two" }]'
SOUND = f"""
environment = "local"
data_dir = "data"
{LOTS}
[marathon]
id = "small"
days = 2
first_date = "2027-03-01"
window_start = "15:00"
window_end = "16:00"
time_zone = "America/New_York"
hashtag = "Tag"
[rules]
reserve = "0.1 ETH"
soft_close_cap = "60 min"
"""

TOKEN = "AAAAAAAAAAAAAAAAAAAAAMLheAAAAAAA0%2BuSeid"
ETH = 'must be an amount with its unit, in quotes, such as "0.1 ETH"'

# what of SOUND is replaced by what, and the fault that follows
FAULTS = [
    # Unknown, missing, of the wrong shape.
    ("days = 2", "dayz = 2\ndays = 2", "marathon.dayz: unknown setting; did you mean days?"),
    ("[rules]", "[rulez]\n[rules]", "rulez: unknown setting; did you mean rules?"),
    ("[rules]", "[rules]\ndays = 3", "rules.days: unknown setting; did you mean marathon.days?"),
    ('id = "small"', "", "marathon.id: is missing: it must be a name"),
    (LOTS, "", "lots: is missing: it must be a list of tables"),
    ("[rules]", "[[rules]]", "rules: must be a table of settings"),
    ('title = "Two"', 'titel = "x", title = "Two"', "lots[1].titel: unknown setting; did you mean title?"),
    ('title = "Two"', 'title = ""', "lots[1].title: an empty text is not a title of 1 to 80 characters"),
    ("days = 2", 'days = "2"', "marathon.days: 2 must be a whole number, without quotes"),
    ("days = 2", "days = 2.0", "marathon.days: 2.0 must be a whole number, without quotes"),
    ("days = 2", "days = 0x" + "f" * 9000, "marathon.days: this number is above the most allowed, 366"),
    ("days = 2", "days = true", "marathon.days: true must be a whole number, without quotes"),
    ("[rules]", "[rules]\nleader_may_rebid = 1", "rules.leader_may_rebid: 1 must be true or false"),
    # Units.
    (
        "[rules]",
        "[rules]\nsoft_close = 5",
        'rules.soft_close: 5 must be a duration with its unit, in quotes, such as "5 min"',
    ),
    ("[rules]", '[rules]\nsoft_close = "5"', "rules.soft_close: 5 is not a duration such as"),
    ("[rules]", '[rules]\nsoft_close = "5 minutes"', "rules.soft_close: 5 minutes is not a duration such as"),
    ("[rules]", '[rules]\nsoft_close = "0.5 ms"', "rules.soft_close: 0.5 ms is not a whole number of milliseconds"),
    ("[rules]", "[rules]\nincrement_percent = 5", "rules.increment_percent: 5 must be a percentage"),
    ("[rules]", '[rules]\nincrement_percent = "0.001 %"', "rules.increment_percent: 0.001 % has more than two digits"),
    ('"0.1 ETH"', "0.1", f"rules.reserve: 0.1 {ETH}"),
    ('"0.1 ETH"', '"0.1"', "rules.reserve: 0.1 has no unit"),
    ('"0.1 ETH"', '"0,1 ETH"', "rules.reserve: 0,1 ETH is not an amount"),
    # Bounds.
    ('"0.1 ETH"', '"0 ETH"', "rules.reserve: 0 ETH is not above 0"),
    ("[rules]", '[rules]\nincrement = "0 ETH"', "rules.increment: 0 ETH is not above 0"),
    ('title = "Two"', 'title = "Two", reserve = "0 ETH"', "lots[1].reserve: 0 ETH is not above 0"),
    ("days = 2", "days = 0", "marathon.days: 0 is below the least allowed, 1"),
    ("days = 2", "days = 367", "marathon.days: 367 is above the most allowed, 366"),
    ("[rules]", '[rules]\nsoft_close = "7 h"', "rules.soft_close: 7 h is above the most allowed, 6 h"),
    (
        "[rules]",
        '[settlement]\nrunner_up_share = "101 %"\n[rules]',
        "settlement.runner_up_share: 101 % is above the most allowed, 100 %",
    ),
    ("[rules]", "[http]\npublic_port = 65536\n[rules]", "http.public_port: 65536 is above the most allowed, 65535"),
    ("[rules]", "[livestream]\nmax_viewers = 0\n[rules]", "livestream.max_viewers: 0 is below the least allowed, 1"),
    # Dates, times, zones, words.
    ('"2027-03-01"', '"2027-02-29"', "marathon.first_date: 2027-02-29 is not a date of the calendar"),
    ('"2027-03-01"', '"1.3.2027"', "marathon.first_date: 1.3.2027 is not a date"),
    ('"2027-03-01"', '"1999-03-01"', "marathon.first_date: 1999-03-01 is not between"),
    ('"15:00"', '"24:00"', "marathon.window_start: 24:00 is not a local time from 00:00 to 23:59"),
    ('"15:00"', '"3 pm"', "marathon.window_start: 3 pm is not a local time"),
    ('"16:00"', '"15:00"', "marathon.window_end: is the same as window_start"),
    (
        "America/New_York",
        "New York",
        "marathon.time_zone: New York is not a known time zone; did you mean America/New_York?",
    ),
    ("America/New_York", "../../etc/passwd", "marathon.time_zone: ../../etc/passwd is not a known time zone"),
    ("America/New_York", "America", "marathon.time_zone: America is not a known time zone"),
    ('"Tag"', '"#Tag"', "marathon.hashtag: #Tag is to be written without the #"),
    ('"Tag"', '"2027"', "marathon.hashtag: 2027 is not a hashtag"),
    ('"Tag"', '"two words"', "marathon.hashtag: two words is not a hashtag"),
    ('"small"', '"No/slash"', "marathon.id: No/slash is not a name"),
    (
        '"local"',
        '"prodution"',
        "environment: prodution is not one of local, staging, production-simulation, production; did you mean",
    ),
    ("[rules]", '[x]\nmode = "real"\n[rules]', "x.mode: real is not one of simulated, live"),
    ("[rules]", '[x]\nbase_url = "api"\n[rules]', "x.base_url: is not empty or an address beginning with http://"),
    ("[rules]", '[redis]\nurl = "redis://h:99999"\n[rules]', "redis.url: is not empty or an address"),
    # What only several settings together show.
    ("days = 2", "days = 4", "lots: day 3 has no lot: there are 2 lots for 4 days"),
    ("token_id = 2", "token_id = 1", "lots[1].token_id: 1 is also the lot of day 1"),
    ('title = "Two"', 'title = "Two", image = "no.png"', "lots[1].image: there is no file no.png in lots_dir"),
    ('title = "Two"', 'title = "Two", image = "../a.png"', "lots[1].image: ../a.png is not a plain file name"),
    (
        '"16:00"',
        '"14:30"',
        "rules.soft_close_cap: 1 h reaches into the next day's window: day 1 (2027-03-01) leaves 30 min",
    ),
    ("[rules]", '[rules]\nsoft_close = "2 h"', "rules.soft_close: 2 h is longer than rules.soft_close_cap, 1 h"),
    ("[rules]", '[rules]\nclose_bound = "1 min"', "rules.close_bound: 1 min is too short for any close"),
    (
        '"local"',
        '"staging"\nhttp.inject_enabled = true',
        "http.inject_enabled: true cannot be in staging: messages are injected only when local; remove the line",
    ),
    ('"local"', '"production"', "x.mode: simulated cannot be in production, which is always live"),
    ("[rules]", '[x]\nbase_url = "https://api.x.com"\n[rules]', "x.base_url: is the real X, but"),
    ("[rules]", "[http]\nprivate_port = 8080\n[rules]", "http.private_port: 8080 is http.public_port as well"),
    ("[rules]", f'[http]\npublic_url = "http://{"a" * 50}"\n[rules]', "http.public_url: is too long for a post"),
    ("[rules]", '[http]\nprivate_host = "0.0.0.0"\n[rules]', "http.private_host: 0.0.0.0 can be reached by others"),
    ("[rules]", '[chain]\nrpc_urls = ["http://127.0.0.1:8545"]\n[rules]', "chain.contract: is missing"),
    ("[rules]", '[chain]\nrpc_url = "http://h"\n[rules]', "chain.rpc_url: unknown setting; did you mean rpc_urls?"),
    ("[rules]", '[chain]\nrpc_urls = "http://h"\n[rules]', "chain.rpc_urls: must be a list of addresses"),
    ("[rules]", '[chain]\nrpc_urls = ["ftp://h"]\n[rules]', "chain.rpc_urls: has an entry 1 that is not"),
    ("[rules]", "[chain]\nrpc_urls = [7]\n[rules]", "chain.rpc_urls: has an entry 1 that is no address"),
    ("[rules]", '[chain]\nrpc_urls = ["http://h", "http://h"]\n[rules]', "chain.rpc_urls: names an address twice"),
    (
        "[rules]",
        f'[chain]\nrpc_urls = ["http://h"]\nnumbered = false\ncontract = "0x{"a1" * 20}"\n[rules]',
        "chain.rpc_urls: needs two nodes or more if chain.numbered is false",
    ),
    (
        "[rules]",
        f'[chain]\nrpc_urls = ["http://h/{{key}}"]\ncontract = "0x{"a1" * 20}"\n[rules]',
        "chain.rpc_key: is missing, but chain.rpc_urls has a {key}",
    ),
    (
        "[rules]",
        f'[chain]\nrpc_urls = ["http://h"]\ncontract = "0x{"a1" * 20}"\noperator_keyfile = "key.json"\n[rules]',
        "chain.operator_key_password: is missing, but chain.operator_keyfile is encrypted: set AUCTION_MANAGER_CHAIN_",
    ),
    ("[rules]", '[chain]\noperator_key = "0x11"\n[rules]', "chain.operator_key: is a secret, which can only be"),
    # Secrets in the file, wherever they may hide.
    (
        "[rules]",
        f'[x]\nbearer_token = "{TOKEN}"\n[rules]',
        "x.bearer_token: is a secret, which can only be set by AUCTION_",
    ),
    (
        "[rules]",
        f'[http]\noperator_tokens = {{ a = "{TOKEN}" }}\n[rules]',
        "http.operator_tokens: is a secret, which can",
    ),
    ("[rules]", f'[x]\nhandle = "{TOKEN}{TOKEN}"\n[rules]', "x.handle: this text of 82 characters is not a handle"),
    ("[rules]", f'[redis]\nurl = "redis://:{TOKEN[:20]}@h"\n[rules]', "redis.url: holds a password or a key"),
    ("[rules]", f'[eliza]\nurl = "http://{TOKEN[:20]}@h"\n[rules]', "eliza.url: holds a password or a key"),
    (
        "[rules]",
        '[chain]\nrpc_urls = ["https://h/v2/AAAAAAAAAAAAAAAAAAAAAMLhe4uSeid"]\n[rules]',
        "chain.rpc_urls: has an entry 1 that holds a password or a key",
    ),
]

ENVIRONMENT_FAULTS = [
    ("AUCTION_MANAGER__MARATHON__DAYS", "two", "marathon.days: two must be a whole number"),
    ("AUCTION_MANAGER__MARATHON__DAYS", "2\nx = 1", "marathon.days: 2\\nx = 1 must be a whole number"),
    ("AUCTION_MANAGER__MARATHON__DAYZ", "2", "marathon.dayz: unknown setting; did you mean days?"),
    ("AUCTION_MANAGER__DATA_DIR__X", "2", "data_dir.x: unknown setting"),
    ("AUCTION_MANAGER__", "2", "an empty text: unknown setting"),
    ("AUCTION_MANAGER__MARATHON", "3", "marathon: must be a table of settings"),
    ("AUCTION_MANAGER_MARATHON_DAYS", "2", "marathon.days: AUCTION_MANAGER_MARATHON_DAYS is not read; did you mean"),
    ("AUCTION_MANAGER_X_BEARER_TOKN", TOKEN, "x.bearer_token: AUCTION_MANAGER_X_BEARER_TOKN is not read; did you mean"),
    ("AUCTION_MANAGER__X__BEARER_TOKEN", TOKEN, "x.bearer_token: is a secret, which can only be set by"),
    ("AUCTION_MANAGER_X_BEARER_TOKEN", f"{TOKEN} {TOKEN}", "x.bearer_token: must be one line of printable ASCII"),
    ("AUCTION_MANAGER_X_BEARER_TOKEN_FILE", "/nowhere/token", "x.bearer_token: cannot be read: No such file"),
    ("AUCTION_MANAGER_X_BEARER_TOKEN_FILE", "/", "x.bearer_token: cannot be read: Is a directory"),
    ("AUCTION_MANAGER_HTTP_OPERATOR_TOKENS", TOKEN, "http.operator_tokens: entry 1 must be name=token"),
    ("AUCTION_MANAGER_HTTP_OPERATOR_TOKENS", "a=short", "http.operator_tokens: entry 1 must be name=token"),
    ("AUCTION_MANAGER_HTTP_OPERATOR_TOKENS", f"a={TOKEN},a={TOKEN}", "http.operator_tokens: entry 2 repeats a name"),
]
