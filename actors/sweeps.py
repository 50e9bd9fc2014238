"""Proving that every post up to a time was found: two equal passes over a slice, a configured lag apart.

The stream alone proves nothing (X delivers late, twice, or not at all). Bookkeeping only; `twitter_sweeper` searches.
"""

from collections.abc import Iterable

from auction.rules import posted_at_ms


class Sweep:
    """The passes over one auction's conversation. Times in UTC ms."""

    def __init__(self, lag_ms: int) -> None:
        self._lag_ms = lag_ms
        self._earlier: tuple[int, int, frozenset[int]] | None = None  # when, up to when, which posts
        self.proven_ms = 0

    def record(self, passed_at_ms: int, swept_to_ms: int, post_ids: Iterable[int]) -> int | None:
        """Take in a pass that saw `post_ids`, all made before `swept_to_ms`; the newly proven time, or None.

        The earlier pass stays until one comes late enough to be held against it, so passes may be as frequent as one
        likes. A slice whose two passes differ is not proven; the later pass is then the one to be equalled.
        """
        here = frozenset(post_ids)
        if self._earlier is None:
            self._earlier = (passed_at_ms, swept_to_ms, here)
            return None
        earlier_at_ms, to_ms, there = self._earlier
        if passed_at_ms < earlier_at_ms + self._lag_ms:
            return None
        self._earlier = (passed_at_ms, swept_to_ms, here)
        if to_ms <= self.proven_ms or self._slice(here, to_ms) != self._slice(there, to_ms):
            return None
        self.proven_ms = to_ms
        return to_ms

    def _slice(self, post_ids: Iterable[int], to_ms: int) -> set[int]:
        return {post_id for post_id in post_ids if self.proven_ms <= posted_at_ms(post_id) < to_ms}
