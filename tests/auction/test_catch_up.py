"""What becomes of a day that could not open in time, for a window of an hour with a cap of an hour unless said."""

import msgspec
import pytest

from auction.catch_up import late_close
from tests.auction.builders import CLOSES_MS, OPENS_MS, RULES

MINUTE_MS = 60_000

TABLE = [
    # opens this late, cap of the soft close (min): closes so much later (ms), or the day is void
    ("on time", 0, 60, 0),
    ("as late as still is on time", 5_000, 60, 0),
    ("a little late: by all that was lost", 5_001, 60, 5_001),
    ("ten minutes", 10 * MINUTE_MS, 60, 10 * MINUTE_MS),
    ("ten minutes, within the cap", 10 * MINUTE_MS, 5, 5 * MINUTE_MS),
    ("with exactly half of the window left", 30 * MINUTE_MS, 60, 30 * MINUTE_MS),
    ("with less than half of it left", 30 * MINUTE_MS + 1, 60, None),
    ("in the last ms", 60 * MINUTE_MS - 1, 60, None),
    ("after the window", 60 * MINUTE_MS, 60, None),
    ("a day after", 24 * 60 * MINUTE_MS, 60, None),
]


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(("what", "late_ms", "cap_min", "later_ms"), TABLE, ids=[row[0] for row in TABLE])
def test_a_day_that_opens_late_closes_later_or_is_void(
    what: str, late_ms: int, cap_min: int, later_ms: int | None
) -> None:
    rules = msgspec.structs.replace(RULES, soft_close_cap_ms=cap_min * MINUTE_MS)
    closes_at_ms = late_close(OPENS_MS, CLOSES_MS, OPENS_MS + late_ms, rules)
    assert closes_at_ms == (None if later_ms is None else CLOSES_MS + later_ms)


@pytest.mark.requirement("LIFE-6")
def test_a_window_shorter_than_what_is_on_time_is_not_opened_once_it_is_over() -> None:
    assert late_close(OPENS_MS, OPENS_MS + 3_000, OPENS_MS + 2_999, RULES) == OPENS_MS + 3_000
    assert late_close(OPENS_MS, OPENS_MS + 3_000, OPENS_MS + 3_000, RULES) is None
