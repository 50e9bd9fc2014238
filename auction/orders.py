"""What operators order: one table with a row an order, and what an order makes of the day that it comes to.

HTTP and the command line take from the table which orders there are, what each needs, and when one may be given. The
auction and the scheduler, which execute orders, take from it whether one still has something to change. An order that
changes nothing (a repetition, or one that comes too late) has no event. What it does to the standing is found by
folding again.

A new order touches four files: here a row, and a case of `take_order`; its command in `messages/commands`, its event in
`messages/events`; and `controls`, where what it means for a bid is kept. For one that the house executes, the fourth is
`actors/scheduler/actor`. Only one that the house also keeps and passes on to its auctions, as a ban, needs more: both
of these, and `actors/scheduler/house_state`.
"""

from collections.abc import Collection

from auction.controls import Controls
from auction.downtime_policy import HOUSE, made_up_end, whole_second
from auction.order_kind import (
    BIDDER,
    DAY,
    END,
    PAUSED,
    POST,
    UNLESS_BEGUN,
    UNLESS_OPEN,
    UNLESS_PROCESSING,
    UNLESS_TO_COME,
    OrderKind,
    moment_of,
)
from messages.base import Outcome, Phase, Refusal, in_common
from messages.commands import (
    BarBidder,
    ExtendAuction,
    HoldBid,
    InvalidateBid,
    MakeUpFor,
    NameResult,
    OperatorCommand,
    Order,
    PauseAuction,
    ReleaseBid,
    ResumeAuction,
    SkipDay,
    UnbarBidder,
    VoidAuction,
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
    ResultNamed,
)
from messages.x_ids import first_id_at

WHY_CHARACTERS = 500

ORDERS = {
    "pause": OrderKind(
        PauseAuction,
        "refuse bids from now on; the end moves by the pause",
        "--why 'X shows no replies'",
        UNLESS_OPEN,
        AuctionPaused,
        changes=lambda order, _, end_ms: order.said_at_ms < end_ms,
        idle={PAUSED: "it is paused already: nothing will change"},
        adds=lambda order, controls, _: {"from_ms": max(order.said_at_ms, controls.opened_at_ms)},
        takes_out=True,
    ),
    "resume": OrderKind(
        ResumeAuction,
        "let bids count again after a pause",
        "--why 'X is back'",
        UNLESS_OPEN | {Phase.ACTIVE: "is not paused"},
        AuctionResumed,
        # What an operator has paused is his to resume.
        changes=lambda order, controls, _: order.by != HOUSE or controls.pauses[-1].by_house,
        adds=lambda order, controls, end_ms: {
            "until_ms": (until_ms := max(order.said_at_ms, controls.pauses[-1].from_ms)),
            "ends_at_ms": end_ms + until_ms - controls.pauses[-1].from_ms,
        },
    ),
    "extend": OrderKind(
        ExtendAuction,
        "move the end of the auction",
        "'10 min' --why 'X was slow for everybody'",
        UNLESS_OPEN,
        EndExtended,
        END,
        changes=lambda order, _, end_ms: order.ends_at_ms > end_ms,
        # Bids that stood before it in its batch may have moved the end since; that takes nothing back.
        adds=lambda order, _, end_ms: {"ends_at_ms": whole_second(max(order.ends_at_ms, end_ms)), "by_post_id": 0},
    ),
    "void": OrderKind(VoidAuction, "end the day without a winner", "--why 'the lot was sold elsewhere'", UNLESS_BEGUN),
    "name-result": OrderKind(
        NameResult,
        "name the result of an overdue close as it stands",
        "--why 'X search is down for good, the stream was whole'",
        UNLESS_PROCESSING,
    ),
    "invalidate": OrderKind(
        InvalidateBid,
        "take a bid out",
        "1801234567890123456 --why 'same wallet as the artist' --dry-run",
        UNLESS_BEGUN,
        BidInvalidated,
        POST,
        changes=lambda order, controls, _: order.post_id not in controls.invalidated,
        takes_out=True,
    ),
    "hold": OrderKind(
        HoldBid,
        "keep a bid from leading",
        "1801234567890123456 --why 'asks whether that is meant'",
        UNLESS_BEGUN,
        BidHeld,
        POST,
        changes=lambda order, controls, _: order.post_id not in controls.held,
        takes_out=True,
    ),
    "release": OrderKind(
        ReleaseBid,
        "let a held bid count",
        "1801234567890123456 --why 'the bidder has confirmed it'",
        UNLESS_BEGUN,
        BidReleased,
        POST,
        changes=lambda order, controls, _: order.post_id not in controls.released,
    ),
    "ban": OrderKind(
        BarBidder,
        "refuse what a bidder posts from now on",
        "42 --why 'did not pay on two days'",
        {},
        BidderBarred,
        BIDDER,
        changes=lambda order, controls, _: not controls.banned(order.bidder_id, order.from_ms),
        changes_house=lambda order, bans, _: all(ban.bidder_id != order.bidder_id for ban in bans),
        fixed={"reason": Refusal.BANNED},
        takes_out=True,
    ),
    "unban": OrderKind(
        UnbarBidder,
        "let what a bidder posts from now on count again",
        "42 --why 'has paid'",
        {},
        BidderUnbarred,
        BIDDER,
        changes=lambda order, controls, _: bool(controls.banned(order.bidder_id, order.from_ms)),
        # As an auction sees it: a ban that begins later is not lifted.
        changes_house=lambda order, bans, _: any(
            ban.bidder_id == order.bidder_id and ban.from_ms <= order.from_ms for ban in bans
        ),
    ),
    "skip": OrderKind(
        SkipDay,
        "do not hold a day to come",
        "17 --why 'public holiday'",
        UNLESS_TO_COME,
        argument=DAY,
        changes_house=lambda order, _, to_come: order.day in to_come,
    ),
}
# Never an operator's: the house's own order to its auctions.
MAKE_UP = OrderKind(
    MakeUpFor,
    "the end moves by an outage",
    "",
    UNLESS_OPEN,
    EndExtended,
    changes=lambda order, controls, end_ms: made_up_end(order.outage, controls, end_ms) > end_ms,
    adds=lambda order, controls, end_ms: {"ends_at_ms": made_up_end(order.outage, controls, end_ms), "by_post_id": 0},
)
KIND_OF: dict[type[OperatorCommand], OrderKind] = {kind.command: kind for kind in (*ORDERS.values(), MAKE_UP)}
TAKING_OUT = tuple(kind.command for kind in ORDERS.values() if kind.takes_out)
_ORDERED_BY = {kind.event: kind.command for kind in ORDERS.values() if kind.event}


