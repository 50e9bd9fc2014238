"""One auction day: commands in, events out.

`decide` and `tick` return what has to be logged, and have applied it (`record`). The caller commits these events before
anyone hears of them, and throws the day away when it could not: the log brings the same state again. What bids, and
posts that are gone, make of a day is `bidding`; what comes after a sold day is `settling`.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy

from msgspec.structs import replace

from auction.downtime_policy import HOUSE, close_when_opened
from auction.orders import TAKING_OUT, has_effect, order_event
from auction.replies import leader_of
from auction.rules import rules_hash
from auction.settling import Settling
from messages.base import Outcome, Phase
from messages.commands import (
    AdvanceSettlement,
    AskNextBidder,
    AuctionCommand,
    BeginSettlement,
    ConfirmAuctionPost,
    MarkSwept,
    NameResult,
    OpenAuction,
    OperatorCommand,
    PauseAuction,
    PlaceBid,
    RenameBidder,
    RestoreBid,
    VoidAuction,
    WithdrawBid,
)
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidderRenamed,
    CloseOverdue,
    ClosingSoon,
    EndFrozen,
    ResultNamed,
    WatermarkMoved,
)
from messages.settlement import Stage
from messages.x_ids import posted_at_ms


class AuctionDay(Settling):
    """A day that is being held."""

    # ---- commands in, events out

    def decide(self, commands: Iterable[AuctionCommand], now_ms: int) -> list[AuctionEvent]:
        """Decide a batch in its order. Bids that stand next to each other are folded in together."""
        events: list[AuctionEvent] = []
        replies: list[PlaceBid] = []
        gone: list[WithdrawBid] = []
        for command in commands:
            match command:
                case PlaceBid() if self.settlement is None or not self._is_about_settlement(command):
                    replies.append(command)
                    continue
                case WithdrawBid():
                    gone.append(command)
                    continue
                case _ if not self._is_news(command) and not self._will_be_news(command, replies, gone):
                    continue  # leaves no trace in the log, so it must not part the bids around it either
            events += self._decide_bids(replies, gone, now_ms)
            replies, gone = [], []
            match command:
                case OpenAuction():
                    events.append(self._decide_preparation(command, now_ms))
                case ConfirmAuctionPost():
                    events.append(self._decide_opening(command, now_ms))
                case RestoreBid():
                    events += self._decide_restored(command, now_ms)
                case RenameBidder(message_id=message_id, bidder_id=bidder_id, handle=handle):
                    renamed = BidderRenamed(message_id=message_id, at_ms=now_ms, bidder_id=bidder_id, handle=handle)
                    events.append(self._applied(renamed))
                case MarkSwept():
                    events += self._decide_watermark(command, now_ms)
                case PlaceBid():
                    events += self._decide_buyers_reply(command, now_ms)
                case BeginSettlement():
                    events += self._decide_settlement(command, now_ms)
                case AdvanceSettlement():
                    events += self._decide_fact(command.fact, command.message_id, now_ms)
                case AskNextBidder():
                    events += self._decide_next_bidder(command, now_ms)
                case VoidAuction():
                    events.append(self._result(Outcome.VOID, now_ms, command))
                case NameResult():
                    events += self._decide_result(now_ms, command)
                case OperatorCommand():
                    events += self._decide_order(command, now_ms)
        return events + self._decide_bids(replies, gone, now_ms)

    def tick(self, now_ms: int) -> list[AuctionEvent]:
        """What the time alone brings. Only to be asked once the input queue has been read to its end."""
        if self.prepared is None or self.standings is None:
            return []
        ends_at_ms, rules = self.standings.ends_at_ms, self.prepared.rules
        events: list[AuctionEvent] = []
        if self.phase is Phase.ACTIVE and not self.standings.controls.paused:
            events += self._decide_closing_soon(now_ms)
            if now_ms >= ends_at_ms + rules.delivery_allowance_ms:
                frozen = EndFrozen(message_id=self._id("frozen"), at_ms=now_ms, ends_at_ms=ends_at_ms)
                events.append(self._applied(frozen))
        events += self._decide_result(now_ms, bound_ms=now_ms)
        if self.phase is Phase.PROCESSING and not self.overdue and now_ms >= ends_at_ms + rules.close_bound_ms:
            overdue = CloseOverdue(
                message_id=self._id("overdue"), at_ms=now_ms, watermark_ms=self.watermark_ms, ends_at_ms=ends_at_ms
            )
            events.append(self._applied(overdue))
        return events

    def _is_news(self, command: AuctionCommand) -> bool:
        """Whether a control still has something to change: repetitions and what came too early do not."""
        match command:
            case OpenAuction():
                return self.prepared is None
            case ConfirmAuctionPost():
                return self.prepared is not None and self.phase is Phase.PENDING
            case RestoreBid():
                return self.result is None and self.is_gone(command.post_id)
            case RenameBidder():
                return self.result is None and self.renamed.get(command.bidder_id) != command.handle
            case MarkSwept():
                known_ms = self.looked_again_ms if command.looked_again else self.watermark_ms
                return self.standings is not None and command.swept_to_ms > known_ms
            case BeginSettlement():
                return self.settlement is None and self.is_to_be_settled
            case AdvanceSettlement():
                return self.settlement is not None
            case AskNextBidder():
                return self.settlement is not None and self.settlement.stage is Stage.NEXT_BIDDER
            case OperatorCommand():
                return self.controls is not None and has_effect(command, self.controls, self.phase, self.ends_at_ms)
            case _:
                return True

    def _will_be_news(self, command: AuctionCommand, replies: Sequence[PlaceBid], gone: Sequence[WithdrawBid]) -> bool:
        """Whether the bids and withdrawals in front of it make the control news: a restored bid may have been withdrawn
        by one of them, and a pause that was said after the end lies before the end that the bids bring.

        The pause is tried on a copy: rarely asked, and bids may be parted only by what then stands between them in the
        log.
        """
        if isinstance(command, RestoreBid):
            return self.result is None and any(command.post_id == withdrawal.post_id for withdrawal in gone)
        could_be = self.phase is Phase.ACTIVE and self.controls and not self.controls.paused
        if not (could_be and replies and isinstance(command, PauseAuction)):
            return False
        trial: AuctionDay = deepcopy(self)
        trial._decide_bids(replies, gone, 0)
        return trial._is_news(command)

    def _decide_preparation(self, command: OpenAuction, now_ms: int) -> AuctionEvent:
        prepared = AuctionPrepared(
            message_id=self._id("prepared"),
            correlation_id=command.message_id,
            at_ms=now_ms,
            auction_id=self.auction_id,
            day=command.day,
            lot=command.lot,
            rules=command.rules,
            rules_hash=rules_hash(command.rules),
            opens_at_ms=command.opens_at_ms,
            closes_at_ms=command.closes_at_ms,
            latest_end_ms=command.latest_end_ms,
        )
        return self._applied(prepared)

    def _decide_opening(self, command: ConfirmAuctionPost, now_ms: int) -> AuctionEvent:
        assert self.prepared is not None, "only a prepared day is opened"
        opened_at_ms = max(self.prepared.opens_at_ms, posted_at_ms(command.post_id))
        closes_at_ms = close_when_opened(self.prepared, opened_at_ms)
        if closes_at_ms is None:
            why = "less than half of its window was left when its auction post was made"
            order = VoidAuction(message_id=command.message_id, by=HOUSE, why=why, said_at_ms=now_ms)
            return self._result(Outcome.VOID, now_ms, order)
        opened = AuctionOpened(
            message_id=self._id("opened"),
            correlation_id=command.message_id,
            at_ms=now_ms,
            auction_id=self.auction_id,
            post_id=command.post_id,
            opened_at_ms=opened_at_ms,
            ends_at_ms=closes_at_ms,
        )
        return self._applied(opened)

    def _decide_watermark(self, command: MarkSwept, now_ms: int) -> list[AuctionEvent]:
        moved = WatermarkMoved(
            message_id=self._id(f"watermark:{command.swept_to_ms}"),
            at_ms=now_ms,
            watermark_ms=command.swept_to_ms,
            looked_again=command.looked_again,
        )
        return [self._applied(moved), *self._decide_result(now_ms)]

    def _decide_order(self, command: OperatorCommand, now_ms: int) -> list[AuctionEvent]:
        assert self.controls is not None, "an order to a day that is not prepared was left out before"
        # Once bidding is over, no order moves the end.
        takes_out = isinstance(command, TAKING_OUT) and now_ms < self.ends_at_ms
        leader = self._leading() if takes_out else None
        ordered = order_event(command, self.controls, self.ends_at_ms, now_ms)
        events = [ordered, *self._decide_change(leader, self.apply(ordered), now_ms)]
        return events + self._decide_result(now_ms)

    def _decide_closing_soon(self, now_ms: int) -> list[AuctionEvent]:
        assert self.prepared is not None, "an active day was prepared"
        left_ms, whole_ms = self.ends_at_ms - now_ms, self.prepared.closes_at_ms - self.prepared.opens_at_ms
        told_ms = self.closing_told_ms
        due = [ms for ms in self.prepared.rules.closing_soon_ms if left_ms <= ms < min(whole_ms, told_ms or whole_ms)]
        if not due or left_ms <= 0:
            return []
        message_id = self._id(f"closing:{min(due)}")
        told = ClosingSoon(message_id=message_id, at_ms=now_ms, left_ms=min(due), ends_at_ms=self.ends_at_ms)
        return [self._applied(told)]

    def _decide_result(
        self, now_ms: int, order: NameResult | None = None, bound_ms: int | None = None
    ) -> list[AuctionEvent]:
        """The result, once everything before the end has been found and looked up again, and no bid waits for an
        operator any more: he has until the close's bound, which X's time (`bound_ms`, where it is known) must have
        passed. An order names it as it stands."""
        if self.phase is not Phase.PROCESSING or self.standings is None or self.prepared is None:
            return []
        ends_at_ms = self.standings.ends_at_ms
        bound_has_passed = bound_ms is not None and bound_ms >= ends_at_ms + self.prepared.rules.close_bound_ms
        is_waiting = self.standings.held and not bound_has_passed
        if order is None and (self.looked_again_ms < ends_at_ms or is_waiting):
            return []
        return [self._result(Outcome.SOLD if self.standings.leader else Outcome.UNSOLD, now_ms, order)]

    def _result(self, outcome: Outcome, now_ms: int, order: OperatorCommand | None) -> AuctionEvent:
        assert self.prepared is not None, "only a prepared day has a result"
        leader = self.standings.leader if self.standings and outcome is Outcome.SOLD else None
        winner = replace(leader_of(leader, self.injected), bidder_handle=self.handle_of(leader.bid)) if leader else None
        result = ResultNamed(
            message_id=self._id("result"),
            correlation_id=order.message_id if order else "",
            at_ms=now_ms,
            auction_id=self.auction_id,
            day=self.prepared.day,
            outcome=outcome,
            winner=winner,
            by=order.by if order else "",
            why=order.why if order else "",
        )
        return self._applied(result)
