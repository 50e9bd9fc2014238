"""Each bidder's own posts, which the rate limit counts: those of the bids at hand, and those within its window before.

Earlier posts lie in segments, and are read from there where a fold goes back that far.
"""

from bisect import bisect_left
from collections.abc import Sequence

from auction.fold import Bid
from auction.segments import Segment, last_id
from messages.base import Rules
from messages.x_ids import SERIAL_BITS


class OwnPosts:
    """The posts of each bidder from `from_id` on, as sorted ids in `by_bidder`, to which `Standings` adds its bids."""

    def __init__(self, rules: Rules) -> None:
        self.window = rules.rate_limit_window_ms << SERIAL_BITS if rules.rate_limit_posts else 0
        """How far back the rate limit looks, as a distance of post ids; 0 where there is no limit."""
        self.by_bidder: dict[int, list[int]] = {}
        self.from_id = 0

    def up_to(self, bid: Bid, segments: Sequence[Segment], at_hand_from: int) -> list[int]:
        """The bidder's own posts as far back as the rate limit looks, this bid the last. Those before `at_hand_from`
        are looked up in the segments."""
        from_id, to_id = bid.post_id - self.window, bid.post_id + 1
        packed = segments[bisect_left(segments, from_id, key=last_id) :] if self.window else []
        near = [segment for segment in packed if segment.first_id < to_id]
        own = [post_id for segment in near for post_id in segment.posts_of(bid.bidder_id, from_id, to_id)]
        at_hand = self.by_bidder.get(bid.bidder_id, [])
        return own + [post_id for post_id in at_hand if at_hand_from <= post_id < to_id]

    def forget(self, before_id: int) -> None:
        """Drop what the rate limit does not look at for bids from `before_id` on."""
        from_id = before_id - self.window
        if from_id - self.from_id < self.window:
            return  # there may be very many bidders, and to know more than is needed does no harm
        known, self.by_bidder = self.by_bidder, {}
        for bidder_id, own in known.items():
            if later := own[bisect_left(own, from_id) :]:
                self.by_bidder[bidder_id] = later
        self.from_id = from_id

    def recall(self, from_id: int, segments: Sequence[Segment]) -> None:
        """Know whose posts all are from this one on, those in the segments too."""
        if from_id >= self.from_id:
            return
        earlier: dict[int, list[int]] = {}
        for segment in segments[bisect_left(segments, from_id, key=last_id) :]:
            for post_id, bidder_id in segment.posts(from_id, self.from_id):
                earlier.setdefault(bidder_id, []).append(post_id)
        for bidder_id, own in earlier.items():
            self.by_bidder[bidder_id] = own + self.by_bidder.get(bidder_id, [])
        self.from_id = from_id
