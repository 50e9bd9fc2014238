"""The health of the chain: the age of its newest block, and whether its safe and finalized heads make progress.

The chain is down while its newest block is too old; it is up again only once that block is recent, so that a head which
comes slowly, or goes back, does not count as two outages. Time is ours; it only measures outages.
"""

from adapters import alarms, metrics
from adapters.chain.node import Heads

DOWN_MS, UP_MS = 30_000, 10_000
STALLED_MS = 3_600_000


class Health:
    """What was last seen of the heads. Times in UTC ms."""

    def __init__(self, now_ms: int) -> None:
        self.head_at_ms = now_ms
        """The time of the newest block; before the first answer, since when none is known."""
        self._has_seen = False
        self._progress: dict[str, tuple[int, int]] = {}

    def saw(self, heads: Heads, now_ms: int) -> None:
        """Take in the heads that a node has told."""
        self.head_at_ms, self._has_seen = heads.unsafe.at_ms, True
        metrics.chain_block.labels("unsafe").set(heads.unsafe.number)
        for level, head in (("safe", heads.safe), ("finalized", heads.finalized)):
            before = self._progress.get(level)
            if before is None or head.number > before[0]:
                self._progress[level] = head.number, now_ms
                metrics.chain_block.labels(level).set(head.number)
            if before is not None and head.number > before[0]:
                alarms.clear(f"chain:{level}")

    def is_old(self, now_ms: int) -> bool:
        """Whether the newest block is so old that the chain is down."""
        return now_ms - self.head_at_ms > DOWN_MS

    def turn(self, is_down: bool, now_ms: int) -> bool:
        """Whether the chain is down now, where it `is_down` by the log. Sounds and clears the alarms."""
        age_ms = now_ms - self.head_at_ms
        metrics.chain_head_age_seconds.set(age_ms / 1000)
        for level, (number, since_ms) in self._progress.items():
            metrics.chain_stalled_seconds.labels(level).set((now_ms - since_ms) / 1000)
            if now_ms - since_ms >= STALLED_MS:
                what = f"the {level} head of the chain stands at block {number} for more than an hour"
                alarms.sound(f"chain:{level}", f"{what}: payments wait, and nothing expires meanwhile")
        is_down = not (self._has_seen and age_ms < UP_MS) if is_down else age_ms > DOWN_MS
        if is_down:
            alarms.sound("chain:head", "the chain makes no new blocks, or no node tells them: payments wait")
        else:
            alarms.clear("chain:head")
        return is_down
