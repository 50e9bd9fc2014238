"""The programme: what a viewer is told before anything else, because the log does not say it.

It holds for as long as the process lives: the marathon's time zone, where its posts can be replied to, and the days to
come, so that there is something to show, and to count down to, before a day's auction exists.
"""

import msgspec

from adapters.livestream.frames import lot_of, shown_eth
from messages.base import Lot, Wei


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A day as it is planned. Times in UTC ms; `minimum` is the reserve, to be shown."""

    day: int
    opens_at_ms: int
    closes_at_ms: int
    lot: dict[str, str]
    minimum: str


class Programme(msgspec.Struct, frozen=True, kw_only=True):
    """`posts_url` followed by a post's id is where that post stands; empty where posts are simulated."""

    time_zone: str = "UTC"
    posts_url: str = ""
    days: tuple[Coming, ...] = ()


def coming(day: int, opens_at_ms: int, closes_at_ms: int, lot: Lot, reserve_wei: Wei) -> Coming:
    """The day as viewers are told of it."""
    return Coming(
        day=day, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, lot=lot_of(lot), minimum=shown_eth(reserve_wei)
    )
