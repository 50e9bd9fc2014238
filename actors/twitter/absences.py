"""Absences: which posts are gone, because two looks a lag apart, and every look in between, have not found them.

One answer proves no absence, since X's servers do not all know a post at the same moment. This is bookkeeping without
I/O; `recheck` and `finds` ask X.
"""

from collections.abc import Iterable, Set

# From NEAR_LAGS lags before the end on, leading posts are looked up LOOKS_A_LAG times a lag: a bid is withdrawn where
# its post was first missed before the end, and binds where that was later.
NEAR_LAGS = 10
LOOKS_A_LAG = 6


class Absences:
    """The posts that the last look at them did not find, and since when (UTC ms). `lag_ms` is how far apart two looks
    must be to prove an absence."""

    def __init__(self, lag_ms: int) -> None:
        self._lag_ms = lag_ms
        self._missed_ms: dict[int, int] = {}

    def missed_ms(self, post_id: int) -> int:
        """When this post was first missed (UTC ms). Raises KeyError for a post that the last look at it has found."""
        return self._missed_ms[post_id]

    def was_missed_before(self, post_id: int, before_ms: int) -> bool:
        """Whether this post is missing, and was first missed before this time (UTC ms)."""
        return self._missed_ms.get(post_id, before_ms) < before_ms

    def gone(self, now_ms: int, present: Iterable[int], absent: Set[int]) -> set[int]:
        """Take in a look at `now_ms` (UTC ms). Returns those of the `absent` posts that are gone by now. A `present`
        post counts as never missed."""
        for post_id in present:
            self._missed_ms.pop(post_id, None)
        for post_id in absent:
            self._missed_ms.setdefault(post_id, now_ms)
        return {post_id for post_id in absent if now_ms >= self._missed_ms[post_id] + self._lag_ms}
