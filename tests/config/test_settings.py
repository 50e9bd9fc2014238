"""What a configuration means once it is read: values, overrides, secrets, and the masked print."""

import pickle
from datetime import date, time
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

import settings
from auction.rules import RULES_VERSION
from config import Secret, masked_toml
from messages.base import Lot, Rules, Wei
from setting_sections import MarathonSettings
from settings import Settings, SettingsError, load

SMALL = """
lots = [{ token_id = 1, title = "One" }, { token_id = 2, title = "Two", reserve = "2 ETH", increment = "0.5 ETH" }]
[marathon]
id = "small"
days = 2
first_date = "2027-03-01"
hashtag = "Tag"
"""

LIVE = """
lots = [{ token_id = 1, title = "One" }]
environment = "production"
[marathon]
id = "live"
days = 1
first_date = "2027-03-01"
hashtag = "Tag"
[x]
mode = "live"
account_id = 12
handle = "house"
"""

CREDENTIALS = {
    f"AUCTION_MANAGER_X_{key}": f"secret-of-{key}".lower()
    for key in ("BEARER_TOKEN", "CONSUMER_KEY", "CONSUMER_SECRET", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET")
}


class Read(Protocol):
    def __call__(self, text: str, environ: dict[str, str] | None = None) -> Settings: ...


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str, environ: dict[str, str] | None = None) -> Settings:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return load(path, environ or {})

    return read


@pytest.mark.requirement("CFG-1", "LIFE-1")
def test_the_shipped_file_is_simulated_and_names_every_setting_at_its_default() -> None:
    shipped = load(None, {})
    assert (shipped.environment, shipped.x.mode, shipped.redis.url, shipped.chain.rpc_urls) == (
        "local",
        "simulated",
        "",
        (),
    )
    least = Settings(lots=shipped.lots, marathon=shipped.marathon)
    assert msgspec.structs.replace(least, lots_dir=shipped.lots_dir, http=shipped.http) == shipped
    assert msgspec.structs.replace(shipped.http, inject_enabled=False) == least.http
    written = settings.SHIPPED.read_text()
    for line in masked_toml(shipped).splitlines():
        key = line.lstrip("# ").split(" ")[0]
        assert key in written, f"config.toml does not name {key}"


@pytest.mark.requirement("LIFE-1")
def test_without_a_word_about_it_a_marathon_has_thirty_afternoons_in_new_york(read: Read) -> None:
    marathon = load(None, {}).marathon
    default = MarathonSettings(id="a", first_date=date(2027, 3, 1), hashtag="Tag")
    for its in (marathon, default):
        assert (its.days, its.window_start, its.window_end) == (30, time(15), time(16))
        assert its.time_zone == "America/New_York"


@pytest.mark.requirement("LIFE-9")
def test_a_lot_may_have_a_reserve_and_an_increment_of_its_own(read: Read) -> None:
    small = read(SMALL)
    assert small.rules_for(1) == Rules(
        hashtag="Tag",
        reserve_wei=Wei(10**17),
        increment_wei=Wei(10**16),
        increment_basis_points=500,
        soft_close_ms=300_000,
        soft_close_cap_ms=3_600_000,
        delivery_allowance_ms=30_000,
        close_bound_ms=1_800_000,
        minimum_account_age_ms=2_592_000_000,
        rate_limit_posts=10,
        rate_limit_window_ms=60_000,
        hold_above_wei=Wei(1000 * 10**18),
        closing_soon_ms=(1_200_000, 600_000, 60_000),
        version=RULES_VERSION,
        runner_up_basis_points=8_000,
    )
    assert (small.rules_for(2).reserve_wei, small.rules_for(2).increment_wei) == (2 * 10**18, 5 * 10**17)
    assert small.lot_for(2) == Lot(token_id=2, title="Two")
    for day in (0, 3):
        with pytest.raises(ValueError, match=f"no day {day}"):
            small.lot_for(day)


@pytest.mark.requirement("LIFE-9")
def test_images_are_found_beside_the_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "lots").mkdir()
    (tmp_path / "lots" / "one.png").touch()
    small = read(SMALL.replace('title = "One"', 'title = "One", image = "one.png"'))
    assert small.lots_dir / small.lot_for(1).image == tmp_path / "lots" / "one.png"


