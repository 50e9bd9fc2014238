"""The days to come, as the log changes them, and the stage that they do not take from the day under way."""

import pytest

from adapters.livestream.frames import Stage
from adapters.livestream.upcoming_days import UpcomingDays, coming
from messages.base import Lot, Wei
from messages.events import AuctionOpened, DayAdded, DayVoided, MarathonStarted

LOT = Lot(token_id=2, title="Lot 2")
SKIPPED = DayVoided(message_id="v", at_ms=1, auction_id="m-02", day=2, why="skipped", by="alice")
ADDED = DayAdded(
    message_id="a",
    at_ms=1,
    auction_id="m-03",
    day=3,
    of_day=2,
    lot=LOT,
    reserve_wei=Wei(10**17),
    opens_at_ms=30,
    closes_at_ms=40,
)


@pytest.mark.requirement("LIFE-6", "LIFE-8")
def test_a_day_that_is_dropped_leaves_the_programme_and_one_that_is_added_joins_it_once() -> None:
    days = tuple(coming(day, 10 * day, 10 * day + 5, LOT, Wei(10**17)) for day in (1, 2))
    upcoming_days = UpcomingDays(days=days)
    for event in (SKIPPED, ADDED, SKIPPED, ADDED):
        upcoming_days = upcoming_days.after(event)
    assert [(day.day, day.opens_at_ms, day.minimum) for day in upcoming_days.days] == [
        (1, 10, "0.1 ETH"),
        (3, 30, "0.1 ETH"),
    ]


@pytest.mark.requirement("LIFE-8")
def test_a_day_to_come_that_is_skipped_does_not_take_the_stage_from_the_one_under_way() -> None:
    stage = Stage()
    opened = AuctionOpened(message_id="o", at_ms=1, auction_id="m-01", post_id=1, opened_at_ms=1, ends_at_ms=9)
    stage.fold(1, MarathonStarted(message_id="m", at_ms=1, days=2))
    stage.fold(2, opened)
    assert stage.fold(3, SKIPPED) is None
    assert stage.snapshot()["stage"]["phase"] == "ACTIVE"
    frame = stage.fold(4, ADDED)
    assert frame is not None
    assert frame.body["stage"] == {"days": 3}
