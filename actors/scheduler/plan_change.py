"""Plan changes: merges the configured days with the days of an earlier start, where the configuration was changed in
between.

A day that has begun stays as it was announced, and so does a further day with a lot that comes again. All other days
follow the configuration, but may not be moved into the past. Pure: the caller reads the store and the settings.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from actors.scheduler.day_plan import DayPlan, FurtherDay, Plan
from actors.scheduler.house_state import HouseState


class PlanRefused(Exception):
    """The configured days contradict days that were held or announced before; the text says in one line how."""


class CarriedOn(msgspec.Struct, frozen=True):
    """The merged days in the order of their numbers, and a sentence for each configured change that comes too late."""

    plan: list[DayPlan]
    too_late: list[str]


def carried_on(
    configured: Sequence[DayPlan],
    stored: Sequence[DayPlan],
    state: HouseState,
    now_ms: int,
    further: Sequence[FurtherDay] = (),
) -> CarriedOn:
    """Merge the `configured` days with the `stored` ones, of which there are none at the first start or where their
    key is damaged. `state` tells which days have begun, `further` are the dates for lots that come again, `now_ms`
    is UTC ms. Raises PlanRefused."""
    wanted, before = _by_number(configured), _by_number(stored)
    kept = {day: before[day] for day in {*state.started, *state.added} if day in before}
    plan = Plan([*{**wanted, **kept}.values()], further)
    try:
        plan.restore(state.added)  # further days that the stored plan has lost
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
