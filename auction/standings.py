"""The standing of an auction: who leads, kept equal to `fold` while bids are found in any order.

A bid in order costs one comparison; a late find, a withdrawal or an order folds again from the earliest change, once a
batch, and only until the chain of leaders is what it was before. Bids that lie far behind are packed away in segments,
and unpacked only where a fold has to go back that far.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter

import msgspec

from auction.controls import Controls
from auction.fold import Bid, Lead, Verdict, effective_end, fold, judge, lead_after
from auction.own_posts import OwnPosts
from auction.segments import Segment, last_id, lead_before, sealed
from messages.base import Refusal, Rules, Wei


class Standings:
    """The chain of leaders of one auction, kept equal to `fold` over all bids found so far."""

    def __init__(self, rules: Rules, controls: Controls) -> None:
        self.rules, self.controls = rules, controls
        self.bids: dict[int, Bid] = {}  # without those in segments, which are all earlier
        self.segments: list[Segment] = []
        self._at_hand_from = 0  # no bid before this post is at hand, and none from it on is in a segment
        self.lead_history: list[Lead] = []  # without its part in segments
        self._last_packed: Lead | None = None  # the end of that part
        self.held: set[int] = set()
        self._withdrawn: set[int] = set()
        self._order: list[int] = []
        self._own_posts = OwnPosts(rules)

    def resume(
        self,
        segments: Iterable[Segment],
        bids: Sequence[Bid],
        lead_history: Iterable[Lead],
        held: Iterable[int],
        withdrawn: Iterable[int],
    ) -> None:
        """Stand where another standing of the same controls stood, without folding anything again.

        `bids` and `lead_history` are those at hand: what lies before them is in the segments.
        """
        self.segments, self.held, self._withdrawn = list(segments), set(held), set(withdrawn)
        self._add(bids)
        self._note_segments()
        self._own_posts.from_id = self._at_hand_from
        self.lead_history = self._on_bids_at_hand(lead_history)

    @property
    def leader(self) -> Lead | None:
        return self.lead_history[-1] if self.lead_history else self._last_packed

    @property
    def ends_at_ms(self) -> int:
        return effective_end(self.controls, self.leader)

    @property
    def minimum_wei(self) -> Wei:
        """What the next bid needs."""
        return self.leader.minimum_wei if self.leader else self.rules.reserve_wei

    def in_order(self) -> list[Bid]:
        """All bids at hand, in canonical order: without those in segments."""
        return [self.bids[post_id] for post_id in self._order]

    @property
    def found(self) -> int:
        return len(self._order) + sum(map(len, self.segments))

    @property
    def accepted(self) -> int:
        """How many of them have led: the length of the whole chain."""
        return len(self.lead_history) + sum(segment.accepted for segment in self.segments)

    def contenders(self) -> tuple[list[int], list[int]]:
        """The posts whose going could change who wins, and the withdrawn ones whose coming back could: what an operator
        may still release and the chain of leaders in order, and what would have led in its place."""
        packed = [post_id for segment in self.segments for post_id in segment.leaders]
        chain = packed + [lead.bid.post_id for lead in self.lead_history]
        return [*sorted(self.held), *chain], [one for one in sorted(self._withdrawn) if self._would_lead(one)]

    def _would_lead(self, post_id: int) -> bool:
        """Whether a withdrawn bid would have led, or waited for an operator, were it there."""
        bid = self._bid(post_id)
        there = bid and msgspec.structs.replace(bid, withdrawn=False)
        return there is not None and self._judged(there).refusal in (None, Refusal.HELD)

    def knows(self, post_id: int) -> bool:
        if post_id >= self._at_hand_from:  # nearly always
            return post_id in self.bids
        place = bisect_left(self.segments, post_id, key=last_id)
        return place < len(self.segments) and post_id in self.segments[place]

    def verdicts(self) -> list[Verdict]:
        """The verdict on every bid as of now, folded anew: for reading, not for deciding."""
        packed = [bid for segment in self.segments for bid in self._unpacked(segment)]
        return fold(self.rules, self.controls, [*packed, *self.bids.values()])

    def verdict(self, post_id: int) -> Verdict | None:
        """The verdict on one bid as of now, as `verdicts` has it, at the cost of opening the segment that holds it;
        None for a bid that was not found."""
        bid = self._bid(post_id)
        return None if bid is None else self._judged(bid)

    def _judged(self, bid: Bid) -> Verdict:
        own_posts = self._own_posts.up_to(bid, self.segments, self._at_hand_from)
        place = self._links_before(bid.post_id)
        leader = self.lead_history[place - 1] if place else lead_before(bid.post_id, self.segments)
        return judge(self.rules, self.controls, leader, bid, own_posts)

    def update(
        self, found: Sequence[Bid], withdrawn: Sequence[int] = (), changed: Sequence[int] = ()
    ) -> tuple[list[Verdict], int | None]:
        """Fold in what a batch has brought: bids not known before, known posts that are gone, and post ids from which
        on an order may have changed something (then everything after them is judged again).

        Returns the verdicts on the new bids in canonical order, and the post id from which the chain of leaders that
        was told before no longer holds (None if it was only continued).
        """
        fresh = sorted(found, key=attrgetter("post_id"))
        touched = [bid.post_id for bid in (fresh[:1] + fresh[-1:])]
        for post_id in withdrawn:
            self._withdrawn.add(post_id)
            # A packed bid that never led is gone without a trace: only who reads its verdict has to know.
            if post_id in self.bids or self._has_led(post_id):
                touched.append(post_id)
        if not (touched or changed):
            return [], None
        earliest = min((*touched, *changed))
        self._own_posts.recall(earliest - self._own_posts.window, self.segments)
        self._unseal(earliest)
        self._add(fresh)
        for post_id in withdrawn:
            if post_id in self.bids:
                self.bids[post_id].withdrawn = True
        suspects = self._order[bisect_left(self._order, earliest) :]
        if len(suspects) > len(fresh) and not changed:
            suspects = self._suspects([*(bid.post_id for bid in fresh), *touched])
        return self._fold_from(suspects, {bid.post_id for bid in fresh}) if suspects else ([], None)

    def restore(self, post_id: int) -> int | None:
        """A withdrawn bid counts again. The post id from which the chain of leaders no longer holds, or None."""
        self._withdrawn.discard(post_id)
        if not self.knows(post_id):
            return None
        self._unseal(post_id)
        self.bids[post_id].withdrawn = False
        return self.update((), changed=[post_id])[1]

    # ---- packing away and unpacking

    def seal(self, bids_a_segment: int, most: int | None = None) -> None:
        """Pack away what lies so far behind that it hardly matters any more, in at most `most` segments."""
        packed = len(self.segments)
        while len(self._order) >= 2 * bids_a_segment and (most is None or len(self.segments) < packed + most):
            gone, self._order = self._order[:bids_a_segment], self._order[bids_a_segment:]
            cut = self._links_before(self._order[0])
            leads, self.lead_history = self.lead_history[:cut], self.lead_history[cut:]
            self.segments.append(sealed([self.bids.pop(post_id) for post_id in gone], leads))
        if len(self.segments) > packed:
            self._note_segments()
            self._own_posts.forget(self._order[0])

    def _unseal(self, from_id: int) -> None:
        """Have all bids at hand from this post on."""
        if from_id >= self._at_hand_from:
            return
        first = bisect_left(self.segments, from_id, key=last_id)
        self._own_posts.recall(self.segments[first].first_id, self.segments)
        unpacked = [bid for segment in self.segments[first:] for bid in self._unpacked(segment)]
        leads = [lead for segment in self.segments[first:] for lead in segment.leads()]
        del self.segments[first:]
        self.bids.update((bid.post_id, bid) for bid in unpacked)
        self.lead_history = [*self._on_bids_at_hand(leads), *self.lead_history]
        self._order = [*(bid.post_id for bid in unpacked), *self._order]
        self._note_segments()

    def _unpacked(self, segment: Segment) -> list[Bid]:
        bids = segment.bids()
        for bid in bids:
            bid.withdrawn = bid.withdrawn or bid.post_id in self._withdrawn
        return bids

    def _bid(self, post_id: int) -> Bid | None:
        if post_id >= self._at_hand_from:
            return self.bids.get(post_id)
        bid = self.segments[bisect_left(self.segments, post_id, key=last_id)].bid(post_id)
        if bid:
            bid.withdrawn = bid.withdrawn or post_id in self._withdrawn
        return bid

    def _on_bids_at_hand(self, leads: Iterable[Lead]) -> list[Lead]:
        """These leads, but of the bids that are at hand and may change."""
        return [Lead(self.bids.get(lead.bid.post_id, lead.bid), lead.ends_at_ms, lead.minimum_wei) for lead in leads]

    def _note_segments(self) -> None:
        self._at_hand_from = self.segments[-1].last_id + 1 if self.segments else 0
        last = next((segment for segment in reversed(self.segments) if segment.accepted), None)
        self._last_packed = last.leads()[-1] if last else None

    def _links_before(self, post_id: int) -> int:
        return bisect_left(self.lead_history, post_id, key=_post_id)

    def _has_led(self, post_id: int) -> bool:
        if post_id in self.held:
            return True
        place = bisect_left(self.segments, post_id, key=last_id)
        return place < len(self.segments) and self.segments[place].has_led(post_id)

    # ---- folding

    def _add(self, fresh: Sequence[Bid]) -> None:
        late = bool(fresh) and bool(self._order) and fresh[0].post_id < self._order[-1]
        bids, order, own_posts = self.bids, self._order, self._own_posts.by_bidder
        for bid in fresh:  # one loop for all three: a flood has a thousand bids a batch
            bids[bid.post_id] = bid
            order.append(bid.post_id)
            insort(own_posts.setdefault(bid.bidder_id, []), bid.post_id)
        if late:
            first = bisect_left(order, fresh[0].post_id, 0, len(order) - len(fresh))
            order[first:] = sorted(order[first:])  # which is fast at what is nearly sorted

    def _suspects(self, touched: Iterable[int]) -> list[int]:
        """The post ids of the bids whose verdict may change although the same bid leads when they come, in order: the
        touched ones, and later ones of their bidders, because a touched bid counts against them in the rate limit."""
        suspects = set[int]()
        for post_id in self.bids.keys() & set(touched):
            own = self._own_posts.by_bidder[self.bids[post_id].bidder_id]
            suspects.update(own[bisect_left(own, post_id) : bisect_right(own, post_id + self._own_posts.window)])
        return sorted(suspects)

    def _fold_from(self, suspects: Sequence[int], fresh: Collection[int]) -> tuple[list[Verdict], int | None]:
        """Fold again from the first suspect on. Where the bid leads that led before, only suspects are judged: what
        lies between follows as it did, and so does the rest of the chain behind the last of them."""
        cut = self._links_before(suspects[0])
        before = self.lead_history[cut:]
        del self.lead_history[cut:]
        leader = first = self.leader
        verdicts = []
        passed = 0  # how many leads of `before` lie behind us
        rules, controls, held, own_posts = self.rules, self.controls, self.held, self._own_posts.by_bidder
        order, place, due = self._order, bisect_left(self._order, suspects[0]), 0  # `due` is the next suspect's place
        has_others = len(suspects) < len(order) - place  # else, as for bids in order, every one is judged
        while place < len(order):
            post_id = order[place]
            if has_others:
                while passed < len(before) and before[passed].bid.post_id < post_id:
                    passed += 1
                while due < len(suspects) and suspects[due] < post_id:
                    due += 1
                next_id = suspects[due] if due < len(suspects) else order[-1] + 1
                if post_id < next_id and leader == (before[passed - 1] if passed else first):
                    as_before = bisect_left(before, next_id, passed, key=_post_id)
                    self.lead_history += before[passed:as_before]
                    leader, place = self.leader, bisect_left(order, next_id, place)
                    continue
            place += 1
            bid = self.bids[post_id]
            verdict = judge(rules, controls, leader, bid, own_posts[bid.bidder_id])
            refusal = verdict.refusal
            if refusal is None:
                leader = lead_after(rules, controls, leader, bid)
                self.lead_history.append(leader)
            if refusal is Refusal.HELD:
                held.add(post_id)
            elif held:
                held.discard(post_id)
            if post_id in fresh:
                verdicts.append(verdict)
        return verdicts, self._first_difference(before, cut, fresh)

    def _first_difference(self, before: list[Lead], cut: int, fresh: Collection[int]) -> int | None:
        """Where the chain is another one than was told: `before`, and the fresh bids that each are told by themselves.
        What was refused and now leads is told by nothing else."""
        for place, old in enumerate(before, cut):
            if place >= len(self.lead_history):
                return old.bid.post_id
            if old.bid.post_id != self.lead_history[place].bid.post_id:
                return min(old.bid.post_id, self.lead_history[place].bid.post_id)
        for place in range(cut + len(before), len(self.lead_history)):
            if self.lead_history[place].bid.post_id not in fresh:
                return self.lead_history[place].bid.post_id
        return None


def _post_id(lead: Lead) -> int:
    return lead.bid.post_id
