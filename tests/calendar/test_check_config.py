"""What `check-config` prints of a calendar."""

import io
import json
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from adapters.terminal.check_config import print_calendar
from auction.calendar import marathon_calendar
from messages.base import Lot

DAYS = marathon_calendar(date(2026, 10, 31), 2, time(15), time(16), ZoneInfo("America/New_York"))
LOTS = [Lot(token_id=7, title="Seven [bold]"), Lot(token_id=8, title="Eight")]


def printed(*, as_json: bool) -> str:
    out = io.StringIO()
    print_calendar(DAYS, LOTS, "America/New_York", out, as_json=as_json)
    return out.getvalue()


@pytest.mark.requirement("LIFE-2", "CFG-2")
def test_in_a_pipe_each_day_is_one_plain_line_with_its_instants():
    heading, *lines = printed(as_json=False).splitlines()
    assert "opens (UTC)" in heading
    assert len(lines) == 2
    assert "15:00 EDT to 16:00 EDT" in lines[0]
    assert "2026-10-31T19:00:00Z" in lines[0]
    assert "Seven [bold]" in lines[0]
    assert "2026-11-01T20:00:00Z" in lines[1]
    assert lines[1].endswith("the clocks have changed since the day before: opens 20:00, not 19:00 UTC")
    assert "\x1b" not in printed(as_json=False)


@pytest.mark.requirement("LIFE-2", "CFG-2")
def test_as_json_it_is_data():
    first, second = json.loads(printed(as_json=True))
    assert first == {
        "day": 1,
        "local_date": "2026-10-31",
        "opens_at": "2026-10-31T19:00:00Z",
        "closes_at": "2026-10-31T20:00:00Z",
        "opens_at_ms": 1793473200000,
        "closes_at_ms": 1793476800000,
        "token_id": 7,
        "title": "Seven [bold]",
        "image": "",
        "notes": [],
    }
    assert len(second["notes"]) == 1
