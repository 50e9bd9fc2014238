"""What becomes of the plan when the configuration was changed between two starts: what is kept, taken over, refused.

A day that has begun stays as it was announced, and so does one on which a lot comes again. What is still to come
follows the configuration, as long as it is to come. Pure; who reads the store and the settings is `supervisor`.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from actors.scheduler.day_plan import DayPlan, FurtherDay, Plan
from actors.scheduler.house_state import HouseState


class PlanRefused(Exception):
    """The configured days cannot follow those that were; the text is one line for whoever has configured them."""


class CarriedOn(msgspec.Struct, frozen=True):
    """The days to go on with, in the order of their numbers, and what of the configuration comes too late, in words."""

    plan: list[DayPlan]
    too_late: list[str]


def carried_on(
    configured: Sequence[DayPlan],
    stored: Sequence[DayPlan],
    state: HouseState,
    now_ms: int,
    further: Sequence[FurtherDay] = (),
) -> CarriedOn:
    """The configured days, after those that were stored before (none: the first start, or their key is damaged) and
    what has become of them. `further` are the dates for lots that come again. Raises PlanRefused."""
    wanted, before = _by_number(configured), _by_number(stored)
    kept = {day: before[day] for day in {*state.started, *state.added} if day in before}
    plan = Plan([*{**wanted, **kept}.values()], further)
    try:
        plan.restore(state.added)  # where the store has lost its plan
    except KeyError:
        raise PlanRefused("the dates of lots that come again have changed: configure the days as they were") from None
    if unknown := sorted(set(state.started) - plan.keys()):
        raise PlanRefused(f"day {unknown[0]} has begun, but neither the store nor the configuration knows it any more")
    for day in state.added:
        if day in wanted and wanted[day].lot != plan[day].lot:
            raise PlanRefused(
                f"marathon.days: day {day} would be of {wanted[day].lot.title!r}, but it was given to "
                f"{plan[day].lot.title!r}, whose day {state.added[day]} was not held: no days can be added any more"
            )
    for day in sorted(wanted.keys() - kept.keys()):
        if state.ended:
            raise PlanRefused(
                f"marathon.days: day {day} comes after the end of this marathon: more days need another marathon.id"
            )
        opens_at_ms = wanted[day].window.opens_at_ms
        has_moved = day not in before or opens_at_ms != before[day].window.opens_at_ms
        if stored and has_moved and opens_at_ms <= now_ms:
            raise PlanRefused(
                f"marathon.first_date: day {day} ({wanted[day].window.local_date}) is moved into the past by our "
                "clock: a day that has not begun can only be moved to a time to come"
            )
    _refuse_overlaps(plan, state)
    return CarriedOn([plan[day] for day in sorted(plan)], list(_too_late(wanted, kept, state)))


def _by_number(days: Sequence[DayPlan]) -> dict[int, DayPlan]:
    return {day.window.day: day for day in days}


def _refuse_overlaps(plan: dict[int, DayPlan], state: HouseState) -> None:
    to_come = sorted(
        (day for day in plan.values() if day.window.day not in state.finished), key=lambda day: day.window.opens_at_ms
    )
    for day, following in pairwise(to_come):
        if following.window.opens_at_ms < day.window.closes_at_ms:
            raise PlanRefused(
                f"marathon.first_date: day {following.window.day} ({following.window.local_date}) would begin before "
                f"day {day.window.day} ({day.window.local_date}) is over"
            )


def _too_late(wanted: dict[int, DayPlan], kept: dict[int, DayPlan], state: HouseState) -> Iterator[str]:
    for day in state.open:
        if day not in wanted:
            yield f"day {day} has begun and is held to its end, though the configuration has no such day any more"
        elif wanted[day] != kept.get(day, wanted[day]):
            yield f"day {day} has begun: its lot, its times and its rules stay as they were announced"
