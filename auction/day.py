"""One auction day: commands in, events out, and the same state again from its events.

`decide` and `tick` change the state and return what has to be logged; `replay` reaches that state from the log without
deciding anything anew, so that what was published holds even when the rules of a later version would judge otherwise.
The caller commits the events before anyone hears of them, and throws the state away when it could not.
"""

from collections.abc import Iterable, Sequence

import msgspec

from auction.lifecycle import advance
from auction.replies import leader_of, read_reply, recall, verdict_event
from auction.rules import posted_at_ms, rules_hash
from auction.standings import Bid, Span, Standings, Verdict
from messages.base import Outcome, Phase, Refusal
from messages.commands import (
    AuctionCommand,
    ConfirmAuctionPost,
    MarkSwept,
    OpenAuction,
    PlaceBid,
    WithdrawBid,
)
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    CloseOverdue,
    EndExtended,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
    WatermarkMoved,
)


class DayState(msgspec.Struct, array_like=True):
    """All that a day needs to go on: what a checkpoint holds."""

    phase: Phase = Phase.PENDING
    prepared: AuctionPrepared | None = None
    post_id: int | None = None
    span: Span | None = None
    bids: list[Bid] = []
    tombstones: list[int] = []
    watermark_ms: int = 0
    overdue: bool = False
    result: ResultNamed | None = None
    outside: list[int] = []  # decided before the opening or after the result: never part of the standing


