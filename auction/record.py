"""The state of one auction day, and how the events of its log change it.

`apply` and `apply_posts` alone change a day, whether its events were just decided (`day`, `bidding`) or are read from
the log (`replay`): so recovery reaches the state that deciding has left. What was published holds even when a later
version would judge otherwise. What is decided, and when, is `day`.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec

from auction.controls import Controls
from auction.day_state import DayState
from auction.eligibility import AuthorFacts
from auction.fold import Bid, Verdict
from auction.lifecycle import advance
from auction.orders import take_order
from auction.replies import recall
from auction.segments import Segment
from auction.settlement.ladder import begin, take
from auction.standings import Standings
from messages.base import Phase, Refusal
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
    EndExtended,
    EndFrozen,
    ResultNamed,
    SettlementAdvanced,
    SettlementBegun,
    SettlementFactRefused,
    StrikeGiven,
    StrikeLifted,
    WalletRefused,
    WatermarkMoved,
)
from messages.settlement import BuyersReply, SettlementFact


class Posts(msgspec.Struct):
    """What one batch of a log has seen of posts: the bids in them, which of these are injected, what was known of
    authors who had no bid before, and which posts are gone. The withdrawals of a batch stand before its verdicts."""

    bids: list[Bid] = []
    injected: list[int] = []
    facts: dict[int, AuthorFacts] = {}
    withdrawn: list[BidWithdrawn] = []


class DayRecord:
    """What is true of a day so far. Not thread-safe: it belongs to the one actor that serialises the auction's bids."""

    def __init__(self, auction_id: str, state: DayState | None = None, segments: Sequence[Segment] = ()) -> None:
        """Where `state` left off; `segments` are those whose digests stand in it."""
        state = state or DayState()
        self.auction_id = auction_id
        self.phase = state.phase
        self.prepared = state.prepared
        self.post_id = state.post_id
        self.watermark_ms = state.watermark_ms
        self.looked_again_ms = state.looked_again_ms
        self.result = state.result
        self.untagged = 0  # replies without the hashtag: counted while this process lives, never judged
        self.overdue = state.overdue
        self.tombstones = set(state.tombstones)  # the posts that are gone, and whose bids do not count
        self.bound = set(state.bound)  # those that are gone, and whose bids count all the same
        self.injected = set(state.injected)  # replies that tests have made up, and X does not have
        self.unranked = {verdict.bid.post_id: verdict for verdict in state.unranked}
        self.facts = dict(state.facts)
        self.closing_told_ms = state.closing_told_ms
        self.struck = dict(state.struck)
        self.renamed = dict(state.renamed)
        self.settlement = state.settlement
        self.answered = set(state.answered)
        self.controls = state.controls
        self.standings: Standings | None = None
        if state.prepared and state.controls and state.phase is not Phase.PENDING:
            self.standings = Standings(state.prepared.rules, state.controls)
            self.standings.resume(segments, state.bids, state.lead_history, state.held, state.tombstones)

    def state(self) -> DayState:
        """What `AuctionDay(auction_id, state, segments)` goes on from."""
        standings = self.standings
        return DayState(
            self.phase,
            self.prepared,
            self.post_id,
            self.controls,
            [segment.digest for segment in standings.segments] if standings else [],
            standings.in_order() if standings else [],
            list(standings.lead_history) if standings else [],
            sorted(standings.held) if standings else [],
            sorted(self.tombstones),
            self.watermark_ms,
            self.looked_again_ms,
            self.overdue,
            self.result,
            [self.unranked[post_id] for post_id in sorted(self.unranked)],
            self.facts,
            self.closing_told_ms,
            self.struck,
            sorted(self.bound),
            self.renamed,
            sorted(self.injected),
            self.settlement,
            sorted(self.answered),
        )

    # ---- what changes the day

    def replay(self, events: Iterable[AuctionEvent]) -> None:
        """Take in what this auction has logged after the state that the day was made from, in order."""
        posts = Posts()
        for event in events:
            match event:
                case BidAccepted() | BidRefused():
                    posts.bids.append(recall(event))
                    if event.injected:
                        posts.injected.append(event.post_id)
                    if event.bidder_id not in self.facts:
                        facts = AuthorFacts(event.bidder_created_at_ms, event.bidder_followers)
                        posts.facts.setdefault(event.bidder_id, facts)
                case BidWithdrawn():
                    # A withdrawal stands before the verdicts of its batch, so one after a verdict begins a new batch.
                    if posts.bids:
                        self.apply_posts(posts)
                        posts = Posts()
                    posts.withdrawn.append(event)
                case StrikeGiven():
                    self.apply(event)  # stands among a batch's withdrawals and changes nothing of the standing
                case _:
                    self.apply_posts(posts)
                    posts = Posts()
                    self.apply(event)
        self.apply_posts(posts)

    def apply_posts(self, posts: Posts) -> tuple[list[Verdict], int | None]:
        """Change the day by what a batch has brought of posts. The verdicts on its bids in canonical order, and the
        post id from which the chain of leaders that was told before no longer holds, or None."""
        for bidder_id, facts in posts.facts.items():
            self.facts.setdefault(bidder_id, facts)
        self.injected.update(posts.injected)
        withdrawn = []
        for event in posts.withdrawn:
            if event.binds:
                self.bound.add(event.post_id)
            else:
                withdrawn.append(event.post_id)
        self.tombstones.update(withdrawn)
        if self.result is not None or self.standings is None:
            verdicts = [Verdict(bid, self._out_of_time(bid)) for bid in sorted(posts.bids, key=attrgetter("post_id"))]
            self.unranked.update((verdict.bid.post_id, verdict) for verdict in verdicts)
            return verdicts, None
        if self.tombstones:
            for bid in posts.bids:
                bid.withdrawn = bid.post_id in self.tombstones
        return self.standings.update(posts.bids, [post_id for post_id in withdrawn if self.standings.knows(post_id)])

    def apply(self, event: AuctionEvent) -> int | None:
        """Change the day by one event that is no verdict and no withdrawal, which come in batches. The post id from
        which the chain of leaders that was told before no longer holds, or None.

        Raises IllegalTransition where the day cannot go to the phase that the event brings.
        """
        match event:
            case AuctionPrepared():
                self.prepared = event
                latest_end_ms = event.latest_end_ms or event.closes_at_ms + event.rules.soft_close_cap_ms
                self.controls = Controls(event.opens_at_ms, event.closes_at_ms, latest_end_ms)
            case AuctionOpened():
                assert self.prepared is not None, "an auction opens after it was prepared"
                assert self.controls is not None, "a prepared day has controls"
                if self._advance(Phase.ACTIVE):
                    self.post_id = event.post_id
                    self.controls.opened_at_ms, self.controls.ends_at_ms = event.opened_at_ms, event.ends_at_ms
                    self.standings = Standings(self.prepared.rules, self.controls)
            case BidRestored():
                self.tombstones.discard(event.post_id)
                self.bound.discard(event.post_id)
                return self.standings.restore(event.post_id) if self.standings else None
            case BidderRenamed():
                self.renamed[event.bidder_id] = event.handle
            case StrikeGiven():
                self.struck[event.post_id] = event.bidder_id
            case StrikeLifted():
                self.struck.pop(event.post_id, None)
            case ClosingSoon():
                self.closing_told_ms = event.left_ms
            case WatermarkMoved():
                self.watermark_ms = max(self.watermark_ms, event.watermark_ms)
                if event.looked_again:
                    self.looked_again_ms = max(self.looked_again_ms, event.watermark_ms)
            case EndFrozen():
                assert self.controls is not None, "only a prepared day has an end to freeze"
                if self._advance(Phase.PROCESSING):
                    self.controls.frozen = True
            case CloseOverdue():
                self.overdue = True
            case ResultNamed():
                if self._advance(Phase.COMPLETED):
                    self.result = event
            case SettlementBegun():
                assert self.result is not None, "only a sold day is settled"
                assert self.result.winner is not None, "only a sold day is settled"
                self.settlement = begin(event.terms, self.result.winner)
            case SettlementAdvanced():
                assert self.settlement is not None, "facts are told of a settlement that has begun"
                self.settlement = take(self.settlement, event.fact)
                self._answer(event.fact)
            case SettlementFactRefused():
                self._answer(event.fact)
            case WalletRefused():
                self.answered.add(event.post_id)
            case EndExtended() if self.controls and not event.is_ordered:
                self.controls.ends_at_ms = event.ends_at_ms
            case _:
                from_id = take_order(event, self.controls, self.ends_at_ms) if self.controls else None
                if from_id is not None and self.standings:
                    return self.standings.update((), (), [from_id])[1]
        return None

    def _answer(self, fact: SettlementFact) -> None:
        if isinstance(fact, BuyersReply):
            self.answered.add(fact.post_id)

    def _advance(self, wanted: Phase) -> bool:
        """Go to this phase. Whether the day was not there yet. Raises IllegalTransition."""
        moves = advance(self.phase, wanted)
        self.phase = wanted
        return moves

    # ---- what is true of the day

    def _out_of_time(self, bid: Bid) -> Refusal:
        if self.result is None:
            return Refusal.BEFORE_OPEN
        assert self.prepared is not None, "only a prepared day has a result"
        if bid.flaw is not Refusal.NOT_A_REPLY or self.post_id is None or self.prepared.rules.is_first_version:
            return Refusal.FOUND_TOO_LATE
        return bid.flaw  # whoever replies to the post with the result is told that rather than the time

    @property
    def ends_at_ms(self) -> int:
        assert self.controls is not None, "only a prepared day has an end"
        return self.standings.ends_at_ms if self.standings else self.controls.ends_at_ms

    def is_at_its_end(self, now_ms: int) -> bool:
        """Whether bidding is over unless an outage still moves the end, which nothing can do beyond the cap."""
        if self.phase is not Phase.ACTIVE or self.controls is None or self.controls.paused:
            return False
        return self.ends_at_ms <= now_ms < self.controls.latest_end_ms

    def waits_for_a_sweep(self, now_ms: int) -> bool:
        """Whether bidding is over and a sweep has to reach the end before it is frozen: a bid that it finds may move
        the end. For as long as the close may take, then an operator decides."""
        if self.phase is not Phase.ACTIVE or self.prepared is None or self.controls is None or self.controls.paused:
            return False
        return self.ends_at_ms <= now_ms < self.ends_at_ms + self.prepared.rules.close_bound_ms

    def handle_of(self, bid: Bid) -> str:
        """What the bidder's account is called, as far as is known."""
        return self.renamed.get(bid.bidder_id, bid.bidder_handle)

    def verdict(self, post_id: int) -> Verdict | None:
        """What is true of a reply as of now; None for one that is not known."""
        return self.unranked.get(post_id) or (self.standings.verdict(post_id) if self.standings else None)

    def is_gone(self, post_id: int) -> bool:
        """Whether the post is known to be gone, whatever that means for its bid."""
        return post_id in self.tombstones or post_id in self.bound

    def knows(self, post_id: int) -> bool:
        known = self.standings is not None and self.standings.knows(post_id)
        return known or post_id in self.unranked
