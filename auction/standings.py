"""The fold: who leads, given the bids in the order of their posts, and the controls.

`fold` is the plain definition. `Standings` keeps the same result up to date as bids are found in any order: a bid in
order costs one comparison; a late find, a withdrawal or an order folds again from the earliest change, once a batch,
and only until the chain of leaders is what it was before.
It reads no clock and writes no log; when things happen is decided in `day`.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence

import msgspec

from auction.controls import Controls, own_posts_before
from auction.rules import minimum_bid, posted_at_ms
from messages.base import Refusal, Rules, Wei


class Bid(msgspec.Struct, array_like=True, gc=False):
    """What is fixed about a reply. `flaw` is why it can never lead, whatever others do; it may then have no amount."""

    post_id: int
    bidder_id: int
    bidder_handle: str
    amount_wei: Wei | None
    flaw: Refusal | None
    withdrawn: bool = False


class Link(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One accepted bid of the chain of leaders, the end as it stood after it (UTC ms), and what the next bid needs."""

    bid: Bid
    ends_at_ms: int
    minimum_wei: Wei


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What is true of a bid in a fold. `required_wei` is set where money was the reason."""

    bid: Bid
    refusal: Refusal | None
    required_wei: Wei | None = None


def fold(rules: Rules, controls: Controls, bids: Iterable[Bid]) -> list[Verdict]:
    """The verdict on every bid, in canonical order: the plain definition of an auction's result."""
    in_order = sorted(bids, key=lambda bid: bid.post_id)
    own_posts: dict[int, list[int]] = {}
    for bid in in_order:
        own_posts.setdefault(bid.bidder_id, []).append(bid.post_id)
    leader: Link | None = None
    verdicts = []
    for bid in in_order:
        verdict = judge(rules, controls, leader, bid, own_posts[bid.bidder_id])
        if verdict.refusal is None:
            leader = link_to(rules, controls, leader, bid)
        verdicts.append(verdict)
    return verdicts


def judge(rules: Rules, controls: Controls, leader: Link | None, bid: Bid, own_posts: list[int]) -> Verdict:
    """The verdict on a bid that comes next after `leader`, by a bidder who has made `own_posts` (sorted ids)."""
    if bid.withdrawn:
        return Verdict(bid, Refusal.WITHDRAWN)
    if bid.post_id in controls.invalidated:
        return Verdict(bid, Refusal.INVALIDATED)
    if bid.flaw is Refusal.NOT_A_REPLY:
        return Verdict(bid, bid.flaw)
    at_ms = posted_at_ms(bid.post_id)
    if at_ms < controls.opened_at_ms:
        return Verdict(bid, Refusal.BEFORE_OPEN)
    if at_ms >= effective_end(controls, leader):
        return Verdict(bid, Refusal.AFTER_CLOSE)
    if controls.pauses and controls.in_pause(at_ms):
        return Verdict(bid, Refusal.PAUSED)
    if bid.flaw is not None or bid.amount_wei is None:
        return Verdict(bid, bid.flaw)
    if controls.bars and (reason := controls.barred(bid.bidder_id, at_ms)):
        return Verdict(bid, reason)
    if rules.rate_limit_posts:
        before = own_posts_before(own_posts, bid.post_id, rules.rate_limit_window_ms)
        if before >= rules.rate_limit_posts:
            return Verdict(bid, Refusal.RATE_LIMITED)
    if is_held(rules, controls, bid):
        return Verdict(bid, Refusal.HELD)
    if leader and leader.bid.bidder_id == bid.bidder_id and not rules.leader_may_rebid:
        return Verdict(bid, Refusal.ALREADY_LEADING)
    required = leader.minimum_wei if leader else rules.reserve_wei
    if bid.amount_wei < required:
        return Verdict(bid, Refusal.BELOW_MINIMUM if leader else Refusal.BELOW_RESERVE, required)
    return Verdict(bid, None)


def is_held(rules: Rules, controls: Controls, bid: Bid) -> bool:
    """Whether the bid waits for an operator: by his order, or for an amount that is not plausible (BID-7)."""
    if bid.post_id in controls.held:
        return True
    if not rules.hold_above_wei or bid.amount_wei is None or bid.amount_wei <= rules.hold_above_wei:
        return False
    return bid.post_id not in controls.released


def effective_end(controls: Controls, leader: Link | None) -> int:
    """The one definition of the end (exclusive, UTC ms): as last extended, never before what was published."""
    return max(leader.ends_at_ms, controls.ends_at_ms) if leader else controls.ends_at_ms


def link_to(rules: Rules, controls: Controls, leader: Link | None, bid: Bid) -> Link:
    """What an accepted bid adds to the chain behind `leader`."""
    return Link(bid, end_after(rules, controls, leader, bid), minimum_bid(rules, bid.amount_wei))


def end_after(rules: Rules, controls: Controls, leader: Link | None, bid: Bid) -> int:
    """The end (UTC ms) once `bid` leads: moved only when the leader changes, never past the cap (LIFE-5)."""
    ends_at_ms = effective_end(controls, leader)
    if controls.frozen or (leader and leader.bid.bidder_id == bid.bidder_id):
        return ends_at_ms
    extended_ms = controls.after(posted_at_ms(bid.post_id), rules.soft_close_ms)
    return max(ends_at_ms, min(extended_ms, controls.latest_end_ms))


