"""What strikes order: who has reached his last one is barred, and no longer barred once one of them is lifted.

Nothing is written here: the scheduler commits it and passes it on.
"""

from actors.scheduler.house_state import HouseState
from auction.downtime_policy import HOUSE
from auction.orders import changes_house
from messages.base import Refusal
from messages.commands import BarBidder, UnbarBidder
from messages.events import StrikeGiven, StrikeLifted


def bar_for_strikes(strike: StrikeGiven, state: HouseState, limit: int) -> BarBidder | None:
    """Count the strike; the bar of a bidder who has reached his last one. What he bid before it stands.

    A log that is heard again from its beginning bars nobody whose bar was lifted since.
    """
    if strike.at_ms <= state.lifted.get(strike.bidder_id, 0):
        return None
    state.strikes[strike.bidder_id] = count = state.strikes.get(strike.bidder_id, 0) + 1
    if count < limit:
        return None
    bar = BarBidder(
        message_id=f"{_bar_id(strike.bidder_id)}{strike.post_id}",
        by=HOUSE,
        why=f"{count} strikes, the last: {strike.cause}",
        said_at_ms=strike.at_ms,
        bidder_id=strike.bidder_id,
        from_ms=strike.at_ms,
        reason=Refusal.NOT_ELIGIBLE,
    )
    return bar if changes_house(bar, state.bars, ()) else None


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
