"""What the tests of the stage page share: a house whose clock they turn, and what a page of it shows."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace
from playwright.sync_api import Page, expect

from adapters.livestream.hub import FeedLimits
from adapters.livestream.upcoming_days import UpcomingDays, coming
from messages.base import Lot, Wei
from messages.events import AuctionPrepared, MarathonStarted
from tests.harness import shown_auction
from tests.harness.builders import ETH, OPENS_MS
from tests.harness.shown_auction import ENDS_MS, House, serving

Visit = Callable[..., Page]
DAY_MS = 86_400_000
STARTED = MarathonStarted(message_id="started", at_ms=OPENS_MS, days=3)
UPCOMING = UpcomingDays(
    time_zone="America/New_York",
    days=tuple(
        coming(
            day,
            OPENS_MS + (day - 1) * DAY_MS,
            ENDS_MS + (day - 1) * DAY_MS,
            Lot(token_id=day, title=f"Lot {day}"),
            Wei(ETH // 10),
        )
        for day in (1, 2, 3)
    ),
)


class Clock:
    """The server's clock, turned by hand: UTC ms."""

    def __init__(self, at_ms: int = OPENS_MS) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms


def prepared(day: int = 1) -> AuctionPrepared:
    """The day's beginning, with a lot that has no image."""
    event = shown_auction.prepared(day)
    return replace(event, lot=replace(event.lot, image=""))


@contextmanager
def staging(clock: Clock, **options: Any) -> Iterator[House]:
    """A house whose feed tells the time of `clock`, often enough that nobody waits for it."""
    limits = FeedLimits(timer_ms=50, heartbeat_ms=100)
    with serving(limits=limits, clock=clock, **options) as house:
        yield house


def shows(page: Page, **texts: str | re.Pattern[str]) -> None:
    """Waits until each element, by its id, shows its text."""
    for element, text in texts.items():
        expect(page.locator(f"#{element.replace('_', '-')}")).to_have_text(text)


def bids(page: Page) -> list[str]:
    return page.locator("#bids li b").all_text_contents()
