"""Bans for strikes: a bidder who has reached the last strike is banned, until one of the strikes is lifted.

Nothing is written here: the scheduler commits the events and passes the orders on to the open auctions.
"""

from actors.scheduler.house_state import HouseState
from auction.downtime_policy import HOUSE
from auction.orders import changes_house
from messages.base import Refusal
from messages.commands import BarBidder, UnbarBidder
from messages.events import StrikeGiven, StrikeLifted


def ban_for_strikes(strike: StrikeGiven, state: HouseState, limit: int) -> BarBidder | None:
    """Count the strike. Returns the order that bans the bidder, where the strike is his last of `limit`; what he bid
    before it stands.

    A strike from before his ban was lifted is not counted: so reading the log again from its beginning bans nobody
    anew.
    """
    if strike.at_ms <= state.lifted.get(strike.bidder_id, 0):
        return None
    state.strikes[strike.bidder_id] = count = state.strikes.get(strike.bidder_id, 0) + 1
    if count < limit:
        return None
    ban = BarBidder(
        message_id=f"{_ban_id(strike.bidder_id)}{strike.post_id}",
        by=HOUSE,
        why=f"{count} strikes, the last: {strike.cause}",
        said_at_ms=strike.at_ms,
        bidder_id=strike.bidder_id,
        from_ms=strike.at_ms,
        reason=Refusal.NOT_ELIGIBLE,
    )
    return ban if changes_house(ban, state.bans, ()) else None


def unban_for_lifted(lifted: StrikeLifted, state: HouseState, limit: int) -> UnbarBidder | None:
    """Take the strike back. Returns the order that lifts the ban for strikes, from its beginning on, where fewer
    than `limit` are left."""
    bidder_id = lifted.bidder_id
    if lifted.at_ms <= state.lifted.get(bidder_id, 0):
        return None
    state.strikes[bidder_id] = count = max(0, state.strikes.get(bidder_id, 0) - 1)
    ban = next((ban for ban in state.bans if ban.message_id.startswith(_ban_id(bidder_id))), None)
    if count >= limit or ban is None:
        return None
    return UnbarBidder(
        message_id=lifted.message_id,
        by=HOUSE,
        why="a bid that counted as taken back is there again",
        said_at_ms=lifted.at_ms,
        bidder_id=bidder_id,
        from_ms=ban.from_ms,
    )


def _ban_id(bidder_id: int) -> str:
    return f"strikes:{bidder_id}:"
