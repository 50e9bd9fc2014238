"""What operators order: from a command to the event that says so, and from the event to the controls.

An order that changes nothing (a repetition, or one that comes too late) has no event. What it does to the standing is
found by folding again.
"""

from typing import Any

from auction.controls import Controls
from auction.downtime_policy import HOUSE, made_up_end
from messages.base import Phase
from messages.commands import (
    BarBidder,
    ExtendAuction,
    HoldBid,
    InvalidateBid,
    MakeUpFor,
    OperatorCommand,
    PauseAuction,
    ReleaseBid,
    ResumeAuction,
    UnbarBidder,
)
from messages.events import (
    AuctionEvent,
    AuctionPaused,
    AuctionResumed,
    BidderBarred,
    BidderUnbarred,
    BidHeld,
    BidInvalidated,
    BidReleased,
    EndExtended,
)
from messages.x_ids import first_id_at


def has_effect(command: OperatorCommand, controls: Controls, phase: Phase, ends_at_ms: int) -> bool:
    """Whether the order still has something to change. `ends_at_ms` is the effective end (UTC ms)."""
    if phase is Phase.COMPLETED:
        return False
    is_active = phase is Phase.ACTIVE and command.message_id not in controls.pausing
    match command:
        case PauseAuction():
            return is_active and not controls.paused and command.said_at_ms < ends_at_ms
        case ResumeAuction():
            # What an operator has paused is his to resume.
            return is_active and controls.paused and (command.by != HOUSE or controls.pauses[-1].by_house)
        case ExtendAuction():
            return is_active and command.ends_at_ms > ends_at_ms
        case MakeUpFor():
            return is_active and made_up_end(command.outage, controls, ends_at_ms) > ends_at_ms
        case InvalidateBid():
            return command.post_id not in controls.invalidated
        case HoldBid():
            return command.post_id not in controls.held
        case ReleaseBid():
            return command.post_id not in controls.released
        case BarBidder():
            return not controls.barred(command.bidder_id, command.from_ms)
        case UnbarBidder():
            return controls.barred(command.bidder_id, command.from_ms) is not None
        case _:
            return False


def order_event(command: OperatorCommand, controls: Controls, ends_at_ms: int, now_ms: int) -> AuctionEvent:
    """The event that an order makes that was news, as of now (UTC ms).

    Bids that stood before it in its batch may have moved the end since; that takes nothing back.
    """
    said: dict[str, Any] = {
        "message_id": f"ordered:{command.message_id}",
        "correlation_id": command.message_id,
        "at_ms": now_ms,
        "by": command.by,
        "why": command.why,
    }
    match command:
        case PauseAuction():
            return AuctionPaused(**said, from_ms=max(command.said_at_ms, controls.opened_at_ms))
        case ResumeAuction():
            until_ms = max(command.said_at_ms, controls.pauses[-1].from_ms)
            moved_ms = until_ms - controls.pauses[-1].from_ms
            return AuctionResumed(**said, until_ms=until_ms, ends_at_ms=ends_at_ms + moved_ms)
        case ExtendAuction():
            return EndExtended(**said, ends_at_ms=max(command.ends_at_ms, ends_at_ms), by_post_id=0)
        case MakeUpFor():
            moved_ms = made_up_end(command.outage, controls, ends_at_ms)
            return EndExtended(**said, ends_at_ms=moved_ms, by_post_id=0, outage=command.outage)
        case InvalidateBid():
            return BidInvalidated(**said, post_id=command.post_id)
        case HoldBid():
            return BidHeld(**said, post_id=command.post_id)
        case ReleaseBid():
            return BidReleased(**said, post_id=command.post_id)
        case BarBidder():
            return BidderBarred(**said, bidder_id=command.bidder_id, from_ms=command.from_ms, reason=command.reason)
        case UnbarBidder():
            return BidderUnbarred(**said, bidder_id=command.bidder_id, from_ms=command.from_ms)
    raise ValueError(f"{type(command).__name__} is no order to an open day")


def take_order(event: AuctionEvent, controls: Controls, ends_at_ms: int) -> int | None:
    """Change the controls as the event says; the first post id that this may concern, or None if it orders nothing.

    `ends_at_ms` is the effective end before the event.
    """
    match event:
        case AuctionPaused():
            controls.pause(event.from_ms, event.by == HOUSE)
            controls.pausing.add(event.correlation_id)
            return first_id_at(event.from_ms)
        case AuctionResumed():
            controls.resume(event.until_ms, event.ends_at_ms)
            controls.pausing.add(event.correlation_id)
            return first_id_at(controls.pauses[-1].from_ms)
        case EndExtended() if event.is_ordered:
            controls.ends_at_ms = event.ends_at_ms
            if event.outage:
                controls.outages.append(event.outage)
            return first_id_at(ends_at_ms)
        case BidInvalidated():
            controls.invalidated.add(event.post_id)
            return event.post_id
        case BidHeld():
            controls.hold(event.post_id)
            return event.post_id
        case BidReleased():
            controls.release(event.post_id)
            return event.post_id
        case BidderBarred():
            controls.bar(event.bidder_id, event.from_ms, event.reason)
            return first_id_at(event.from_ms)
        case BidderUnbarred():
            controls.unbar(event.bidder_id, event.from_ms)
            return first_id_at(event.from_ms)
        case _:
            return None