class AuctionDay:
    """The state of one day. Not thread-safe: it belongs to the one actor that serialises the auction's bids."""

    def __init__(self, auction_id: str, state: DayState | None = None) -> None:
        state = state or DayState()
        self.auction_id = auction_id
        self.phase = state.phase
        self.prepared = state.prepared
        self.post_id = state.post_id
        self.watermark_ms = state.watermark_ms
        self.result = state.result
        self.left_out = 0  # replies without the hashtag: counted while this process lives, never judged
        self._overdue = state.overdue
        self._tombstones = set(state.tombstones)
        self._outside = set(state.outside)
        self.standings: Standings | None = None
        if state.prepared and state.span:
            self.standings = Standings(state.prepared.rules, state.span, state.bids)

    def state(self) -> DayState:
        """What `AuctionDay(auction_id, state)` goes on from."""
        standings = self.standings
        return DayState(
            self.phase,
            self.prepared,
            self.post_id,
            standings.span if standings else None,
            list(standings.bids.values()) if standings else [],
            sorted(self._tombstones),
            self.watermark_ms,
            self._overdue,
            self.result,
            sorted(self._outside),
        )

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
                case _ if not self._is_news(command):
                    continue  # leaves no trace in the log, so it must not part the bids around it either
            events += self._decide_bids(replies, gone, now_ms)
            replies, gone = [], []
            match command:
                case OpenAuction():
                    events += self._decide_preparation(command, now_ms)
                case ConfirmAuctionPost():
                    events += self._decide_opening(command, now_ms)
                case MarkSwept():
                    events += self._decide_watermark(command, now_ms)
        return events + self._decide_bids(replies, gone, now_ms)

    def tick(self, now_ms: int) -> list[AuctionEvent]:
        """What the time alone brings. Only to be asked once the input queue has been read to its end."""
        if self.prepared is None or self.standings is None:
            return []
        ends_at_ms, rules = self.standings.ends_at_ms, self.prepared.rules
        events: list[AuctionEvent] = []
        if self.phase is Phase.ACTIVE and now_ms >= ends_at_ms + rules.delivery_allowance_ms:
            self._freeze()
            events.append(EndFrozen(message_id=self._id("frozen"), at_ms=now_ms, ends_at_ms=ends_at_ms))
            events += self._decide_result(now_ms)
        if self.phase is Phase.PROCESSING and not self._overdue and now_ms >= ends_at_ms + rules.close_bound_ms:
            self._overdue = True
            watermark_ms = self.watermark_ms
            events.append(
                CloseOverdue(
                    message_id=self._id("overdue"),
                    at_ms=now_ms,
                    watermark_ms=watermark_ms,
                    ends_at_ms=ends_at_ms,
                )
            )
        return events

    def _is_news(self, command: AuctionCommand) -> bool:
        """Whether a control still has something to change: repetitions and what came too early do not."""
        match command:
            case OpenAuction():
                return self.prepared is None
            case ConfirmAuctionPost():
                return self.prepared is not None and self.phase is Phase.PENDING
            case MarkSwept():
                return self.standings is not None and command.swept_to_ms > self.watermark_ms
            case _:
                return True

    def _decide_preparation(self, command: OpenAuction, now_ms: int) -> list[AuctionEvent]:
        self.prepared = AuctionPrepared(
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
        )
        return [self.prepared]

    def _decide_opening(self, command: ConfirmAuctionPost, now_ms: int) -> list[AuctionEvent]:
        assert self.prepared is not None, "only a prepared day is opened"
        opened = AuctionOpened(
            message_id=self._id("opened"),
            correlation_id=command.message_id,
            at_ms=now_ms,
            auction_id=self.auction_id,
            post_id=command.post_id,
            opened_at_ms=max(self.prepared.opens_at_ms, posted_at_ms(command.post_id)),
            ends_at_ms=self.prepared.closes_at_ms,
        )
        self._open(opened)
        return [opened]

    def _decide_bids(self, replies: Sequence[PlaceBid], gone: Sequence[WithdrawBid], now_ms: int) -> list[AuctionEvent]:
        if not replies and not gone:
            return []
        events: list[AuctionEvent] = []
        withdrawn = {command.post_id: command for command in gone if command.post_id not in self._tombstones}
        for command in withdrawn.values():
            message_id = f"withdrawn:{command.post_id}"
            events.append(
                BidWithdrawn(message_id=message_id, at_ms=now_ms, post_id=command.post_id, cause=command.cause)
            )
        found: dict[int, PlaceBid] = {}
        bids: list[Bid] = []
        for reply in replies:
            if reply.post_id in found or self._knows(reply.post_id):
                continue
            found[reply.post_id] = reply
            bid = read_reply(reply, self.prepared.rules if self.prepared else None, self.post_id)
            if bid.flaw is Refusal.NO_HASHTAG:
                self.left_out += 1
            else:
                bids.append(bid)
        verdicts, revised_from = self._take_in(bids, list(withdrawn))
        events += [verdict_event(found[verdict.bid.post_id], verdict, self.standings, now_ms) for verdict in verdicts]
        if revised_from is not None:
            events.append(self._revision(revised_from, now_ms))
        events += self._decide_extension(now_ms)
        return events

    def _decide_extension(self, now_ms: int) -> list[AuctionEvent]:
        standings = self.standings
        if standings is None or standings.leader is None or standings.ends_at_ms <= standings.span.ends_at_ms:
            return []
        standings.publish_end()
        ends_at_ms, by_post_id = standings.ends_at_ms, standings.leader.bid.post_id
        message_id = self._id(f"extended:{ends_at_ms}")
        return [EndExtended(message_id=message_id, at_ms=now_ms, ends_at_ms=ends_at_ms, by_post_id=by_post_id)]

    def _decide_watermark(self, command: MarkSwept, now_ms: int) -> list[AuctionEvent]:
        self.watermark_ms = command.swept_to_ms
        message_id = self._id(f"watermark:{command.swept_to_ms}")
        moved = WatermarkMoved(message_id=message_id, at_ms=now_ms, watermark_ms=command.swept_to_ms)
        return [moved, *self._decide_result(now_ms)]

    def _decide_result(self, now_ms: int) -> list[AuctionEvent]:
        if self.phase is not Phase.PROCESSING or self.standings is None or self.prepared is None:
            return []
        if self.watermark_ms < self.standings.ends_at_ms:
            return []
        leader = self.standings.leader
        result = ResultNamed(
            message_id=self._id("result"),
            at_ms=now_ms,
            auction_id=self.auction_id,
            day=self.prepared.day,
            outcome=Outcome.SOLD if leader else Outcome.UNSOLD,
            winner=leader_of(leader) if leader else None,
        )
        self._name(result)
        return [result]

    # ---- the same state from the log

    def replay(self, events: Iterable[AuctionEvent]) -> None:
        """Take in what this auction has logged after the state it was made from, in order."""
        bids: list[Bid] = []
        withdrawn: list[int] = []
        for event in events:
            match event:
                case BidAccepted() | BidRefused():
                    bids.append(recall(event))
                    continue
                case BidWithdrawn():
                    # A withdrawal stands before the verdicts of its batch, so one after a verdict begins a new batch.
                    if bids:
                        self._take_in(bids, withdrawn)
                        bids, withdrawn = [], []
                    withdrawn.append(event.post_id)
                    continue
            self._take_in(bids, withdrawn)
            bids, withdrawn = [], []
            match event:
                case AuctionPrepared():
                    self.prepared = event
                case AuctionOpened():
                    self._open(event)
                case EndExtended() if self.standings:
                    self.standings.span.ends_at_ms = event.ends_at_ms
                case WatermarkMoved():
                    self.watermark_ms = event.watermark_ms
                case EndFrozen():
                    self._freeze()
                case CloseOverdue():
                    self._overdue = True
                case ResultNamed():
                    self._name(event)
        self._take_in(bids, withdrawn)

    # ---- what changes the state, for both ways

    def _open(self, opened: AuctionOpened) -> None:
        assert self.prepared is not None, "an auction opens after it was prepared"
        if advance(self.phase, Phase.ACTIVE):
            self.phase, self.post_id = Phase.ACTIVE, opened.post_id
            latest_end_ms = self.prepared.closes_at_ms + self.prepared.rules.soft_close_cap_ms
            span = Span(opened.opened_at_ms, opened.ends_at_ms, latest_end_ms)
            self.standings = Standings(self.prepared.rules, span)

    def _freeze(self) -> None:
        assert self.standings is not None, "only an opened auction has an end to freeze"
        if advance(self.phase, Phase.PROCESSING):
            self.phase = Phase.PROCESSING
            self.standings.freeze()

    def _name(self, result: ResultNamed) -> None:
        if advance(self.phase, Phase.COMPLETED):
            self.phase, self.result = Phase.COMPLETED, result

    def _take_in(self, bids: Sequence[Bid], withdrawn: Sequence[int]) -> tuple[list[Verdict], int | None]:
        self._tombstones.update(withdrawn)
        if self.result is not None or self.standings is None:
            self._outside.update(bid.post_id for bid in bids)
            reason = Refusal.FOUND_TOO_LATE if self.result is not None else Refusal.BEFORE_OPEN
            return [Verdict(bid, reason) for bid in sorted(bids, key=lambda bid: bid.post_id)], None
        for bid in bids:
            bid.withdrawn = bid.post_id in self._tombstones
        return self.standings.update(bids, [post_id for post_id in withdrawn if post_id in self.standings.bids])

    def _knows(self, post_id: int) -> bool:
        known = self.standings is not None and post_id in self.standings.bids
        return known or post_id in self._outside

    # ---- telling

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