@pytest.mark.requirement("CFG-1")
@pytest.mark.parametrize(
    ("name", "value", "path", "expected"),
    [
        ("AUCTION_MANAGER__MARATHON__DAYS", "1", "marathon.days", 1),
        ("AUCTION_MANAGER__MARATHON__ID", "2027", "marathon.id", "2027"),
        ("AUCTION_MANAGER__MARATHON__ID", '"quoted"', "marathon.id", "quoted"),
        ("AUCTION_MANAGER__MARATHON__FIRST_DATE", "2028-02-29", "marathon.first_date", date(2028, 2, 29)),
        ("AUCTION_MANAGER__MARATHON__WINDOW_END", "17:30", "marathon.window_end", time(17, 30)),
        ("AUCTION_MANAGER__MARATHON__TIME_ZONE", "EST", "marathon.time_zone", "EST"),
        ("AUCTION_MANAGER__RULES__RESERVE", "0.3 ETH", "rules.reserve_wei", 3 * 10**17),
        ("AUCTION_MANAGER__RULES__SOFT_CLOSE", "90 s", "rules.soft_close_ms", 90_000),
        ("AUCTION_MANAGER__RULES__INCREMENT_PERCENT", "2.5 %", "rules.increment_percent_basis_points", 250),
        ("AUCTION_MANAGER__SETTLEMENT__RUNNER_UP_SHARE", "0 %", "settlement.runner_up_share_basis_points", 0),
        ("AUCTION_MANAGER__RULES__LEADER_MAY_REBID", "true", "rules.leader_may_rebid", True),
        ("AUCTION_MANAGER__REDIS__URL", "redis://store:6379/0", "redis.url", "redis://store:6379/0"),
        ("AUCTION_MANAGER__HTTP__INJECT_ENABLED", "false", "http.inject_enabled", False),
        ("AUCTION_MANAGER__HTTP__PUBLIC_PORT", "0", "http.public_port", 0),
        ("AUCTION_MANAGER__ENVIRONMENT", "staging", "environment", "staging"),
        ("AUCTION_MANAGER__DATA_DIR", "/var/data", "data_dir", Path("/var/data")),
    ],
)
def test_every_key_can_be_overridden_from_the_environment(
    read: Read, name: str, value: str, path: str, expected: object
) -> None:
    found = read(SMALL, {name: value})
    for part in path.split("."):
        found = getattr(found, part)
    assert found == expected


@pytest.mark.requirement("CFG-1")
def test_the_list_of_lots_can_be_overridden_too(read: Read) -> None:
    lots = '[{ token_id = 8, title = "Eight" }, { token_id = 9, title = "Nine" }]'
    assert read(SMALL, {"AUCTION_MANAGER__LOTS": lots}).lot_for(2).title == "Nine"


@pytest.mark.requirement("CFG-1")
def test_dates_and_times_may_be_those_of_toml(read: Read) -> None:
    small = read(SMALL.replace('"2027-03-01"', "2027-03-01\nwindow_start = 14:00:00"))
    assert (small.marathon.first_date, small.marathon.window_start) == (date(2027, 3, 1), time(14))


@pytest.mark.requirement("CFG-1", "CFG-2")
def test_what_is_printed_is_read_again_to_the_same_settings(read: Read) -> None:
    first = read(
        SMALL, {"AUCTION_MANAGER__RULES__INCREMENT_PERCENT": "0.05 %", "AUCTION_MANAGER__X__SWEEP_LAG": "1.5 s"}
    )
    assert read(masked_toml(first)) == first


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    ("environment", "written", "enabled"),
    [("local", "", True), ("local", "false", False), ("staging", "", False), ("staging", "false", False)],
)
def test_injection_is_on_where_all_is_local_unless_it_is_switched_off(
    read: Read, environment: str, written: str, enabled: bool
) -> None:
    environ = {"AUCTION_MANAGER__ENVIRONMENT": environment}
    if written:
        environ["AUCTION_MANAGER__HTTP__INJECT_ENABLED"] = written
    assert read(SMALL, environ).http.inject_enabled is enabled


@pytest.mark.requirement("CFG-3", "SUP-4")
def test_a_live_marathon_takes_its_credentials_from_the_environment(read: Read) -> None:
    live = read(LIVE, CREDENTIALS)
    assert live.x.bearer_token == Secret("secret-of-bearer_token")
    assert live.x.base_url == "https://api.x.com"
    assert not live.http.inject_enabled


