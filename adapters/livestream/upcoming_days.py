"""The upcoming days: what a viewer is told before anything else, because the log does not say it.

The marathon's time zone, where its posts can be replied to, and the days to come, so that there is something to show,
and to count down to, before a day's auction exists. Days that are dropped or added meanwhile are told by the log.
"""

import msgspec

from adapters.livestream.json_views import lot_of
from messages.base import Lot, Wei
from messages.events import AnyEvent, DayAdded, DayVoided
from messages.money import format_eth


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A day as it is planned. Times in UTC ms; `minimum` is the reserve, to be shown."""

    day: int
    opens_at_ms: int
    closes_at_ms: int
    lot: dict[str, str]
    minimum: str


class UpcomingDays(msgspec.Struct, frozen=True, kw_only=True):
    """`posts_url` followed by a post's id is where that post stands; empty where posts are simulated."""

    time_zone: str = "UTC"
    posts_url: str = ""
    days: tuple[Coming, ...] = ()

    def after(self, event: AnyEvent) -> "UpcomingDays":
        """The upcoming days as this event leaves it."""
        match event:
            case DayVoided():
                days = tuple(day for day in self.days if day.day != event.day)
            case DayAdded():
                added = coming(event.day, event.opens_at_ms, event.closes_at_ms, event.lot, event.reserve_wei)
                days = (*(day for day in self.days if day.day != event.day), added)
            case _:
                return self
        return msgspec.structs.replace(self, days=days)


def coming(day: int, opens_at_ms: int, closes_at_ms: int, lot: Lot, reserve_wei: Wei) -> Coming:
    """The day as viewers are told of it."""
    return Coming(
        day=day, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, lot=lot_of(lot), minimum=format_eth(reserve_wei)
    )
