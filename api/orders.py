"""What an operator's request becomes: the order for the queue that it concerns.

Orders about a bid or a day go to the auction's queue, orders about people and days to come to the house's: the
scheduler passes them on to every auction that they concern.
"""

from collections.abc import Mapping
from typing import Any

from actors.scheduler.actor import HOUSE
from auction.units import DAY_MS
from messages.base import Phase, Refusal
from messages.codec import UnreadableMessage, command_from_fields
from messages.commands import (
    BarBidder,
    ExtendAuction,
    HoldBid,
    InvalidateBid,
    NameResult,
    Order,
    PauseAuction,
    ReleaseBid,
    ResumeAuction,
    SkipDay,
    UnbarBidder,
    VoidAuction,
)
from messages.known_words import there_is_no

AUCTION_ORDERS: dict[str, type[Order]] = {
    "pause": PauseAuction,
    "resume": ResumeAuction,
    "extend": ExtendAuction,
    "void": VoidAuction,
    "name-result": NameResult,
    "invalidate": InvalidateBid,
    "hold": HoldBid,
    "release": ReleaseBid,
}
HOUSE_ORDERS: dict[str, type[Order]] = {"ban": BarBidder, "unban": UnbarBidder, "skip": SkipDay}
WHY_CHARACTERS = 500

# An end that was shown is never taken back, so one that is mistyped must not be far away.
FURTHEST_END_MS = DAY_MS


def ordered(name: str, fields: Mapping[str, Any], by: str, now_ms: int, on_stage: str) -> tuple[str, Order]:
    """Which queue the order `name` goes to, and the command. `on_stage` is the auction where none is named.

    `fields` are the command's own, and `why`; a ban counts from now unless `from_ms` says otherwise. Raises
    UnreadableMessage.
    """
    kind = AUCTION_ORDERS.get(name) or HOUSE_ORDERS.get(name)
    if kind is None:
        raise UnreadableMessage(there_is_no("order", name, [*AUCTION_ORDERS, *HOUSE_ORDERS]))
    given = dict(fields)
    queue = HOUSE if name in HOUSE_ORDERS else str(given.pop("auction_id", "") or on_stage)
    if not queue:
        raise UnreadableMessage("no auction is on stage: say auction_id")
    why = given.get("why")
    if not isinstance(why, str) or not 0 < len(why.strip()) <= WHY_CHARACTERS:
        raise UnreadableMessage(f"say why, in 1 to {WHY_CHARACTERS} characters: it stands in the log")
    if name in ("ban", "unban"):
        given.setdefault("from_ms", now_ms)
    if name == "ban":
        given["reason"] = Refusal.BANNED
    given |= {"type": kind.__name__, "by": by, "said_at_ms": now_ms}
    given["message_id"] = f"order:{name}:{by}:{now_ms}"
    command = command_from_fields(given)
    assert isinstance(command, Order), "every order is one of these"
    if isinstance(command, ExtendAuction) and command.ends_at_ms > now_ms + FURTHEST_END_MS:
        raise UnreadableMessage("an end is never taken back: it may be at most 24 h away")
    if isinstance(command, InvalidateBid | HoldBid | ReleaseBid) and not 0 < command.post_id < 1 << 63:
        raise UnreadableMessage("post_id is a positive number below 2^63")
    return queue, command


def why_not(name: str, auction_id: str, day: Mapping[str, str]) -> str | None:
    """Why the order cannot be carried out, as its day stands now, in one sentence for people; None where it can.

    `day` is the day's view in the store, empty before it begins. What is decided in the end is decided in the queue.
    """
    phase = day.get("phase")
    if phase == Phase.COMPLETED:
        return f"{auction_id} is over: nothing changes its result any more"
    if name == "skip":
        return f"{auction_id} has begun: it can be voided, but not skipped" if phase else None
    if phase is None:
        return f"{auction_id} has not begun: a day to come can only be skipped"
    if name in ("pause", "resume", "extend") and phase != Phase.ACTIVE:
        state = "is not open yet" if phase == Phase.PENDING else "has closed: its end is final"
        return f"{auction_id} {state}"
    if name == "resume" and not day.get("paused"):
        return f"{auction_id} is not paused"
    if name == "name-result" and phase != Phase.PROCESSING:
        return f"{auction_id} has not closed: there is no result to name yet"
    return None


def note(name: str, day: Mapping[str, str]) -> str:
    """What an order is answered that repeats what is so already; empty for one that is news."""
    return "it is paused already: nothing will change" if name == "pause" and day.get("paused") else ""
