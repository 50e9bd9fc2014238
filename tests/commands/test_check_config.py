"""`check-config`: the calendar of sound settings, and every fault of others, as people and programs are told."""

import json
from pathlib import Path

import pytest

from adapters import process_file
from auction.rules import rules_hash
from settings import begins_late, load
from tests.commands.line import Line, process
from tests.harness.faulty_settings import ENVIRONMENT_FAULTS, FAULTS, SOUND, TOKEN

# Two days around the end of daylight saving time, the second with a reserve of its own.
AUTUMN = SOUND.replace('"2027-03-01"', '"2026-10-31"').replace('title = "One"', 'title = "One [bold]"')
OWN_RESERVE = AUTUMN.replace('title = "Two"', 'title = "Two", reserve = "2 ETH"')

CHECK = ("check-config", "--begin-late", "--config")  # whatever the date of today
BELOW_THE_CALENDAR = 5  # lines


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(AUTUMN)
    return path


@pytest.mark.requirement("LIFE-2", "CFG-2")
def test_in_a_pipe_each_day_is_one_plain_line_with_its_instants(line: Line, config: Path) -> None:
    said = line(*CHECK, str(config))
    assert (said.code, said.err) == (0, "")
    heading, *days, rules, posts, quiet, war, _, prices = said.out.splitlines()
    assert "opens (UTC)" in heading
    assert len(days) == 2
    assert "15:00 EDT to 16:00 EDT" in days[0]
    assert "2026-10-31T19:00:00Z" in days[0]
    assert "One [bold]" in days[0]
    assert "2026-11-01T20:00:00Z" in days[1]
    assert days[1].endswith("the clocks have changed since the day before: opens 20:00, not 19:00 UTC")
    assert rules == f"rules of every day: {rules_hash(load(config, {}).rules_for(1))}"
    assert posts == "posts of 2 days composed: X takes all 14"
    assert quiet.startswith("X, a day with 100 replies: at the most 100 posts, 100 posts and 100 users read, ")
    assert war.endswith("$161.50")
    assert prices == "(prices of 2026-08-22, docs/x-costs.md)"
    assert said.out.isascii()
    assert "\x1b" not in said.out


@pytest.mark.requirement("CFG-2", "LIFE-7")
def test_rules_that_differ_are_named_day_by_day_as_in_the_posts(line: Line, config: Path) -> None:
    config.write_text(OWN_RESERVE)
    _, *days = line(*CHECK, str(config)).out.splitlines()[:-BELOW_THE_CALENDAR]
    settings = load(config, {})
    assert len(days) == 2
    for number, day in enumerate(days, 1):
        assert f" {rules_hash(settings.rules_for(number))[:16]} " in day


@pytest.mark.requirement("CFG-2", "CHN-5")
def test_with_a_chain_the_cost_of_a_settlement_is_told(line: Line, config: Path) -> None:
    config.write_text(f'{AUTUMN}\n[chain]\nrpc_urls = ["http://127.0.0.1:8545"]\ncontract = "0x{"a1" * 20}"\n')
    *_, settling = line(*CHECK, str(config)).out.splitlines()
    assert settling == "X, a day of a settlement: at the most 16 posts and $0.88"


@pytest.mark.requirement("LIFE-2", "CFG-2", "LIFE-7")
def test_as_json_it_is_data(line: Line, config: Path) -> None:
    told = json.loads(line(*CHECK, str(config), "--json").out)
    first, second = told.pop("days")
    assert [paid["dollars"] for paid in told.pop("x_costs_a_day")][:2] == ["$3.10", "$161.50"]
    assert told == {"ok": True, "marathon": "small", "time_zone": "America/New_York"}
    assert [post["what"] for post in first["posts"]][:2] == ["auction post", "closing soon"]
    assert first.pop("posts")[0]["text"].startswith("Day 1: One [bold]\nBid by replying with #Tag and an amount")
    assert first == {
        "day": 1,
        "local_date": "2026-10-31",
        "opens_at": "2026-10-31T19:00:00Z",
        "closes_at": "2026-10-31T20:00:00Z",
        "opens_at_ms": 1793473200000,
        "closes_at_ms": 1793476800000,
        "token_id": 1,
        "title": "One [bold]",
        "image": "",
        "rules_hash": rules_hash(load(config, {}).rules_for(1)),
        "notes": [],
    }
    assert len(second["notes"]) == 1


