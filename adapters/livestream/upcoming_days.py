"""The upcoming days: the programme that each viewer is told first, because the log does not hold it.

It has the marathon's time zone, the address of its posts, and the days to come, so that the page can count down to a
day whose auction does not exist yet. Events of the log tell of days that are dropped or added later.
"""

import msgspec

from adapters.livestream.json_views import lot_of
from messages.base import Lot, Wei
from messages.events import AnyEvent, DayAdded, DayVoided
from messages.money import format_eth


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A planned day. Times in UTC ms; `minimum` is the reserve, to be shown."""

    day: int
    opens_at_ms: int
    closes_at_ms: int
    lot: dict[str, str]
    minimum: str


class UpcomingDays(msgspec.Struct, frozen=True, kw_only=True):
    """The programme. `posts_url` is what stands before the id in a post's address; empty for a simulated X."""

    time_zone: str = "UTC"
    posts_url: str = ""
    days: tuple[Coming, ...] = ()

    def after(self, event: AnyEvent) -> "UpcomingDays":
        """The programme after this event."""
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
    """The planned day as viewers are told of it."""
    return Coming(
        day=day, opens_at_ms=opens_at_ms, closes_at_ms=closes_at_ms, lot=lot_of(lot), minimum=format_eth(reserve_wei)
    )
