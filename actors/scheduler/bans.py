"""What the house says of people: who is barred from when on, and why.

Nothing is written here: the scheduler commits it and passes it on.
"""

from actors.scheduler.house_state import HouseState
from auction.downtime_policy import HOUSE
from messages.base import Refusal
from messages.commands import BarBidder, UnbarBidder
from messages.events import BidderBarred, BidderUnbarred, StrikeGiven, StrikeLifted


def barred(order: BarBidder, now_ms: int) -> BidderBarred:
    """The event of a bar."""
    return BidderBarred(
        message_id=f"ordered:{order.message_id}",
        correlation_id=order.message_id,
        at_ms=now_ms,
        bidder_id=order.bidder_id,
        from_ms=order.from_ms,
        reason=order.reason,
        by=order.by,
        why=order.why,
    )


def unbarred(order: UnbarBidder, now_ms: int) -> BidderUnbarred:
    """The event of a bar that is lifted."""
    return BidderUnbarred(
        message_id=f"ordered:{order.message_id}",
        correlation_id=order.message_id,
        at_ms=now_ms,
        bidder_id=order.bidder_id,
        from_ms=order.from_ms,
        by=order.by,
        why=order.why,
    )


def bar_for_strikes(strike: StrikeGiven, state: HouseState, limit: int) -> BarBidder | None:
    """Count the strike; the bar of a bidder who has reached his last one. What he bid before it stands.

    A log that is heard again from its beginning bars nobody whose bar was lifted since.
    """
    if strike.at_ms <= state.lifted.get(strike.bidder_id, 0):
        return None
    state.strikes[strike.bidder_id] = count = state.strikes.get(strike.bidder_id, 0) + 1
    if count < limit or state.bars_bidder(strike.bidder_id):
        return None
    return BarBidder(
        message_id=f"{_bar_id(strike.bidder_id)}{strike.post_id}",
        by=HOUSE,
        why=f"{count} strikes, the last: {strike.cause}",
        said_at_ms=strike.at_ms,
        bidder_id=strike.bidder_id,
        from_ms=strike.at_ms,
        reason=Refusal.NOT_ELIGIBLE,
    )


def unbar_for_lifted(lifted: StrikeLifted, state: HouseState, limit: int) -> UnbarBidder | None:
    """Take the strike back; the end of the bar that rests on too many strikes, as if it had never been."""
    bidder_id = lifted.bidder_id
    if lifted.at_ms <= state.lifted.get(bidder_id, 0):
        return None
    state.strikes[bidder_id] = count = max(0, state.strikes.get(bidder_id, 0) - 1)
    bar = next((bar for bar in state.bars if bar.message_id.startswith(_bar_id(bidder_id))), None)
    if count >= limit or bar is None:
        return None
    return UnbarBidder(
        message_id=lifted.message_id,
        by=HOUSE,
        why="a bid that counted as taken back is there again",
        said_at_ms=lifted.at_ms,
        bidder_id=bidder_id,
        from_ms=bar.from_ms,
    )


def _bar_id(bidder_id: int) -> str:
    return f"strikes:{bidder_id}:"