@pytest.mark.requirement("CFG-1", "CFG-3")
def test_the_effective_settings_are_those_in_force_without_their_secrets(
    line: Line, config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUCTION_MANAGER__RULES__RESERVE", "0.3 ETH")
    monkeypatch.setenv("AUCTION_MANAGER_X_BEARER_TOKEN", TOKEN)
    said = line("check-config", "--effective", "--config", str(config))
    assert (said.code, said.err) == (0, "")
    assert 'reserve = "0.3 ETH"' in said.out
    assert "# bearer_token is set: ***" in said.out
    printed = tmp_path / "printed.toml"
    printed.write_text(said.out)
    assert line(*CHECK, str(printed)).code == 0
    as_json = line("check-config", "--effective", "--json", "--config", str(config)).out
    assert json.loads(as_json)["rules"]["reserve"] == "0.3 ETH"
    assert TOKEN not in said.out + as_json


@pytest.mark.requirement("CFG-2", "CFG-3", "LIFE-1", "LIFE-9", "BID-3")
@pytest.mark.parametrize(("sound", "faulty", "says"), FAULTS)
def test_a_faulty_configuration_is_told_in_a_line_that_begins_with_its_path(
    line: Line, config: Path, sound: str, faulty: str, says: str
) -> None:
    config.write_text(SOUND.replace(sound, faulty, 1))
    for command, code in (("check-config", 1), ("status", 2)):
        said = line(command, "--config", str(config))
        assert (said.code, said.out) == (code, "")
        assert [fault[: len(says)] for fault in said.err.splitlines()] == [says]
        assert TOKEN[:20] not in said.err


@pytest.mark.requirement("CFG-1", "CFG-2", "CFG-3")
@pytest.mark.parametrize(("name", "value", "says"), ENVIRONMENT_FAULTS)
def test_a_faulty_environment_is_told_too(
    line: Line, config: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    config.write_text(SOUND)
    monkeypatch.setenv(name, value)
    said = line(*CHECK, str(config))
    assert said.code == 1
    assert said.err.startswith(says)
    assert "Traceback" not in said.err
    assert TOKEN[:20] not in said.err


@pytest.mark.requirement("CFG-2")
def test_all_faults_are_told_at_once_also_to_programs(line: Line, config: Path) -> None:
    config.write_text(SOUND.replace('"0.1 ETH"', '"0 ETH"').replace('"small"', '"No/slash"'))
    said = line(*CHECK, str(config))
    assert [fault.partition(": ")[0] for fault in said.err.splitlines()] == ["marathon.id", "rules.reserve"]
    as_json = line(*CHECK, str(config), "--json")
    assert (as_json.code, as_json.err) == (1, "")
    assert json.loads(as_json.out) == {"ok": False, "faults": said.err.splitlines()}


@pytest.mark.requirement("CFG-2", "CFG-3")
def test_a_process_of_its_own_says_the_same(config: Path) -> None:
    config.write_text(SOUND.replace("days = 2", f'days = 4\nbearer_token = "{TOKEN}"'))
    said = process(*CHECK, str(config))
    assert (said.code, said.out) == (1, "")
    assert [fault.partition(": ")[0] for fault in said.err.splitlines()] == ["marathon.bearer_token", "lots"]
    assert TOKEN[:20] not in said.err


@pytest.mark.requirement("CFG-2", "X-7")
def test_it_tells_in_which_posts_a_title_is_cut(line: Line, config: Path) -> None:
    config.write_text(AUTUMN.replace("One [bold]", "港" * 80))
    said = line(*CHECK, str(config))
    assert said.code == 0
    assert "day 1: the title is too long for the auction post, and cut there" in said.out
    assert "day 2" not in said.out


@pytest.mark.requirement("CFG-2", "X-7")
def test_what_x_would_refuse_is_refused_before_the_marathon(line: Line, config: Path) -> None:
    config.write_text(AUTUMN.replace('hashtag = "Tag"', f'hashtag = "{"港" * 100}"'))
    said = line(*CHECK, str(config))
    assert (said.code, said.out) == (1, "")
    first, *_ = said.err.splitlines()
    assert first == (
        "marathon: the auction post of day 1 is too long for X without any title: "
        "shorten marathon.hashtag or marathon.id, or round the reserve"
    )


@pytest.mark.requirement("CFG-2", "LIFE-2")
def test_a_first_day_that_is_over_is_refused_unless_it_is_meant_or_has_begun_here(
    line: Line, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(AUTUMN.replace("2026-10-31", "2020-10-31"))
    command = ("check-config", "--config", str(config))
    (tmp_path / "data").mkdir(mode=0o700)
    monkeypatch.setenv("AUCTION_MANAGER__DATA_DIR", str(tmp_path / "data"))
    refused = line(*command)
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == (
        "marathon.first_date: 2020-10-31 is over by our clock, so 2 of 2 days would be announced as not held; "
        "name a later date or, if that is meant, say --begin-late\n"
    )
    assert line(*command, "--begin-late").code == 0
    process_file.write(tmp_path / "data", process_file.ProcessFile("small", 1, 2))
    assert line(*command).code == 0


@pytest.mark.requirement("LIFE-2")
def test_a_marathon_begins_late_once_the_close_of_its_first_day_has_come(config: Path) -> None:
    first, second = load(config, {}).windows()
    assert begins_late([first, second], first.closes_at_ms - 1) == ""
    assert " so 1 of 2 days " in begins_late([first, second], first.closes_at_ms)
    assert begins_late([], first.closes_at_ms) == ""
