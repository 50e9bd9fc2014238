"""Outages that are over: the event of an outage for the log, and the order that moves the ends of open auctions by it.

Nothing is written here: the scheduler commits both.
"""

import msgspec

from auction.downtime_policy import HOUSE
from messages.base import Outage
from messages.commands import MakeUpFor
from messages.events import OutageNoticed


def made_up_for(outage: Outage, what: str, allowed_ms: int, now_ms: int) -> tuple[OutageNoticed, MakeUpFor]:
    """The event of an outage of `what`, the auction house or X, and the order that auctions make up for it beyond the
    first `allowed_ms`, both given at `now_ms` (UTC ms)."""
    message_id = f"outage:{what}:{outage.from_ms}"
    why = f"{what} was down for {(outage.to_ms - outage.from_ms) // 1000} s"
    allowing = msgspec.structs.replace(outage, allowed_ms=allowed_ms)
    return (
        OutageNoticed(message_id=message_id, at_ms=now_ms, from_ms=outage.from_ms, to_ms=outage.to_ms, what=what),
        MakeUpFor(message_id=message_id, by=HOUSE, why=why, said_at_ms=now_ms, outage=allowing),
    )
