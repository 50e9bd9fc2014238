"""The fold: who leads, given the bids in the order of their posts and what was published about the end.

`fold` is the plain definition. `Standings` keeps the same result up to date as bids are found in any order: a bid in
order costs one comparison; a late find or a withdrawal folds again from the earliest change, once per batch.
It reads no clock and writes no log; when things happen is decided in `day`.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import msgspec

from auction.rules import minimum_bid, posted_at_ms
from messages.base import Refusal, Rules, Wei


class Bid(msgspec.Struct, array_like=True):
    """What is fixed about a reply. `flaw` is why it can never lead, whatever others do; it may then have no amount."""

    post_id: int
    bidder_id: int
    bidder_handle: str
    amount_wei: Wei | None
    flaw: Refusal | None
    withdrawn: bool = False


class Link(msgspec.Struct, frozen=True, array_like=True):
    """One accepted bid of the chain of leaders, and the end as it stood after it (UTC ms)."""

    bid: Bid
    ends_at_ms: int


class Span(msgspec.Struct, array_like=True):
    """When bids count, in UTC ms, as published: [opened_at_ms, ends_at_ms); a frozen end is extended by nothing."""

    opened_at_ms: int
    ends_at_ms: int
    latest_end_ms: int
    frozen: bool = False


class Verdict(msgspec.Struct, frozen=True):
    """What is true of a bid in a fold. `required_wei` is set where money was the reason."""

    bid: Bid
    refusal: Refusal | None
    required_wei: Wei | None = None


def fold(rules: Rules, span: Span, bids: Iterable[Bid]) -> list[Verdict]:
    """The verdict on every bid, in canonical order: the plain definition of an auction's result."""
    leader: Link | None = None
    verdicts = []
    for bid in sorted(bids, key=lambda bid: bid.post_id):
        verdict = judge(rules, span, leader, bid)
        if verdict.refusal is None:
            leader = Link(bid, end_after(rules, span, leader, bid))
        verdicts.append(verdict)
    return verdicts


def judge(rules: Rules, span: Span, leader: Link | None, bid: Bid) -> Verdict:
    """The verdict on a bid that comes next after `leader`."""
    if bid.withdrawn:
        return Verdict(bid, Refusal.WITHDRAWN)
    if bid.flaw is Refusal.NOT_A_REPLY:
        return Verdict(bid, bid.flaw)
    at_ms = posted_at_ms(bid.post_id)
    if at_ms < span.opened_at_ms:
        return Verdict(bid, Refusal.BEFORE_OPEN)
    if at_ms >= effective_end(span, leader):
        return Verdict(bid, Refusal.AFTER_CLOSE)
    if bid.flaw is not None or bid.amount_wei is None:
        return Verdict(bid, bid.flaw)
    if leader and leader.bid.bidder_id == bid.bidder_id and not rules.leader_may_rebid:
        return Verdict(bid, Refusal.ALREADY_LEADING)
    required = minimum_bid(rules, leader.bid.amount_wei if leader else None)
    if bid.amount_wei < required:
        return Verdict(bid, Refusal.BELOW_MINIMUM if leader else Refusal.BELOW_RESERVE, required)
    return Verdict(bid, None)


def effective_end(span: Span, leader: Link | None) -> int:
    """The one definition of the end (exclusive, UTC ms): as last extended, never before what was published."""
    return max(leader.ends_at_ms, span.ends_at_ms) if leader else span.ends_at_ms


def end_after(rules: Rules, span: Span, leader: Link | None, bid: Bid) -> int:
    """The end (UTC ms) once `bid` leads: moved only when the leader changes, never past the cap (LIFE-5)."""
    ends_at_ms = effective_end(span, leader)
    if span.frozen or (leader and leader.bid.bidder_id == bid.bidder_id):
        return ends_at_ms
    return max(ends_at_ms, min(posted_at_ms(bid.post_id) + rules.soft_close_ms, span.latest_end_ms))


class Standings:
    """The chain of leaders of one auction, kept equal to `fold` over all bids found so far."""

    def __init__(self, rules: Rules, span: Span, bids: Iterable[Bid] = ()) -> None:
        self.rules, self.span = rules, span
        self.bids: dict[int, Bid] = {bid.post_id: bid for bid in bids}
        self.chain: list[Link] = []
        self._order: list[int] = sorted(self.bids)
        self._fold_from(0, ())

    @property
    def leader(self) -> Link | None:
        return self.chain[-1] if self.chain else None

    @property
    def ends_at_ms(self) -> int:
        return effective_end(self.span, self.leader)

    @property
    def minimum_wei(self) -> Wei:
        return minimum_bid(self.rules, self.chain[-1].bid.amount_wei if self.chain else None)

    def verdicts(self) -> list[Verdict]:
        """The verdict on every bid as of now, folded anew: for reading, not for deciding."""
        return fold(self.rules, self.span, self.bids.values())

    def update(self, found: Sequence[Bid], withdrawn: Sequence[int] = ()) -> tuple[list[Verdict], int | None]:
        """Fold in what a batch has brought: bids not known before, and known posts that are gone.

        Returns the verdicts on the new bids in canonical order, and the post id from which the chain of leaders that
        was told before no longer holds (None if it was only continued).
        """
        fresh = sorted(found, key=lambda bid: bid.post_id)
        earliest = min([bid.post_id for bid in fresh[:1]] + list(withdrawn), default=None)
        if earliest is None:
            return [], None
        late = bool(self._order) and earliest < self._order[-1]
        for bid in fresh:
            self.bids[bid.post_id] = bid
            self._order.append(bid.post_id)
        if late:
            self._order.sort()  # nearly sorted already, which is what the sort is fast at
        for post_id in withdrawn:
            self.bids[post_id].withdrawn = True
        before = self.chain[bisect_left(self.chain, earliest, key=lambda link: link.bid.post_id) :]
        verdicts = self._fold_from(earliest, {bid.post_id for bid in fresh})
        return verdicts, self._first_difference(before, earliest)

    def publish_end(self) -> None:
        """What was shown holds: the end of the chain becomes a floor that no withdrawal takes back."""
        self.span.ends_at_ms = self.ends_at_ms

    def freeze(self) -> None:
        """The published end is final. Later finds count when posted before it, but extend nothing."""
        self.span.frozen = True

    def _fold_from(self, earliest: int, wanted: Iterable[int]) -> list[Verdict]:
        """Fold again every bid from `earliest` on; the verdicts on the `wanted` ones."""
        wanted = set(wanted)
        del self.chain[bisect_left(self.chain, earliest, key=lambda link: link.bid.post_id) :]
        leader = self.leader
        verdicts = []
        for post_id in self._order[bisect_left(self._order, earliest) :]:
            bid = self.bids[post_id]
            verdict = judge(self.rules, self.span, leader, bid)
            if verdict.refusal is None:
                leader = Link(bid, end_after(self.rules, self.span, leader, bid))
                self.chain.append(leader)
            if post_id in wanted:
                verdicts.append(verdict)
        return verdicts

    def _first_difference(self, before: list[Link], earliest: int) -> int | None:
        after = self.chain[bisect_left(self.chain, earliest, key=lambda link: link.bid.post_id) :]
        for old, new in zip(before, after, strict=False):
            if old.bid.post_id != new.bid.post_id:
                return min(old.bid.post_id, new.bid.post_id)
        return before[len(after)].bid.post_id if len(before) > len(after) else None
