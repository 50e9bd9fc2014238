"""The calendar computes when each day of a marathon opens and closes: from local dates and times to UTC milliseconds.

The calendar reads no clock; the scheduler decides what follows from a missed opening.

One rule turns a local time into an instant: the first instant at which the clocks show that time or, where they skip
that time, have passed it. So a daylight-saving switch neither skips, doubles nor shifts a day.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

import msgspec


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """One day of the marathon, UTC ms: bids count from `opens_at_ms` on and before `closes_at_ms`.

    `notes` say in plain sentences what a daylight-saving switch does to the day; an ordinary day has none.
    """

    day: int
    local_date: date
    opens_at_ms: int
    closes_at_ms: int
    notes: tuple[str, ...] = ()


def marathon_calendar(first_date: date, days: int, start: time, end: time, zone: tzinfo) -> list[Window]:
    """The windows of days 1…`days`, one per local date from `first_date` on, in order and never overlapping.

    An `end` that is not after `start` is on the next date. Raises ValueError where no such calendar exists: a
    window of no length, dates after the year 9999, a zone that skips a whole date (Samoa, 30 December 2011).
    """
    if start == end:
        raise ValueError("the window has no length: it starts and ends at the same time")
    try:
        windows = [_window(day, first_date + timedelta(day - 1), start, end, zone) for day in range(1, days + 1)]
    except OverflowError:
        raise ValueError(f"{days} days from {first_date} on go beyond the year 9999") from None
    for window, following in pairwise(windows):
        if following.opens_at_ms < window.closes_at_ms:
            raise ValueError(f"day {window.day} ({window.local_date}) runs into the next: the zone skips its date")
    return windows


def _window(day: int, local_date: date, start: time, end: time, zone: tzinfo) -> Window:
    local_start = datetime.combine(local_date, start)
    local_end = datetime.combine(local_date, end)
    if local_end <= local_start:
        local_end += timedelta(days=1)
    nominal = local_end - local_start
    opens, closes = _instant(local_start, zone), _instant(local_end, zone)
    notes = _clock_notes("opens", local_start, opens, zone)
    if closes == opens:
        # The switch skips the whole window. A day without a window could not be held.
        closes = opens + nominal
        notes.append("the clocks skip the whole window: it keeps its length after the switch")
    else:
        notes += _clock_notes("closes", local_end, closes, zone)
    if (before := _offset(opens, zone)) != (after := _offset(closes, zone)):
        notes.append(f"the clocks change during the window, from {before} to {after}")
    if closes - opens != nominal:
        notes.append(f"lasts {_length(closes - opens)}, not {_length(nominal)}")
    day_before = _instant(local_start - timedelta(days=1), zone)
    if _offset(day_before, zone) != _offset(opens, zone):
        notes.append(f"the clocks have changed since the day before: opens {opens:%H:%M}, not {day_before:%H:%M} UTC")
    return Window(day=day, local_date=local_date, opens_at_ms=_ms(opens), closes_at_ms=_ms(closes), notes=tuple(notes))


def _instant(local: datetime, zone: tzinfo) -> datetime:
    """The first instant, in UTC, at which the clocks of `zone` show `local` or later."""
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _clock(first, zone) == local:
        return first
    # The clocks skip `local`. Read with the offset from before the switch, `local` is an instant after the switch
    # (`first`); with the offset from after the switch, one before it (`early`). The switch is on a second in between.
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    seconds = range(int((first - early).total_seconds()) + 1)
    return early + timedelta(
        seconds=bisect_left(seconds, local, key=lambda second: _clock(early + timedelta(seconds=second), zone))
    )


def _clock_notes(verb: str, local: datetime, instant: datetime, zone: tzinfo) -> list[str]:
    """Says where the local time of an opening or a closing does not exist, or exists twice, on its date."""
    shown = _clock(instant, zone)
    if shown != local:
        return [f"{local:%H:%M} does not exist on {local.date()}: {verb} at {shown:%H:%M}, the next that does"]
    if local.replace(tzinfo=zone, fold=1).astimezone(UTC) != instant:
        return [f"{local:%H:%M} comes twice on {local.date()}: {verb} at the first"]
    return []


def _clock(instant: datetime, zone: tzinfo) -> datetime:
    """The local time that the clocks of the zone show at this instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(instant: datetime, zone: tzinfo) -> str:
    return f"UTC{instant.astimezone(zone).isoformat()[19:]}"


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    words = [f"{minutes // 60} h"] * (minutes >= 60) + [f"{minutes % 60} min"] * (minutes % 60 > 0 or minutes == 0)
    return " ".join(words)


def _ms(instant: datetime) -> int:
    return int(instant.timestamp()) * 1000
