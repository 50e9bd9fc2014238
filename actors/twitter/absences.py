"""Which posts are gone: those that two looks a lag apart have not found, and no look in between has.

One answer proves no absence: X's servers do not all know a post at the same moment. Bookkeeping only; `recheck`
and `finds` ask X.
"""

from collections.abc import Iterable, Set

# From so many lags before the end on, leaders are looked at so often in a lag: what is missed before the end is taken
# back, what is missed after it binds.
NEAR_LAGS = 10
LOOKS_A_LAG = 6


class Absences:
    """What the looks at some posts have not found, and since when (UTC ms). `lag_ms` is the lag."""

    def __init__(self, lag_ms: int) -> None:
        self._lag_ms = lag_ms
        self._missed_ms: dict[int, int] = {}

    def missed_ms(self, post_id: int) -> int:
        """When this post was missed first (UTC ms), of those that were not found by the last look at them."""
        return self._missed_ms[post_id]

    def was_missed_before(self, post_id: int, before_ms: int) -> bool:
        """Whether the last look at this post has not found it, and the first one that did not was before this time."""
        return self._missed_ms.get(post_id, before_ms) < before_ms

    def gone(self, now_ms: int, present: Iterable[int], absent: Set[int]) -> set[int]:
        """Take in a look; those of the `absent` posts that are gone by now. A post that it found begins anew."""
        for post_id in present:
            self._missed_ms.pop(post_id, None)
        for post_id in absent:
            self._missed_ms.setdefault(post_id, now_ms)
        return {post_id for post_id in absent if now_ms >= self._missed_ms[post_id] + self._lag_ms}
