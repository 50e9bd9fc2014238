"""The whole way of a bid, in processes as they are run: it ends right, whatever is killed meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.launch import PORT_FILE, ask_x
from tests.harness.processes import end_world
from tests.harness.running_demo import RunningDemo, command

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "demo"
    end_world(tmp_path / "demo")


@pytest.mark.requirement("BID-9", "X-3", "X-5", "RED-5")
def test_a_marathon_ends_as_the_ground_truth_says(data_dir: Path) -> None:
    with RunningDemo(data_dir, "--days", "2", "--day-seconds", "10", "--seed", "7") as demo:
        assert demo.wait() == 0, demo.said()
        report = demo.report()
    assert report["right"] is True, report
    assert report["audit"] == "ok"
    assert [day["day"] for day in report["days"]] == [1, 2]
    assert all(day["outcome"] == "sold" and day["accepted"] > 5 and day["refused"] for day in report["days"])
    settlements = [day["settlement"] for day in report["days"]]
    assert [one["stage"] for one in settlements] == ["FINAL", "FINAL"]
    assert settlements[0]["buyer"] != report["days"][0]["winner"], "the first winner does not pay"
    assert all(one["token_owner"].startswith("0x") for one in settlements)

    # What it has left behind can be read without it.
    audited = command("audit", "--json", "--data-dir", str(data_dir))
    assert json.loads(audited.stdout)["ok"] is True, audited.stderr
    told = command("log", "--data-dir", str(data_dir)).stdout.splitlines()
    assert "MarathonStarted" in told[0]
    assert any("MarathonEnded" in line for line in told[-6:])


@pytest.mark.requirement("BID-9", "SUP-1", "RED-4", "X-5")
def test_a_demo_killed_at_three_moments_goes_on_and_ends_right(data_dir: Path) -> None:
    options = ("--days", "1", "--day-seconds", "20", "--seed", "3")
    with RunningDemo(data_dir, *options) as demo:
        demo.until("opening", lambda: demo.count("AuctionOpened") == 1)
    with RunningDemo(data_dir, *options) as demo:
        demo.until("bids", lambda: demo.count("accepted ") >= 8)
    with RunningDemo(data_dir, *options) as demo:
        demo.until("frozen end", lambda: demo.count("EndFrozen") == 1)
    with RunningDemo(data_dir, *options) as demo:
        assert demo.wait() == 0, demo.said()
        report = demo.report()
        assert demo.count("result ") == 1
    assert report["right"] is True, report


@pytest.mark.requirement("SUP-1", "SUP-3", "SUP-4", "SUP-5", "BID-9")
def test_a_crash_of_each_actor_in_turn_changes_nothing(data_dir: Path) -> None:
    with RunningDemo(data_dir, "--days", "1", "--day-seconds", "20", "--seed", "5") as demo:
        demo.until("bids", lambda: demo.count("accepted ") >= 2)
        actors = json.loads(demo.command("status", "--json").stdout)["actors"]
        names = [actor["name"] for actor in actors]
        assert "demo-01" in names
        crashes = data_dir.parent / "crashes.jsonl"
        crashes.write_text("".join(json.dumps({"type": "crash", "actor": name}) + "\n" for name in names))
        assert demo.command("inject", "--file", str(crashes)).returncode == 0

        def all_back() -> bool:
            now = json.loads(demo.command("status", "--json").stdout)["actors"]
            return all(actor["restarts"] == 1 and actor["state"] == "READY" for actor in now)

        demo.until("restart of everyone", all_back)
        assert demo.wait() == 0, demo.said()
        report = demo.report()
    assert report["right"] is True, report


@pytest.mark.requirement("SUP-4")
def test_an_injected_bid_enters_where_a_real_one_does_and_says_so(data_dir: Path) -> None:
    with RunningDemo(data_dir, "--days", "1", "--day-seconds", "30", "--seed", "5") as demo:
        demo.until("opening", lambda: demo.count("AuctionOpened") == 1)
        done = demo.command("inject", "PlaceBid", "text=777 ETH #AuctionDay", "author_id=42", "author_handle=guest")
        assert (done.returncode, done.stdout) == (0, "injected: PlaceBid\n"), done.stderr
        demo.until("the guest's bid", lambda: demo.count("accepted  @guest 777 ETH") == 1)
        logged = demo.command("log", "--json").stdout
        assert '"source":"injected:' in logged


@pytest.mark.requirement("LIFE-8", "BID-8")
def test_an_operator_takes_a_bid_out_pauses_and_resumes_and_the_log_says_by_whom(data_dir: Path) -> None:
    # What he orders the ground truth knows nothing of: this demo is not asked whether it is right, and is killed.
    def current(demo: RunningDemo) -> dict[str, Any]:
        stage: dict[str, Any] = json.loads(demo.command("status", "--json").stdout)["current"]
        return stage

    def order(demo: RunningDemo, *arguments: str) -> None:
        done = demo.command(*arguments)
        assert (done.returncode, done.stdout) == (0, f"ordered: {arguments[0]} in demo-01\n"), done.stderr

    with RunningDemo(data_dir, "--days", "1", "--day-seconds", "200", "--seed", "5") as demo:
        demo.until("opening", lambda: demo.count("AuctionOpened") == 1)
        port = int((data_dir / PORT_FILE).read_text())
        bid = {"author": "guest", "text": "777 ETH #AuctionDay", "reply_to": current(demo)["post_id"]}
        ask_x(port, "POST", "/_sim/post", bid)
        demo.until("the guest's bid", lambda: current(demo)["leader_handle"] == "guest")
        post = current(demo)["leader_post_id"]
        foretold = demo.command("invalidate", post, "--why", "a guest", "--dry-run")
        assert "@guest leads with 777 ETH" in foretold.stdout
        assert current(demo)["leader_handle"] == "guest"
        order(demo, "invalidate", post, "--why", "a guest")
        demo.until("another leader", lambda: current(demo)["leader_handle"] != "guest")
        demo.until("the log", lambda: demo.count(f"BidInvalidated {post} (ordered by local: a guest)") == 1)

        ends_at_ms = current(demo)["ends_at_ms"]
        order(demo, "pause", "--why", "a storm")
        demo.until("the pause", lambda: demo.count("(ordered by local: a storm)") == 1)
        order(demo, "resume", "--why", "it is over")
        demo.until("the resumption", lambda: demo.count("(ordered by local: it is over)") == 1)
        assert current(demo)["ends_at_ms"] > ends_at_ms

        wrong = demo.command("skip", "2", "--why", "there is none")
        assert (wrong.returncode, wrong.stderr) == (1, "auction-manager: this marathon has no day 2\n")
    audited = command("audit", "--json", "--data-dir", str(data_dir))
    assert json.loads(audited.stdout)["ok"] is True, audited.stderr


def test_a_second_supervisor_is_refused_with_one_line(data_dir: Path) -> None:
    options = ("--days", "1", "--day-seconds", "30", "--seed", "5")
    with RunningDemo(data_dir, *options) as demo:
        demo.until("start", lambda: demo.count("stage page") == 1)
        second = command("demo", *options, "--data-dir", str(data_dir))
        assert second.returncode == 1
        assert len(second.stderr.splitlines()) == 1
        assert "another supervisor works" in second.stderr


WRONG = [
    (("demo", "--days", "0"), 2, "'0' is not a number from 1 to 99"),
    (("demo", "--day-seconds", "soon"), 2, "'soon' is not a number"),
    (("demo", "--report", "r.json"), 1, "--once"),
    (("demo", "--unknown"), 2, "unrecognized arguments"),
    (("status", "--data-dir", "nowhere"), 1, "no marathon has run in nowhere"),
    (("audit", "--data-dir", "nowhere"), 1, "no marathon has run in nowhere"),
    (("inject", "--data-dir", "nowhere"), 1, "TYPE key=value"),
    (("inject", "crash", "actor", "--data-dir", "nowhere"), 1, "'actor' is not key=value"),
    (("log", "--config", "missing.toml"), 2, "missing.toml"),
    (("launch",), 2, "invalid choice"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_a_command_used_wrongly_says_what_is_wrong(arguments: tuple[str, ...], code: int, words: str) -> None:
    done = command(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "played", [("demo", "--once"), ("scenario", "scenarios/normal_day.toml")], ids=["demo", "scenario"]
)
def test_a_report_that_cannot_be_written_is_told_before_anything_is_played(
    played: tuple[str, ...], data_dir: Path
) -> None:
    done = command(*played, "--report", "README.md/r.json", "--data-dir", str(data_dir))
    assert (done.returncode, done.stderr) == (1, "auction-manager: README.md: File exists\n")
    assert not data_dir.exists()
