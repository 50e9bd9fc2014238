"""What was expected, held against what was seen."""

from pathlib import Path
from typing import Any

import pytest

from commands.report import DayReport, Report
from commands.scenario_expect import Expectation, Seen, judged
from commands.scenario_file import read_scenario
from commands.scenario_play import Played

DAY: dict[str, Any] = {
    "outcome": "sold",
    "winner": "anna",
    "amount_wei": str(15 * 10**17),
    "accepted": 3,
    "refused": {"COMMA": 2},
    "settlement": None,
}
RIGHT = Report(1, [DayReport(day=1, **DAY, expected=DAY, moved_ms=1_500)], "ok", "ok", True)


def unmet(folder: Path, expect: str, **shown: Any) -> list[Expectation]:
    file = folder / "s.toml"
    file.write_text(f'title = "t"\n[expect]\n{expect}', encoding="utf-8")
    usual: dict[str, Any] = {
        "exit_code": 0,
        "ended": True,
        "steps": [Played("step[0]", "crash announcer", 5)],
        "kinds": {"BidAccepted": 3},
        "restarts": {"announcer": 1},
        "states": {"announcer": "READY"},
        "demo": RIGHT,
    }
    report = judged(read_scenario(file), Seen(**usual | shown), 1.0)
    assert report.passed == all(one.met for one in report.expectations)
    return [one for one in report.expectations if not one.met]


MET = """
right = true
restarts = { announcer = 1, scheduler = 0 }
refused = { COMMA = 2, ZERO = 0 }
log = { BidAccepted = 3, CloseOverdue = 0 }
children = { announcer = "READY" }
[[expect.day]]
day = 1
outcome = "sold"
winner = "anna"
amount = "1.5 ETH"
moved = "1500 ms"
"""


@pytest.mark.requirement("TST-2")
def test_what_is_as_expected_passes(tmp_path: Path) -> None:
    assert unmet(tmp_path, MET) == []


UNMET = [
    ("restarts = { announcer = 2 }", ("restarts.announcer", "at least 2", "1")),
    ("restarts = { announcer = 0 }", ("restarts.announcer", "none", "1")),
    ("restarts = { scheduler = 1 }", ("restarts.scheduler", "at least 1", "0")),
    ("refused = { COMMA = 3 }", ("refused.COMMA", "at least 3", "2")),
    ("log = { CloseOverdue = 1 }", ("log.CloseOverdue", "at least 1", "0")),
    ('children = { scheduler = "READY" }', ("children.scheduler", "READY", "not there")),
    ("right = false", ("right", "false", "true")),
    ("exit_code = 70", ("exit_code", "70", "0")),
    ('[[expect.day]]\nday = 1\nwinner = "ben"', ("day 1 winner", "ben", "anna")),
    ('[[expect.day]]\nday = 1\namount = "2 ETH"', ("day 1 amount", "2 ETH", "1.5 ETH")),
    ('[[expect.day]]\nday = 1\nmoved = "2 s"', ("day 1 moved", "at least 2 s", "1500 ms")),
    ('[[expect.day]]\nday = 1\nmoved = "0 s"', ("day 1 moved", "not at all", "1500 ms")),
    ('[[expect.day]]\nday = 1\noutcome = "unsold"', ("day 1 outcome", "unsold", "sold")),
]


@pytest.mark.requirement("TST-2")
@pytest.mark.parametrize(("expect", "found"), UNMET, ids=[row[0].replace("\n", " ") for row in UNMET])
def test_what_is_not_as_expected_is_told_with_what_was_seen(
    tmp_path: Path, expect: str, found: tuple[str, str, str]
) -> None:
    assert [(one.expects, one.wanted, one.seen) for one in unmet(tmp_path, expect)] == [found]


def test_an_end_that_never_came_and_a_step_not_played_always_fail(tmp_path: Path) -> None:
    steps = [Played("step[0]", "crash announcer", 10_000, "announcer is RESTARTING")]
    found = unmet(tmp_path, "right = true", ended=False, steps=steps)
    assert [(one.expects, one.seen) for one in found] == [
        ("steps", "step[0]: announcer is RESTARTING"),
        ("end", "it did not come to its end"),
    ]


def test_a_supervisor_that_was_to_give_up_need_not_come_to_the_end(tmp_path: Path) -> None:
    assert unmet(tmp_path, "exit_code = 70", exit_code=70, ended=False) == []


def test_a_report_that_is_not_right_says_why(tmp_path: Path) -> None:
    wrong = Report(1, [DayReport(day=1, **DAY, expected=DAY | {"winner": "ben"})], "seq 7: no", "ok", False)
    [one] = unmet(tmp_path, "right = true", demo=wrong)
    assert one.seen == "day 1 differs from the ground truth; audit: seq 7: no"
