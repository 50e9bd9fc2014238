"""The configuration may be changed between two starts: what then becomes of the days, row by row as docs/operating.md
has it. Three days of an hour are known; the first is under way."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.scheduler.day_plan import DayPlan, FurtherDay
from actors.scheduler.house_state import HouseState
from actors.scheduler.plan_change import CarriedOn, PlanRefused, carried_on
from auction.calendar import Window
from tests.harness.builders import OPENS_MS
from tests.harness.stage import HOUR_MS, day_plan

DAY_MS = 24 * HOUR_MS
NOW_MS = OPENS_MS + 60_000


def days(*numbers: int, later_ms: int = 0, title: str = "") -> list[DayPlan]:
    """Days that follow each other from `OPENS_MS` on, all later by so much."""
    return [day_plan(day, OPENS_MS + later_ms + (day - 1) * DAY_MS, title=title) for day in numbers]


def again(day: int, of_day: int) -> DayPlan:
    """The lot of one day on another."""
    [at], [missed] = days(day), days(of_day)
    return msgspec.structs.replace(at, lot=missed.lot)


@dataclass
class Change:
    """What was known, what is configured now, and the plan that follows or the words of the refusal."""

    configured: Sequence[DayPlan]
    then: Sequence[DayPlan] | str
    stored: Sequence[DayPlan] = field(default_factory=lambda: days(1, 2, 3))
    state: HouseState = field(default_factory=lambda: HouseState(started=[1]))
    too_late: str = ""
    now_ms: int = NOW_MS
    further: Sequence[DayPlan] = ()


MISSED = HouseState(started=[1], finished=[1], unheld=[1], added={4: 1})
CHANGES = {
    "nothing": Change(days(1, 2, 3), days(1, 2, 3)),
    "the first start, too late for day 1": Change(days(1, 2), days(1, 2), stored=[], state=HouseState()),
    "nothing, and an opening was missed": Change(days(1, 2, 3), days(1, 2, 3), now_ms=NOW_MS + 2 * DAY_MS),
    "more days": Change(days(1, 2, 3, 4, 5), days(1, 2, 3, 4, 5)),
    "fewer days": Change(days(1, 2), days(1, 2)),
    "fewer days than have begun": Change(
        days(1), days(1, 2), state=HouseState(started=[1, 2], finished=[1]), too_late="day 2 has begun and is held"
    ),
    "more days once it has ended": Change(
        days(1, 2, 3, 4), "another marathon.id", state=HouseState(started=[1, 2, 3], finished=[1, 2, 3], ended=True)
    ),
    "a lot came again": Change(days(1, 2, 3), [*days(1, 2, 3), again(4, 1)], [*days(1, 2, 3), again(4, 1)], MISSED),
    "more days after a lot came again": Change(
        days(1, 2, 3, 4, 5), "given to 'Lot 1', whose day 1 was not held", [*days(1, 2, 3), again(4, 1)], MISSED
    ),
    "fewer days after a lot came again": Change(
        days(1, 2), [*days(1, 2), again(4, 1)], [*days(1, 2, 3), again(4, 1)], MISSED
    ),
    "the title of a day to come": Change(
        [*days(1, 2), *days(3, title="Corrected")], [*days(1, 2), *days(3, title="Corrected")]
    ),
    "the title of a day that has begun": Change(
        [*days(1, title="Corrected"), *days(2, 3)], days(1, 2, 3), too_late="day 1 has begun: its lot, its times"
    ),
    "the title of a day that is over": Change(
        [*days(1, title="Corrected"), *days(2, 3)], days(1, 2, 3), state=HouseState(started=[1], finished=[1])
    ),
    "a later first date": Change(
        days(1, 2, 3, later_ms=7 * DAY_MS), [*days(1), *days(2, 3, later_ms=7 * DAY_MS)], too_late="day 1 has begun"
    ),
    "an earlier first date": Change(days(1, 2, 3, later_ms=-DAY_MS), "day 2 (2027-01-02) is moved into the past"),
    "another time zone": Change(
        days(1, 2, 3, later_ms=3 * HOUR_MS), [*days(1), *days(2, 3, later_ms=3 * HOUR_MS)], too_late="day 1 has begun"
    ),
    "a day that would begin in another": Change(
        [*days(1), *days(2, 3, later_ms=-DAY_MS + HOUR_MS // 2)], "day 2 (2027-01-02) would begin before day 1"
    ),
    "nothing, and the stored plan is lost": Change(
        days(1, 2, 3), [*days(1, 2, 3), again(4, 1)], [], MISSED, further=days(4)
    ),
    "a day that nobody knows": Change(days(2), "day 1 has begun, but neither", stored=[]),
}


def carry_on(change: Change) -> CarriedOn:
    dates = [FurtherDay(day.auction_id, day.window) for day in change.further]
    return carried_on(change.configured, change.stored, change.state, change.now_ms, dates)


@pytest.mark.requirement("LIFE-3")
@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_configuration_is_carried_on_or_refused_in_one_line(name: str) -> None:
    change = CHANGES[name]
    if isinstance(change.then, str):
        with pytest.raises(PlanRefused) as refused:
            carry_on(change)
        assert change.then in str(refused.value)
        assert "\n" not in str(refused.value)
        return
    found = carry_on(change)
    assert found.plan == list(change.then)
    assert len(found.too_late) == bool(change.too_late)
    assert change.too_late in "".join(found.too_late)


@pytest.mark.requirement("LIFE-3")
@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 3), st.integers(0, 6 * DAY_MS))
def test_what_was_carried_on_once_is_carried_on_again(count: int, begun: int, shift: int, now_ms: int) -> None:
    stored, started = days(1, 2, 3, 4, 5), list(range(1, begun + 1))
    state = HouseState(started=started, finished=started[:-1])
    configured = days(*range(1, count + 1), later_ms=shift * HOUR_MS)
    try:
        once = carried_on(configured, stored, state, OPENS_MS + now_ms)
    except PlanRefused:
        return
    windows: list[Window] = [day.window for day in once.plan]
    assert [window.day for window in windows] == sorted({*started, *range(1, count + 1)})
    assert carried_on(configured, once.plan, state, OPENS_MS + now_ms) == once
