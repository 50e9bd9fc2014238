"""The controls of an auction: what was published or ordered, and what follows from it for a single bid.

Controls are journaled and never undone; together with the bids they are all that a standing depends on. Here stands
what each of them means; how bids stand to each other is `standings`.
"""

from bisect import bisect_left

import msgspec

from messages.base import Outage, Refusal
from messages.x_ids import SERIAL_BITS


class Pause(msgspec.Struct, array_like=True):
    """Bids posted in [from_ms, until_ms) are refused; `until_ms` is None while the pause lasts. UTC ms.

    `by_house` says that the house has ordered it, and may end it too.
    """

    from_ms: int
    until_ms: int | None = None
    by_house: bool = False


class Bar(msgspec.Struct, array_like=True):
    """What a bidder posts in [from_ms, until_ms) does not count. UTC ms."""

    from_ms: int
    until_ms: int | None
    reason: Refusal


class Controls(msgspec.Struct, array_like=True):
    """All controls of one auction, as published.

    Bids count in [opened_at_ms, ends_at_ms), UTC ms. `ends_at_ms` is a floor that only grows; a frozen end is extended
    by nothing. `latest_end_ms` caps what the soft close may do, in running time from the opening on.
    """

    opened_at_ms: int
    ends_at_ms: int
    latest_end_ms: int
    frozen: bool = False
    pauses: list[Pause] = []
    bars: dict[int, list[Bar]] = {}
    invalidated: set[int] = set()
    held: set[int] = set()
    released: set[int] = set()
    outages: list[Outage] = []  # what has moved the end already
    pausing: set[str] = set()  # the ids of the orders that paused and resumed: repeated, they would move the end again

    @property
    def paused(self) -> bool:
        """Whether a pause lasts."""
        return bool(self.pauses) and self.pauses[-1].until_ms is None

    def in_pause(self, at_ms: int) -> bool:
        """Whether bids posted at this time are refused for a pause."""
        return any(
            pause.from_ms <= at_ms and (pause.until_ms is None or at_ms < pause.until_ms) for pause in self.pauses
        )

    def barred(self, bidder_id: int, at_ms: int) -> Refusal | None:
        """Why what this bidder posted at this time does not count, or None."""
        for bar in self.bars.get(bidder_id, ()):
            if bar.from_ms <= at_ms and (bar.until_ms is None or at_ms < bar.until_ms):
                return bar.reason
        return None

    def after(self, at_ms: int, running_ms: int) -> int:
        """When the auction will have run for `running_ms` since `at_ms`: pauses that have ended do not count."""
        until_ms = at_ms + running_ms
        for pause in self.pauses:
            if pause.until_ms is not None and at_ms < pause.until_ms and pause.from_ms < until_ms:
                until_ms += pause.until_ms - max(pause.from_ms, at_ms)
        return until_ms

    def stood_at(self, at_ms: int) -> int:
        """Where the auction's own clock stood at this time: while a pause lasts, at its beginning."""
        return min(at_ms, self.pauses[-1].from_ms) if self.paused else at_ms

    # ---- what an order changes

    def pause(self, from_ms: int, by_house: bool = False) -> None:
        """Bids are refused from then on."""
        self.pauses.append(Pause(from_ms, by_house=by_house))

    def resume(self, until_ms: int, ends_at_ms: int) -> None:
        """Bids count again; the end is now this, and what caps it has moved by the pause too."""
        pause = self.pauses[-1]
        pause.until_ms = until_ms
        self.latest_end_ms += until_ms - pause.from_ms
        self.ends_at_ms = ends_at_ms

    def hold(self, post_id: int) -> None:
        """The bid does not lead until it is released."""
        self.held.add(post_id)
        self.released.discard(post_id)

    def release(self, post_id: int) -> None:
        """The bid counts, whether it was held by an order or for its amount."""
        self.released.add(post_id)
        self.held.discard(post_id)

    def bar(self, bidder_id: int, from_ms: int, reason: Refusal) -> None:
        """What the bidder posted from then on does not count."""
        self.bars.setdefault(bidder_id, []).append(Bar(from_ms, None, reason))

    def unbar(self, bidder_id: int, from_ms: int) -> None:
        """What the bidder posts from then on counts again."""
        for bar in self.bars.get(bidder_id, ()):
            if bar.until_ms is None:
                bar.until_ms = max(from_ms, bar.from_ms)


def own_posts_before(post_ids: list[int], post_id: int, window_ms: int) -> int:
    """How many of these sorted ids belong to posts made in the window (ms) before this post."""
    place = bisect_left(post_ids, post_id)
    return place - bisect_left(post_ids, post_id - (window_ms << SERIAL_BITS))
