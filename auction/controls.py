"""The controls of an auction: its published times and the operators' orders, and what they mean for a single bid.

Controls are logged and never undone; a standing depends on nothing but controls and bids. `standings` compares bids
with each other.
"""

from bisect import bisect_left

import msgspec

from messages.base import Outage, Refusal
from messages.x_ids import SERIAL_BITS


class Pause(msgspec.Struct, array_like=True):
    """A pause refuses bids posted in [from_ms, until_ms), UTC ms; `until_ms` is None while the pause lasts.

    `by_house` says that the system itself ordered the pause, not an operator: only then may the system end it.
    """

    from_ms: int
    until_ms: int | None = None
    by_house: bool = False


class Ban(msgspec.Struct, array_like=True):
    """A ban refuses what a bidder posts in [from_ms, until_ms), UTC ms; `until_ms` is None while the ban lasts."""

    from_ms: int
    until_ms: int | None
    reason: Refusal


class Controls(msgspec.Struct, array_like=True):
    """All controls of one auction.

    Bids posted in [opened_at_ms, ends_at_ms) count, UTC ms. `ends_at_ms` is the published end: it only grows, and once
    it is `frozen` no bid extends it. `latest_end_ms` is the latest end that the soft close may set; a pause moves it.
    """

    opened_at_ms: int
    ends_at_ms: int
    latest_end_ms: int
    frozen: bool = False
    pauses: list[Pause] = []
    bans: dict[int, list[Ban]] = {}
    invalidated: set[int] = set()
    held: set[int] = set()
    released: set[int] = set()
    outages: list[Outage] = []  # outages for which the end was moved
    pausing: set[str] = set()  # message ids of the orders to pause and resume: a repeated one must not move the end

    @property
    def paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1].until_ms is None

    def in_pause(self, at_ms: int) -> bool:
        """Whether bids posted at this time are refused for a pause."""
        return any(
            pause.from_ms <= at_ms and (pause.until_ms is None or at_ms < pause.until_ms) for pause in self.pauses
        )

    def banned(self, bidder_id: int, at_ms: int) -> Refusal | None:
        """The reason for which a ban refuses what this bidder posted at this time (UTC ms), or None."""
        for ban in self.bans.get(bidder_id, ()):
            if ban.from_ms <= at_ms and (ban.until_ms is None or at_ms < ban.until_ms):
                return ban.reason
        return None

    def after(self, at_ms: int, running_ms: int) -> int:
        """When (UTC ms) the auction has run for `running_ms` since `at_ms`, not counting pauses that have ended."""
        until_ms = at_ms + running_ms
        for pause in self.pauses:
            if pause.until_ms is not None and at_ms < pause.until_ms and pause.from_ms < until_ms:
                until_ms += pause.until_ms - max(pause.from_ms, at_ms)
        return until_ms

    def stood_at(self, at_ms: int) -> int:
        """The auction's own time at `at_ms` (UTC ms): while a pause lasts, it stands at the beginning of the pause."""
        return min(at_ms, self.pauses[-1].from_ms) if self.paused else at_ms

    # ---- what an order changes

    def pause(self, from_ms: int, by_house: bool = False) -> None:
        """Begins a pause: bids posted from `from_ms` (UTC ms) on are refused."""
        self.pauses.append(Pause(from_ms, by_house=by_house))

    def resume(self, until_ms: int, ends_at_ms: int) -> None:
        """Ends the pause at `until_ms`: bids count again until `ends_at_ms`. The cap of the end moves by the pause."""
        pause = self.pauses[-1]
        pause.until_ms = until_ms
        self.latest_end_ms += until_ms - pause.from_ms
        self.ends_at_ms = ends_at_ms

    def hold(self, post_id: int) -> None:
        """Holds a bid: it does not lead until it is released."""
        self.held.add(post_id)
        self.released.discard(post_id)

    def release(self, post_id: int) -> None:
        """Releases a bid, whether it was held by an order or for its amount: it counts."""
        self.released.add(post_id)
        self.held.discard(post_id)

    def ban(self, bidder_id: int, from_ms: int, reason: Refusal) -> None:
        """Bans a bidder: what is posted from `from_ms` (UTC ms) on does not count, for `reason`."""
        self.bans.setdefault(bidder_id, []).append(Ban(from_ms, None, reason))

    def unban(self, bidder_id: int, from_ms: int) -> None:
        """Lifts the bidder's bans: what is posted from `from_ms` (UTC ms) on counts again."""
        for ban in self.bans.get(bidder_id, ()):
            if ban.until_ms is None:
                ban.until_ms = max(from_ms, ban.from_ms)


def own_posts_before(post_ids: list[int], post_id: int, window_ms: int) -> int:
    """How many of `post_ids` (ascending) belong to posts made in the `window_ms` before the post `post_id`."""
    place = bisect_left(post_ids, post_id)
    return place - bisect_left(post_ids, post_id - (window_ms << SERIAL_BITS))
