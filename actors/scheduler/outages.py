"""Outages that are over: the event of an outage for the log, and the order that moves the ends of open auctions by it.

Nothing is written here: the scheduler commits both.
"""

import msgspec

from auction.downtime_policy import HOUSE
from messages.base import Outage
from messages.commands import MakeUpFor
from messages.events import OutageNoticed


def noticed(outage: Outage, what: str, now_ms: int) -> OutageNoticed:
    """The event of an outage of `what`, the auction house or X (`now_ms`: UTC ms)."""
    return OutageNoticed(
        message_id=f"outage:{what}:{outage.from_ms}",
        at_ms=now_ms,
        from_ms=outage.from_ms,
        to_ms=outage.to_ms,
        what=what,
    )


def made_up_for(event: OutageNoticed, outage: Outage, allowed_ms: int) -> MakeUpFor:
    """The order that auctions make up for the outage that the event tells of, beyond the first `allowed_ms`."""
    return MakeUpFor(
        message_id=event.message_id,
        by=HOUSE,
        why=f"{event.what} was down for {(outage.to_ms - outage.from_ms) // 1000} s",
        said_at_ms=event.at_ms,
        outage=msgspec.structs.replace(outage, allowed_ms=allowed_ms),
    )