class Standings:
    """The chain of leaders of one auction, kept equal to `fold` over all bids found so far."""

    def __init__(self, rules: Rules, controls: Controls, bids: Iterable[Bid] = ()) -> None:
        self.rules, self.controls = rules, controls
        self.bids: dict[int, Bid] = {}
        self.chain: list[Link] = []
        self.held: set[int] = set()
        self._order: list[int] = []
        self._own_posts: dict[int, list[int]] = {}
        self.update(list(bids))

    @property
    def leader(self) -> Link | None:
        return self.chain[-1] if self.chain else None

    @property
    def ends_at_ms(self) -> int:
        return effective_end(self.controls, self.leader)

    @property
    def minimum_wei(self) -> Wei:
        """What the next bid needs."""
        return self.chain[-1].minimum_wei if self.chain else self.rules.reserve_wei

    def in_order(self) -> list[Bid]:
        """All bids found so far, in canonical order."""
        return [self.bids[post_id] for post_id in self._order]

    def verdicts(self) -> list[Verdict]:
        """The verdict on every bid as of now, folded anew: for reading, not for deciding."""
        return fold(self.rules, self.controls, self.bids.values())

    def update(
        self, found: Sequence[Bid], withdrawn: Sequence[int] = (), changed: Sequence[int] = ()
    ) -> tuple[list[Verdict], int | None]:
        """Fold in what a batch has brought: bids not known before, known posts that are gone, and post ids from which
        on an order may have changed something (then everything after them is judged again).

        Returns the verdicts on the new bids in canonical order, and the post id from which the chain of leaders that
        was told before no longer holds (None if it was only continued).
        """
        fresh = sorted(found, key=lambda bid: bid.post_id)
        self._add(fresh)
        for post_id in withdrawn:
            self.bids[post_id].withdrawn = True
        touched = [*(bid.post_id for bid in fresh), *withdrawn]
        if not self._order or not (touched or changed):
            return [], None
        earliest = min(*touched, *changed) if len(touched) + len(changed) > 1 else (touched or changed)[0]
        # An own post found late counts against the later ones of its bidder, however far behind it they come.
        settled_after = self._order[-1] if changed or self.rules.rate_limit_posts else max(touched)
        return self._fold_from(earliest, settled_after, {bid.post_id for bid in fresh})

    def publish_end(self) -> None:
        """What was shown holds: the end of the chain becomes a floor that no withdrawal takes back."""
        self.controls.ends_at_ms = self.ends_at_ms

    def freeze(self) -> None:
        """The published end is final. Later finds count when posted before it, but extend nothing."""
        self.controls.frozen = True

    def _add(self, fresh: Sequence[Bid]) -> None:
        late = bool(fresh) and bool(self._order) and fresh[0].post_id < self._order[-1]
        for bid in fresh:
            self.bids[bid.post_id] = bid
            self._order.append(bid.post_id)
            own = self._own_posts.setdefault(bid.bidder_id, [])
            own.append(bid.post_id)
            if len(own) > 1 and own[-2] > own[-1]:
                own.sort()
        if late:
            self._order.sort()  # nearly sorted already, which is what the sort is fast at

    def _fold_from(self, earliest: int, settled_after: int, fresh: Collection[int]) -> tuple[list[Verdict], int | None]:
        """Fold again from the post `earliest` on, at least up to `settled_after`, and from there on until the leader is
        who he was before: the rest of the chain then follows as it did."""
        cut = bisect_left(self.chain, earliest, key=_post_id)
        before = self.chain[cut:]
        del self.chain[cut:]
        leader = first = self.leader
        verdicts = []
        passed = 0  # how many links of `before` lie behind us
        for place in range(bisect_left(self._order, earliest), len(self._order)):
            post_id = self._order[place]
            while passed < len(before) and before[passed].bid.post_id < post_id:
                passed += 1
            if post_id > settled_after and leader == (before[passed - 1] if passed else first):
                self.chain += before[passed:]
                break
            bid = self.bids[post_id]
            verdict = judge(self.rules, self.controls, leader, bid, self._own_posts[bid.bidder_id])
            if verdict.refusal is None:
                leader = link_to(self.rules, self.controls, leader, bid)
                self.chain.append(leader)
            if verdict.refusal is Refusal.HELD:
                self.held.add(post_id)
            else:
                self.held.discard(post_id)
            if post_id in fresh:
                verdicts.append(verdict)
        return verdicts, self._first_difference(before, cut, fresh)

    def _first_difference(self, before: list[Link], cut: int, fresh: Collection[int]) -> int | None:
        """Where the chain is another one than was told: `before`, and the fresh bids that each are told by themselves.
        What was refused and now leads is told by nothing else."""
        for place, old in enumerate(before, cut):
            if place >= len(self.chain):
                return old.bid.post_id
            if old.bid.post_id != self.chain[place].bid.post_id:
                return min(old.bid.post_id, self.chain[place].bid.post_id)
        for place in range(cut + len(before), len(self.chain)):
            if self.chain[place].bid.post_id not in fresh:
                return self.chain[place].bid.post_id
        return None


def _post_id(link: Link) -> int:
    return link.bid.post_id
