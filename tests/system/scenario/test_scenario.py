"""Scenarios played as their users play them: processes, a store and a simulated X of their own."""

import json
import re
from pathlib import Path

import pytest

from tests.harness import ROOT
from tests.harness.running_demo import command

pytestmark = pytest.mark.timeout(180)

INJECTED = """
title = "A guest, and a withdrawal"
[demo]
day_seconds = 6
bids = 10
[[step]]
at = "1 s"
inject = { type = "PlaceBid", text = "777 ETH #AuctionDay", author_id = 42, author_handle = "guest" }
[[step]]
at = "2 s"
inject = { type = "WithdrawBid", post_id = 7, cause = "deleted" }
[expect]
log = { BidAccepted = 1, ResultNamed = 1, StrikeGiven = 0, CloseOverdue = 0 }
[[expect.day]]
day = 1
winner = "guest"
"""
UNMET = """
title = "Nobody crashes"
[demo]
day_seconds = 5
bids = 10
[expect]
restarts = { announcer = 1 }
[[expect.day]]
day = 1
winner = "nobody_at_all"
"""
UNKNOWN = 'title = "t"\n[[step]]\nat = "1 s"\ncrash = "annoncer"\n[expect]\nright = true\nrestarts = { ingest = 0 }\n'


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a scenario leaves behind goes with the test."""
    (tmp_path / "t").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "t"))


def write(file: Path, text: str) -> str:
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.requirement("TST-2", "SUP-4")
def test_the_example_of_the_document_passes_and_leaves_a_report(tmp_path: Path) -> None:
    told = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    [example] = re.findall(r"```toml\n(.*?)```", told, re.DOTALL)
    file = write(tmp_path / "example.toml", example)
    done = command("scenario", file, "--report", str(tmp_path / "new" / "report.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed in" in done.stdout
    report = json.loads((tmp_path / "new" / "report.json").read_text(encoding="utf-8"))
    assert (report["scenario"], report["passed"]) == ("A bid that is taken back", True)
    assert [step["failed"] for step in report["steps"]] == [None] * 7
    assert report["demo"]["right"] is True
    assert {"expects": "day 1 winner", "wanted": "dora", "seen": "dora", "met": True} in report["expectations"]
    # The document's report has the fields of a true one.
    [shown] = re.findall(r"```json\n(.*?)```", told, re.DOTALL)
    assert json.loads(shown).keys() == report.keys()


@pytest.mark.requirement("SUP-4")
def test_what_is_injected_enters_the_log_as_injected_and_all_of_it_stays_in_the_data_directory(tmp_path: Path) -> None:
    file, data_dir = write(tmp_path / "s.toml", INJECTED), str(tmp_path / "data")
    done = command("scenario", file, "--data-dir", data_dir, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["passed"], report["demo"]["posts"]) == (True, "ok")
    logged = command("log", "--json", "--data-dir", data_dir).stdout
    assert re.search(r'"bidder_handle":"guest".*"source":"injected:', logged)
    posted = [line for line in logged.splitlines() if '"PostAttempted"' in line]
    assert posted
    assert not [line for line in posted if "guest" in line or "777 ETH" in line or "result:" in line]
    again = command("scenario", file, "--data-dir", data_dir)
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)
    assert "is not empty" in again.stderr


@pytest.mark.requirement("TST-2")
def test_several_end_in_a_table_and_fail_when_one_does(tmp_path: Path) -> None:
    files = [write(tmp_path / "unmet.toml", UNMET), write(tmp_path / "unknown.toml", UNKNOWN)]
    done = command("scenario", *files, "--report", str(tmp_path / "reports"))
    assert done.returncode == 1, done.stdout + done.stderr
    unmet, unknown = done.stdout.splitlines()[1:]
    assert re.search(r"^unmet +NO .* 3 of 5 ", unmet)
    assert "restarts.announcer: 0, not at least 1" in unmet
    report = json.loads((tmp_path / "reports" / "unmet.json").read_text(encoding="utf-8"))
    assert report["passed"] is False
    assert report["demo"]["right"] is True
    assert re.search(r"^unknown +NO .* left no report: .*unknown\.log", unknown)
    words = (tmp_path / "reports" / "unknown.log").read_text(encoding="utf-8")
    assert "unknown.toml: step[0].crash: there is no actor 'annoncer'; there are lease_keeper, " in words
    assert "unknown.toml: expect.restarts.ingest: there is no actor 'ingest'" in words
    assert "Traceback" not in words
    # What was wrong can be looked into; what was never played leaves nothing.
    [kept] = (tmp_path / "t").glob("scenario-*")
    told = (tmp_path / "reports" / "unmet.log").read_text(encoding="utf-8")
    assert f"what happened stands in {kept}" in told
    assert "ResultNamed" in command("log", "--json", "--data-dir", str(kept)).stdout


def test_faults_of_every_file_are_told_before_anything_is_played(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.toml", "colour = 3\n"), write(tmp_path / "b.toml", "title = 5\n")
    done = command("scenario", first, second, str(tmp_path / "none.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{first}: colour: unknown setting\n" in done.stderr
    assert f"{second}: title: 5 must be a title" in done.stderr
    assert f"{tmp_path / 'none.toml'}: cannot be read: No such file or directory\n" in done.stderr
