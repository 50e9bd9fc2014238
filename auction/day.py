"""One auction day: commands in, events out.

`decide` and `tick` change the day and return what has to be logged. The caller commits these events before anyone hears
of them, and throws the day away when it could not: its state is found again in the log (`record`).
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from operator import attrgetter

from auction.catch_up import HOUSE, close_when_opened
from auction.eligibility import AuthorFacts
from auction.fold import Bid, Verdict
from auction.lost_leads import binds, end_after_loss
from auction.orders import is_news, order_event
from auction.record import DayRecord
from auction.replies import leader_of, read_reply, verdict_event
from auction.rules import posted_at_ms, rules_hash
from messages.base import Outcome, Phase, Refusal
from messages.commands import (
    AuctionCommand,
    BarBidder,
    ConfirmAuctionPost,
    HoldBid,
    InvalidateBid,
    MarkSwept,
    NameResult,
    OpenAuction,
    OperatorCommand,
    PauseAuction,
    PlaceBid,
    RestoreBid,
    VoidAuction,
    WithdrawBid,
)
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    CloseOverdue,
    ClosingSoon,
    EndExtended,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
    StrikeGiven,
    StrikeLifted,
    WatermarkMoved,
)

EDITED = "edited"  # the cause of a withdrawal that is no strike: a later version of the post stands in its place
# Orders after which a bid that has led may count no more.
TAKING_OUT = InvalidateBid, HoldBid, BarBidder, PauseAuction


class AuctionDay(DayRecord):
    """A day that is being held."""

    # ---- commands in, events out

    def decide(self, commands: Iterable[AuctionCommand], now_ms: int) -> list[AuctionEvent]:
        """Decide a batch in its order. Bids that stand next to each other are folded in together."""
        events: list[AuctionEvent] = []
        replies: list[PlaceBid] = []
        gone: list[WithdrawBid] = []
        for command in commands:
            match command:
                case PlaceBid():
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
                    events += self._decide_preparation(command, now_ms)
                case ConfirmAuctionPost():
                    events += self._decide_opening(command, now_ms)
                case RestoreBid():
                    events += self._decide_restored(command, now_ms)
                case MarkSwept():
                    events += self._decide_watermark(command, now_ms)
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
                self.freeze()
                events.append(EndFrozen(message_id=self._id("frozen"), at_ms=now_ms, ends_at_ms=ends_at_ms))
        events += self._decide_result(now_ms, bound_ms=now_ms)
        if self.phase is Phase.PROCESSING and not self.overdue and now_ms >= ends_at_ms + rules.close_bound_ms:
            self.overdue = True
            overdue = CloseOverdue(
                message_id=self._id("overdue"), at_ms=now_ms, watermark_ms=self.watermark_ms, ends_at_ms=ends_at_ms
            )
            events.append(overdue)
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
            case MarkSwept():
                known_ms = self.looked_again_ms if command.looked_again else self.watermark_ms
                return self.standings is not None and command.swept_to_ms > known_ms
            case VoidAuction():
                return self.prepared is not None and self.result is None
            case NameResult():
                return self.phase is Phase.PROCESSING
            case OperatorCommand():
                return self.controls is not None and is_news(command, self.controls, self.phase, self.ends_at_ms)
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
        trial = deepcopy(self)
        trial._decide_bids(replies, gone, 0)
        return trial._is_news(command)

    def _decide_preparation(self, command: OpenAuction, now_ms: int) -> list[AuctionEvent]:
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
        self.prepare(prepared)
        return [prepared]

    def _decide_opening(self, command: ConfirmAuctionPost, now_ms: int) -> list[AuctionEvent]:
        assert self.prepared is not None, "only a prepared day is opened"
        opened_at_ms = max(self.prepared.opens_at_ms, posted_at_ms(command.post_id))
        closes_at_ms = close_when_opened(self.prepared, opened_at_ms)
        if closes_at_ms is None:
            why = "less than half of its window was left when its auction post was made"
            order = VoidAuction(message_id=command.message_id, by=HOUSE, why=why, said_at_ms=now_ms)
            return [self._result(Outcome.VOID, now_ms, order)]
        opened = AuctionOpened(
            message_id=self._id("opened"),
            correlation_id=command.message_id,
            at_ms=now_ms,
            auction_id=self.auction_id,
            post_id=command.post_id,
            opened_at_ms=opened_at_ms,
            ends_at_ms=closes_at_ms,
        )
        self.open(opened)
        return [opened]

    def _decide_bids(self, replies: Sequence[PlaceBid], gone: Sequence[WithdrawBid], now_ms: int) -> list[AuctionEvent]:
        if not replies and not gone:
            return []
        leader = self._leading()
        withdrawals = self._decide_withdrawals(gone, now_ms)
        events: list[AuctionEvent] = [*withdrawals]
        withdrawn = [event.post_id for event in withdrawals if not event.binds]
        found: dict[int, PlaceBid] = {}
        bids: list[Bid] = []
        # In the order in which the log will have them, so that who was seen first is the same in a replay.
        for reply in sorted(replies, key=attrgetter("post_id")):
            post_id = reply.post_id
            if post_id in found or self.knows(post_id):
                continue
            found[post_id] = reply
            known = self.facts.get(reply.author_id)
            facts = known or AuthorFacts(reply.author_created_at_ms, reply.author_followers)
            bid = self.read(reply, facts)
            if bid.flaw is Refusal.NO_HASHTAG:
                self.left_out += 1
                continue
            if known is None:
                self.facts[reply.author_id] = facts
            bids.append(bid)
        revised: list[int | None] = []
        if leader and leader.post_id in withdrawn and self.result is None:
            (taken_back,) = [event for event in withdrawals if event.post_id == leader.post_id]
            if taken_back.cause != EDITED:  # who edits his bid has made another one, and has taken nothing back
                events.append(self._strike(leader, now_ms))
            if extended := self._after_loss(leader, now_ms, max(taken_back.missed_at_ms, now_ms)):
                # What is told is also how it is found again: first the withdrawals, then the end, then the bids.
                revised += [self.take_in((), withdrawn)[1], self.take_order(extended)]
                events.append(extended)
                withdrawn = []
        verdicts, revised_from = self.take_in(bids, withdrawn)
        events += [self.tell(found[verdict.bid.post_id], verdict, now_ms) for verdict in verdicts]
        return events + self._decide_revision([*revised, revised_from], now_ms) + self._decide_extension(now_ms)

    def _decide_withdrawals(self, gone: Sequence[WithdrawBid], now_ms: int) -> list[BidWithdrawn]:
        news = {command.post_id: command for command in gone if not self.is_gone(command.post_id)}
        events = []
        for command in news.values():
            missed_at_ms = command.missed_at_ms or now_ms
            binding = self.standings is not None and binds(
                self.standings.rules, self.standings.controls, missed_at_ms, max(missed_at_ms, now_ms)
            )
            if binding:
                self.bound.add(command.post_id)
            events.append(
                BidWithdrawn(
                    message_id=f"withdrawn:{command.post_id}",
                    at_ms=now_ms,
                    post_id=command.post_id,
                    cause=command.cause,
                    missed_at_ms=command.missed_at_ms,
                    binds=binding,
                )
            )
        return events

    def _decide_restored(self, command: RestoreBid, now_ms: int) -> list[AuctionEvent]:
        """The bid counts again, at its own time, and costs no strike."""
        post_id, leader = command.post_id, self._leading()
        events: list[AuctionEvent] = [BidRestored(message_id=f"restored:{post_id}", at_ms=now_ms, post_id=post_id)]
        if bidder_id := self.struck.pop(post_id, 0):
            lifted = StrikeLifted(
                message_id=f"strike-lifted:{post_id}", at_ms=now_ms, bidder_id=bidder_id, post_id=post_id
            )
            events.append(lifted)
        revised = [self.restore(post_id)]
        if leader and self._has_lost(leader) and (extended := self._after_loss(leader, now_ms, now_ms)):
            revised.append(self.take_order(extended))
            events.append(extended)
        return events + self._decide_revision(revised, now_ms) + self._decide_extension(now_ms)

    def _after_loss(self, lost: Bid, now_ms: int, known_at_ms: int) -> EndExtended | None:
        """How the end moves because it is known that this bid leads no more, though nobody has outbid it."""
        assert self.standings is not None, "only an opened auction has a leader"
        controls = self.standings.controls
        ends_at_ms = end_after_loss(self.standings.rules, controls, known_at_ms)
        if ends_at_ms == controls.ends_at_ms:
            return None
        return EndExtended(
            message_id=self._id(f"extended:{ends_at_ms}"),
            at_ms=now_ms,
            ends_at_ms=ends_at_ms,
            by_post_id=lost.post_id,
            lead_lost=True,
        )

    def read(self, reply: PlaceBid, facts: AuthorFacts) -> Bid:
        """What the reply bids, whatever others do."""
        return read_reply(reply, self.prepared.rules if self.prepared else None, self.post_id, facts)

    def tell(self, reply: PlaceBid, verdict: Verdict, now_ms: int) -> BidAccepted | BidRefused:
        """The verdict on the reply as the log has it."""
        return verdict_event(reply, verdict, self.standings, now_ms)

    def _decide_extension(self, now_ms: int) -> list[AuctionEvent]:
        standings = self.standings
        if standings is None or standings.leader is None or standings.ends_at_ms <= standings.controls.ends_at_ms:
            return []
        standings.publish_end()
        ends_at_ms, by_post_id = standings.ends_at_ms, standings.leader.bid.post_id
        message_id = self._id(f"extended:{ends_at_ms}")
        return [EndExtended(message_id=message_id, at_ms=now_ms, ends_at_ms=ends_at_ms, by_post_id=by_post_id)]

    def _decide_watermark(self, command: MarkSwept, now_ms: int) -> list[AuctionEvent]:
        moved = WatermarkMoved(
            message_id=self._id(f"watermark:{command.swept_to_ms}"),
            at_ms=now_ms,
            watermark_ms=command.swept_to_ms,
            looked_again=command.looked_again,
        )
        self.move_watermark(moved)
        return [moved, *self._decide_result(now_ms)]

    def _decide_order(self, command: OperatorCommand, now_ms: int) -> list[AuctionEvent]:
        assert self.controls is not None, "an order to a day that is not prepared was left out before"
        # Once bidding is over, no order moves the end.
        takes_out = isinstance(command, TAKING_OUT) and now_ms < self.ends_at_ms
        leader = self._leading() if takes_out else None
        ordered = order_event(command, self.controls, self.ends_at_ms, now_ms)
        events, revised = [ordered], [self.take_order(ordered)]
        if leader and self._has_lost(leader) and (extended := self._after_loss(leader, now_ms, now_ms)):
            revised.append(self.take_order(extended))
            events.append(extended)
        events += self._decide_revision(revised, now_ms) + self._decide_extension(now_ms)
        return events + self._decide_result(now_ms)

    def _decide_closing_soon(self, now_ms: int) -> list[AuctionEvent]:
        assert self.prepared is not None, "an active day was prepared"
        left_ms, whole_ms = self.ends_at_ms - now_ms, self.prepared.closes_at_ms - self.prepared.opens_at_ms
        told_ms = self.closing_told_ms
        due = [ms for ms in self.prepared.rules.closing_soon_ms if left_ms <= ms < min(whole_ms, told_ms or whole_ms)]
        if not due or left_ms <= 0:
            return []
        self.closing_told_ms = min(due)
        message_id = self._id(f"closing:{min(due)}")
        return [ClosingSoon(message_id=message_id, at_ms=now_ms, left_ms=min(due), ends_at_ms=self.ends_at_ms)]

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

    def _result(self, outcome: Outcome, now_ms: int, order: OperatorCommand | None) -> ResultNamed:
        assert self.prepared is not None, "only a prepared day has a result"
        leader = self.standings.leader if self.standings and outcome is Outcome.SOLD else None
        result = ResultNamed(
            message_id=self._id("result"),
            correlation_id=order.message_id if order else "",
            at_ms=now_ms,
            auction_id=self.auction_id,
            day=self.prepared.day,
            outcome=outcome,
            winner=leader_of(leader) if leader else None,
            by=order.by if order else "",
            why=order.why if order else "",
        )
        self.name(result)
        return result

    def _strike(self, leader: Bid, now_ms: int) -> StrikeGiven:
        self.struck[leader.post_id] = leader.bidder_id
        return StrikeGiven(
            message_id=f"strike:{leader.post_id}",
            at_ms=now_ms,
            bidder_id=leader.bidder_id,
            post_id=leader.post_id,
            cause="took back a leading bid",
        )

    # ---- telling

    def _leading(self) -> Bid | None:
        return self.standings.leader.bid if self.standings and self.standings.leader else None

    def _has_lost(self, leader: Bid) -> bool:
        leads = self._leading()
        return leads is None or leads.post_id != leader.post_id

    def _decide_revision(self, revised: Sequence[int | None], now_ms: int) -> list[AuctionEvent]:
        """What tells of the chain of leaders where it was revised from these posts on (None: not at all)."""
        from_post_id = min((post_id for post_id in revised if post_id is not None), default=None)
        return [] if from_post_id is None else [self._revision(from_post_id, now_ms)]

    def _revision(self, from_post_id: int, now_ms: int) -> StandingsRevised:
        assert self.standings is not None, "only an opened auction has standings to revise"
        leaders = [leader_of(link) for link in self.standings.chain if link.bid.post_id >= from_post_id]
        return StandingsRevised(
            message_id=self._id(f"revised:{from_post_id}:{now_ms}"),
            at_ms=now_ms,
            from_post_id=from_post_id,
            leaders=tuple(leaders),
            leader=leader_of(self.standings.leader) if self.standings.leader else None,
            minimum_wei=self.standings.minimum_wei,
        )

    def _id(self, what: str) -> str:
        return f"{self.auction_id}:{what}"
