"""The calendar of a marathon against the daylight-saving switches of the world."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.calendar import Window, marathon_calendar


def calendar(first_date: str, days: int, start: str, end: str, zone: str) -> list[Window]:
    times = time.fromisoformat(start), time.fromisoformat(end)
    return marathon_calendar(date.fromisoformat(first_date), days, *times, ZoneInfo(zone))


def utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%m-%d %H:%M}"


NEW_YORK, LONDON, LORD_HOWE, BEIRUT = "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Beirut"

# zone, window, date; then opening and closing in UTC, and words of each note, in order
ODD_DAYS = [
    # The clocks go back on 1 November 2026 at 02:00, hours before the window.
    (NEW_YORK, "15:00-16:00", "2026-10-31", "10-31 19:00", "10-31 20:00", ""),
    (NEW_YORK, "15:00-16:00", "2026-11-01", "11-01 20:00", "11-01 21:00", "since the day before"),
    (NEW_YORK, "15:00-16:00", "2026-11-02", "11-02 20:00", "11-02 21:00", ""),
    # 01:30 comes twice: the window opens at the first and lasts an hour longer.
    (NEW_YORK, "01:30-02:30", "2026-11-01", "11-01 05:30", "11-01 07:30", "twice | during | lasts 2 h, not 1 h"),
    (NEW_YORK, "01:15-01:45", "2026-11-01", "11-01 05:15", "11-01 05:45", "opens at the first | closes at the first"),
    (NEW_YORK, "00:30-01:30", "2026-11-01", "11-01 04:30", "11-01 05:30", "closes at the first"),
    (NEW_YORK, "02:30-03:30", "2026-11-01", "11-01 07:30", "11-01 08:30", "since the day before"),
    # They go forward on 14 March 2027 at 02:00.
    (NEW_YORK, "15:00-16:00", "2027-03-14", "03-14 19:00", "03-14 20:00", "opens 19:00, not 20:00 UTC"),
    # 02:30 does not exist: the first instant that does is 03:00 EDT, 07:00 UTC.
    (NEW_YORK, "02:30-03:30", "2027-03-14", "03-14 07:00", "03-14 07:30", "opens at 03:00 | lasts 30 min | since"),
    (NEW_YORK, "01:30-02:30", "2027-03-14", "03-14 06:30", "03-14 07:00", "closes at 03:00 | during | lasts 30 min"),
    # Neither end exists, or the end is the first instant that does: the day is not skipped.
    (NEW_YORK, "02:10-02:50", "2027-03-14", "03-14 07:00", "03-14 07:40", "opens at 03:00 | keeps its length | since"),
    (NEW_YORK, "02:30-03:00", "2027-03-14", "03-14 07:00", "03-14 07:30", "opens at 03:00 | keeps its length | since"),
    # A fixed offset knows no switch.
    ("EST", "15:00-16:00", "2026-11-01", "11-01 20:00", "11-01 21:00", ""),
    ("EST", "02:30-03:30", "2027-03-14", "03-14 07:30", "03-14 08:30", ""),
    ("EST", "15:00-16:00", "2027-07-01", "07-01 20:00", "07-01 21:00", ""),
    # London: back on 25 October 2026 and forward on 28 March 2027, at 01:00 UTC.
    (LONDON, "01:30-02:30", "2026-10-25", "10-25 00:30", "10-25 02:30", "twice | during | lasts 2 h, not 1 h"),
    (LONDON, "01:30-02:30", "2027-03-28", "03-28 01:00", "03-28 01:30", "opens at 02:00 | lasts | since"),
    # Lord Howe moves its clocks by half an hour.
    (LORD_HOWE, "02:15-03:00", "2026-10-04", "10-03 15:30", "10-03 16:00", "opens at 02:30 | lasts 30 min | since"),
    (LORD_HOWE, "01:45-03:00", "2027-04-04", "04-03 14:45", "04-03 16:30", "twice | to UTC+10:30 | lasts 1 h"),
    # Across midnight, and across a switch at midnight (Beirut skips 00:00 to 01:00 on 28 March 2027).
    (NEW_YORK, "23:30-00:30", "2026-10-31", "11-01 03:30", "11-01 04:30", ""),
    (NEW_YORK, "23:30-00:30", "2027-12-31", "01-01 04:30", "01-01 05:30", ""),
    (BEIRUT, "23:30-00:30", "2027-03-27", "03-27 21:30", "03-27 22:00", "closes at 01:00 | during | lasts"),
    (NEW_YORK, "15:00-14:59", "2026-10-31", "10-31 19:00", "11-01 19:59", "during | lasts 24 h 59 min"),
    # The leap day.
    (NEW_YORK, "15:00-16:00", "2028-02-29", "02-29 20:00", "02-29 21:00", ""),
]  # fmt: skip


@pytest.mark.requirement("LIFE-1", "LIFE-2")
@pytest.mark.parametrize(("zone", "window", "day", "opens", "closes", "notes"), ODD_DAYS)
def test_a_switch_neither_skips_nor_doubles_nor_shifts_a_day(
    zone: str, window: str, day: str, opens: str, closes: str, notes: str
) -> None:
    start, end = window.split("-")
    (made,) = calendar(day, 1, start, end, zone)
    assert (utc(made.opens_at_ms), utc(made.closes_at_ms)) == (opens, closes)
    expected = notes.split(" | ") if notes else []
    assert len(made.notes) == len(expected)
    assert all(words in note for words, note in zip(expected, made.notes, strict=True))


@pytest.mark.requirement("LIFE-2")
def test_days_are_keyed_by_local_date_over_a_leap_day() -> None:
    windows = calendar("2028-02-28", 3, "15:00", "16:00", "America/New_York")
    assert [(window.day, str(window.local_date)) for window in windows] == [
        (1, "2028-02-28"),
        (2, "2028-02-29"),
        (3, "2028-03-01"),
    ]


@pytest.mark.requirement("LIFE-1")
def test_a_marathon_is_as_long_as_configured() -> None:
    assert [window.day for window in calendar("2027-03-01", 30, "15:00", "16:00", "EST")] == list(range(1, 31))


@pytest.mark.parametrize(
    ("first_date", "days", "start", "end", "zone", "says"),
    [
        ("2027-03-01", 1, "15:00", "15:00", "UTC", "no length"),
        ("9999-12-30", 5, "15:00", "16:00", "UTC", "go beyond the year 9999"),
        ("2011-12-29", 3, "00:00", "23:00", "Pacific/Apia", "skips its date"),
    ],
)
def test_where_there_is_no_calendar_it_says_why(
    first_date: str, days: int, start: str, end: str, zone: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        calendar(first_date, days, start, end, zone)


ZONES = [NEW_YORK, LONDON, LORD_HOWE, BEIRUT, "Africa/Casablanca", "Pacific/Chatham", "America/Havana", "Africa/Cairo"]
ZONES += ["America/Santiago", "Asia/Kathmandu", "Pacific/Apia", "EST", "UTC"]
minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))


@pytest.mark.requirement("LIFE-1", "LIFE-2")
@given(
    first_date=st.dates(date(2020, 1, 1), date(2060, 1, 1)),
    days=st.integers(1, 200),
    start=minutes,
    end=minutes,
    zone=st.sampled_from(ZONES),
)
def test_windows_follow_each_other_one_for_each_local_date(
    first_date: date, days: int, start: time, end: time, zone: str
) -> None:
    if start == end:
        end = time((start.hour + 1) % 24, start.minute)
    windows = marathon_calendar(first_date, days, start, end, ZoneInfo(zone))
    assert [window.local_date for window in windows] == [first_date + timedelta(days=day) for day in range(days)]
    assert all(window.opens_at_ms < window.closes_at_ms for window in windows)
    assert all(window.closes_at_ms <= following.opens_at_ms for window, following in pairwise(windows))
    for window in windows:
        shown = datetime.fromtimestamp(window.opens_at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
        assert shown.date() == window.local_date
        assert shown.time() == start or any("does not exist" in note for note in window.notes)