def has_effect(order: OperatorCommand, controls: Controls, phase: Phase, ends_at_ms: int) -> bool:
    """Whether the order changes an auction that has begun. `ends_at_ms` is the effective end (UTC ms)."""
    kind, moment = KIND_OF.get(type(order)), moment_of(phase, controls.paused)
    if kind is None or phase is Phase.COMPLETED or order.message_id in controls.pausing:
        return False
    return moment not in kind.refused and moment not in kind.idle and kind.changes(order, controls, ends_at_ms)


def changes_house(order: OperatorCommand, bans: Collection[BarBidder], to_come: Collection[int]) -> bool:
    """Whether the order changes what the house knows: who is banned, and the numbers of the days to come."""
    kind = KIND_OF.get(type(order))
    return bool(kind and kind.changes_house and kind.changes_house(order, bans, to_come))


def order_event(order: OperatorCommand, controls: Controls, ends_at_ms: int, now_ms: int) -> AuctionEvent:
    """The event that an order makes that was news, as of now (UTC ms)."""
    return event_of(order, now_ms, **KIND_OF[type(order)].adds(order, controls, ends_at_ms))


def event_of(order: OperatorCommand, now_ms: int, **added: int) -> AuctionEvent:
    """The event that says what was ordered, and what was `added` to it."""
    kind = KIND_OF[type(order)].event
    assert kind is not None, f"what comes of {type(order).__name__} does not follow from the order alone"
    ids = {"message_id": f"ordered:{order.message_id}", "correlation_id": order.message_id}
    event: AuctionEvent = kind(**in_common(order, kind) | ids | added, at_ms=now_ms)
    return event


def order_of(event: AuctionEvent) -> Order | None:
    """The order that the event answers, or None where there was none."""
    kind, said_at_ms = _ORDERED_BY.get(type(event)), event.at_ms
    match event:
        case AuctionPaused():
            said_at_ms = event.from_ms
        case AuctionResumed():
            said_at_ms = event.until_ms
        case EndExtended():
            kind = MakeUpFor if event.outage else ExtendAuction if event.by else None
        case ResultNamed() if event.by:
            kind = VoidAuction if event.outcome is Outcome.VOID else NameResult
    if kind is None:
        return None
    return kind(**in_common(event, kind) | {"message_id": event.correlation_id, "said_at_ms": said_at_ms})


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
            controls.ban(event.bidder_id, event.from_ms, event.reason)
            return first_id_at(event.from_ms)
        case BidderUnbarred():
            controls.unban(event.bidder_id, event.from_ms)
            return first_id_at(event.from_ms)
        case _:
            return None
