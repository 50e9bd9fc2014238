"""Judges a scenario: compares the expectations of its file with what was seen, and makes the report. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from auction.units import format_duration
from commands.report import Report
from commands.scenario_file import ExpectedDay, Scenario
from commands.scenario_play import Played
from messages.base import Wei
from messages.money import format_eth


class Expectation(msgspec.Struct, frozen=True):
    """One expectation: its path in the file, what was wanted, what was seen, and whether it was met."""

    expects: str
    wanted: str
    seen: str
    met: bool


class Seen(msgspec.Struct, frozen=True):
    """What a played scenario has shown: `kinds` counts events of the log, `restarts` and `states` are by actor."""

    exit_code: int
    ended: bool
    steps: list[Played]
    kinds: Mapping[str, int]
    restarts: Mapping[str, int]
    states: Mapping[str, str]
    demo: Report


class ScenarioReport(msgspec.Struct, frozen=True):
    """The report file; `passed` says that every expectation was met."""

    scenario: str
    file: str
    passed: bool
    seconds: float
    expectations: list[Expectation]
    steps: list[Played]
    demo: Report


def judged(scenario: Scenario, seen: Seen, seconds: float) -> ScenarioReport:
    """Returns the report of a played scenario."""
    found = list(_expectations(scenario, seen))
    passed = all(expectation.met for expectation in found)
    return ScenarioReport(scenario.title, str(scenario.file), passed, seconds, found, seen.steps, seen.demo)


def _expectations(scenario: Scenario, seen: Seen) -> Iterator[Expectation]:
    expect, demo = scenario.expect, seen.demo
    failed = [step for step in seen.steps if step.failed]
    yield _equal("steps", "every one played", "; ".join(f"{step.step}: {step.failed}" for step in failed) or None)
    yield _equal("exit_code", expect.exit_code, seen.exit_code)
    if not expect.exit_code:
        yield _equal("end", "all days over and told", None if seen.ended else "it did not come to its end")
    if expect.right is not None:
        yield Expectation("right", str(expect.right).lower(), _verdict(demo), demo.right == expect.right)
    for day in expect.day:
        yield from _of_day(day, demo)
    for name, least in expect.restarts.items():
        yield _at_least(f"restarts.{name}", least, seen.restarts.get(name, 0))
    for name, state in expect.children.items():
        yield _equal(f"children.{name}", state, seen.states.get(name, "not there"))
    for name, least in expect.refused.items():
        yield _at_least(f"refused.{name}", least, sum(day.refused.get(name, 0) for day in demo.days))
    for name, least in expect.log.items():
        yield _at_least(f"log.{name}", least, seen.kinds.get(name, 0))


def _of_day(day: ExpectedDay, demo: Report) -> Iterator[Expectation]:
    found = next((report for report in demo.days if report.day == day.day), None)
    for name, wanted, seen in (
        ("outcome", day.outcome, found and found.outcome),
        ("winner", day.winner, found and found.winner),
        ("amount", day.amount_wei and format_eth(day.amount_wei), found and _eth(found.amount_wei)),
    ):
        if wanted:
            yield _equal(f"day {day.day} {name}", wanted, seen or "none")
    if day.moved_ms is not None:
        moved_ms = found.moved_ms if found else 0
        wanted = f"at least {format_duration(day.moved_ms)}" if day.moved_ms else "not at all"
        met = moved_ms >= day.moved_ms if day.moved_ms else moved_ms == 0
        yield Expectation(f"day {day.day} moved", wanted, format_duration(moved_ms), met)


def _equal(expects: str, wanted: Any, seen: Any) -> Expectation:
    """Returns the expectation that `seen` equals `wanted`; `seen` None stands for `wanted`."""
    seen = wanted if seen is None else seen
    return Expectation(expects, str(wanted), str(seen), seen == wanted)


def _at_least(expects: str, least: int, seen: int) -> Expectation:
    met = seen >= least if least else seen == 0
    return Expectation(expects, f"at least {least}" if least else "none", str(seen), met)


def _verdict(demo: Report) -> str:
    """Returns "true", or why the demo's report is not right."""
    wrong = [f"day {day.day} differs from the ground truth" for day in demo.days if not day.right]
    wrong += [f"audit: {demo.audit}"] * (demo.audit != "ok") + [f"posts: {demo.posts}"] * (demo.posts != "ok")
    return "true" if demo.right else "; ".join(wrong) or "false"


def _eth(amount_wei: str | None) -> str | None:
    return None if amount_wei is None else format_eth(Wei(amount_wei))