@pytest.mark.requirement("CFG-3")
def test_a_credential_may_stand_in_a_file_of_its_own(read: Read, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    (tmp_path / "tokens").write_text("alice=0123456789abcdef\nbob=fedcba9876543210\n")
    small = read(
        SMALL,
        {
            "AUCTION_MANAGER_ELIZA_API_KEY_FILE": str(tmp_path / "token"),
            "AUCTION_MANAGER_ELIZA_API_KEY": "",
            "AUCTION_MANAGER_HTTP_OPERATOR_TOKENS_FILE": str(tmp_path / "tokens"),
        },
    )
    assert small.eliza.api_key
    assert small.eliza.api_key.reveal() == "from-a-file"
    assert {name: token.reveal() for name, token in small.http.operator_tokens.items()} == {
        "alice": "0123456789abcdef",
        "bob": "fedcba9876543210",
    }


@pytest.mark.requirement("CFG-1", "CFG-3")
def test_a_secret_is_never_printed(read: Read) -> None:
    environ = CREDENTIALS | {"AUCTION_MANAGER_HTTP_OPERATOR_TOKENS": "alice=0123456789abcdef,bob=fedcba9876543210"}
    live = read(LIVE, environ)
    for shown in (masked_toml(live), repr(live), str(live), f"{live.x.bearer_token} {live.http}"):
        assert "secret-of" not in shown
        assert "0123456789abcdef" not in shown
    assert "# bearer_token is set: ***" in masked_toml(live)
    assert "# operator_tokens is set: alice=***, bob=***" in masked_toml(live)
    assert "# api_key is not set" in masked_toml(live)
    with pytest.raises(TypeError):
        msgspec.json.encode(live.x)
    with pytest.raises(TypeError):
        pickle.dumps(live.x.bearer_token)


@pytest.mark.requirement("CFG-3")
def test_the_key_of_a_node_is_filled_into_its_address_only_on_demand(read: Read) -> None:
    urls = '["https://a.example/v2/{key}", "https://b.example", "https://c.example/{key}"]'
    chain = f'[chain]\nrpc_urls = {urls}\ncontract = "0x{"a1" * 20}"\n'
    for keys, a, c in (("abc123", "abc123", "abc123"), ("abc123,def456", "abc123", "def456")):
        small = read(SMALL + chain, {"AUCTION_MANAGER_CHAIN_RPC_KEY": keys})
        addresses = [address.reveal() for address in small.chain.addresses()]
        assert addresses == [f"https://a.example/v2/{a}", "https://b.example", f"https://c.example/{c}"]
        assert "abc123" not in repr(small)
    assert read(SMALL).chain.addresses() == []


@pytest.mark.requirement("CFG-3")
def test_there_is_one_operators_key_and_it_is_never_shown(read: Read) -> None:
    chain = f'[chain]\nrpc_urls = ["http://127.0.0.1:8545"]\ncontract = "0x{"a1" * 20}"\n'
    environ = {"AUCTION_MANAGER_CHAIN_OPERATOR_KEY": "11" * 32}
    small = read(SMALL + chain, environ)
    assert small.chain.operator_key
    assert "11" * 32 not in f"{small!r} {masked_toml(small)}"
    both = environ | {"AUCTION_MANAGER_CHAIN_OPERATOR_KEY_PASSWORD": "opens-it"}
    with pytest.raises(SettingsError, match="AUCTION_MANAGER_CHAIN_OPERATOR_KEY is another one"):
        read(SMALL + chain + 'operator_keyfile = "key.json"\n', both)


@pytest.mark.requirement("CFG-1")
def test_the_variables_of_others_are_left_alone(read: Read) -> None:
    others = {"AUCTION_MANAGER_CONFIG": "x", "AUCTION_MANAGER_REDIS_PORT": "tcp://10.0.0.1:6379", "HOME": "/"}
    assert read(SMALL, others) == read(SMALL)


def test_settings_can_be_changed_in_code_without_a_file() -> None:
    shipped = load(None, {})
    rules = msgspec.structs.replace(shipped.rules, soft_close_ms=150, soft_close_cap_ms=900)
    assert msgspec.structs.replace(shipped, rules=rules).rules_for(1).soft_close_ms == 150
