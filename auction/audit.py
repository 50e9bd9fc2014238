"""The audit: decide a logged day again from what it saw, and name the first word of the log that does not follow.

It checks the rules only; that nobody changed the bytes is what the hash chain of the log shows.
"""

from collections.abc import Iterator, Sequence

from auction.day import AuctionDay
from auction.fold import Verdict
from auction.orders import order_of
from messages.base import in_common
from messages.commands import (
    AdvanceSettlement,
    AskNextBidder,
    AuctionCommand,
    BeginSettlement,
    ConfirmAuctionPost,
    MarkSwept,
    OpenAuction,
    PlaceBid,
    RenameBidder,
    RestoreBid,
    WithdrawBid,
)
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidderRenamed,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    CloseOverdue,
    ClosingSoon,
    EndFrozen,
    Observed,
    ResultNamed,
    SettlementAdvanced,
    SettlementBegun,
    SettlementFactRefused,
    WalletRefused,
    WatermarkMoved,
)
from messages.settlement import Declined, NextChosen, WalletNamed


class Auditor:
    """Follows one auction's log from its beginning, one committed batch after the other."""

    def __init__(self, auction_id: str) -> None:
        self.day: AuctionDay = _FollowedDay(auction_id)

    def check(self, logged: list[AuctionEvent]) -> str | None:
        """Decide the batch again; None if the log says the same, else the first difference in words."""
        decided: list[AuctionEvent] = []
        for commands, at_ms, is_tick in _causes(logged):
            decided += self.day.tick(at_ms) if is_tick else self.day.decide(commands, at_ms)
        if decided == logged:  # nearly always, and told at once
            return None
        for said, follows in zip(logged, decided, strict=False):
            if said != follows:
                return f"the log says {said!r}, but what was seen makes it {follows!r}"
        extra, whose = (logged, "the log says too") if len(logged) > len(decided) else (decided, "the log omits")
        return f"{whose}: {extra[min(len(logged), len(decided))]!r}"


class _Seen(PlaceBid, frozen=True, kw_only=True):
    """What was seen of a reply, and the log's verdict on it."""

    said: BidAccepted | BidRefused


class _FollowedDay(AuctionDay):
    """A day whose replies come out of its log, each with what is said of it there."""

    def tell(self, reply: PlaceBid, verdict: Verdict, now_ms: int) -> BidAccepted | BidRefused:
        # What the most frequent verdict says beyond what was seen is compared here, and not made up a second time.
        said: BidAccepted | BidRefused = reply.said  # type: ignore[attr-defined]  # no others are made of a log
        if (
            type(said) is BidRefused
            and said.reason is verdict.refusal
            and said.required_wei == verdict.required_wei
            and said.amount_wei == verdict.bid.amount_wei
            and said.flaw is verdict.bid.flaw is None
            and said.at_ms == now_ms
        ):
            return said
        return super().tell(reply, verdict, now_ms)


def _causes(logged: Sequence[AuctionEvent]) -> Iterator[tuple[list[AuctionCommand], int, bool]]:
    """The commands and clock readings that a batch came from: (commands, at_ms, whether the clock alone spoke)."""
    commands: list[AuctionCommand] = []
    for event in logged:
        if isinstance(event, Observed):  # nearly all of a log
            commands.append(_reply(event))
        elif _is_of_the_clock(event):
            if commands:
                yield commands, event.at_ms, False
                commands = []
            yield [], event.at_ms, True
        elif (command := _cause(event)) is not None:
            commands.append(command)
    if commands:
        yield commands, logged[0].at_ms, False


def _reply(event: BidAccepted | BidRefused) -> PlaceBid:
    """What was seen of the reply that this is the verdict on."""
    return _Seen(
        message_id=event.message_id,
        correlation_id=event.correlation_id,
        post_id=event.post_id,
        author_id=event.bidder_id,
        author_handle=event.bidder_handle,
        author_created_at_ms=event.bidder_created_at_ms,
        author_followers=event.bidder_followers,
        replied_to_id=event.replied_to_id,
        text=event.text,
        hashtags=event.hashtags,
        source=event.source,
        injected=event.injected,
        found_at_ms=event.at_ms,
        said=event,
    )


def _is_of_the_clock(event: AuctionEvent) -> bool:
    """Whether time alone can have brought it; a result also follows from a sweep, and then the clock adds nothing."""
    if isinstance(event, ResultNamed):
        return not event.by
    return isinstance(event, ClosingSoon | EndFrozen | CloseOverdue)


def _cause(event: AuctionEvent) -> AuctionCommand | None:
    """The command that an event answers; None for what only follows from others."""
    match event:
        case AuctionPrepared():
            return OpenAuction(message_id=event.correlation_id, **in_common(event, OpenAuction))
        case AuctionOpened():
            return ConfirmAuctionPost(message_id=event.correlation_id, post_id=event.post_id)
        case SettlementBegun():
            return BeginSettlement(message_id=event.correlation_id, terms=event.terms)
        case SettlementAdvanced() | SettlementFactRefused():
            return _told(event)
        case WalletRefused():
            return _buyers_reply(event.correlation_id, event.bidder_id, event.post_id, event.text)
        case BidWithdrawn():
            return WithdrawBid(message_id=event.message_id, **in_common(event, WithdrawBid))
        case BidRestored():
            return RestoreBid(message_id=event.message_id, post_id=event.post_id)
        case BidderRenamed():
            return RenameBidder(message_id=event.message_id, bidder_id=event.bidder_id, handle=event.handle)
        case WatermarkMoved():
            return MarkSwept(
                message_id=event.message_id, swept_to_ms=event.watermark_ms, looked_again=event.looked_again
            )
        case _:
            return order_of(event)


def _told(event: SettlementAdvanced | SettlementFactRefused) -> AuctionCommand:
    """The command that has told the fact of the event."""
    fact = event.fact
    match fact:
        case WalletNamed() | Declined():
            return _buyers_reply(event.correlation_id, fact.bidder_id, fact.post_id, fact.text)
        case NextChosen():
            return AskNextBidder(message_id=event.correlation_id, banned=fact.banned, at_ms=fact.at_ms)
        case _:
            return AdvanceSettlement(message_id=event.correlation_id, fact=fact)


def _buyers_reply(message_id: str, bidder_id: int, post_id: int, text: str) -> PlaceBid:
    """The reply of a buyer, as far as a settlement looks at it."""
    return PlaceBid(
        message_id=message_id,
        post_id=post_id,
        author_id=bidder_id,
        author_handle="",
        author_created_at_ms=None,
        replied_to_id=None,
        text=text,
        hashtags=None,
        source="",
        found_at_ms=0,
    )
