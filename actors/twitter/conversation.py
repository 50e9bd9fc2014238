"""An open auction as the reconciler sees it: how far its conversation is looked at, found and proven. Asks nobody."""

from collections.abc import Mapping, Sequence

import msgspec

from actors.twitter.completeness import Look, Sweep
from actors.twitter.finds import Finds
from actors.twitter.following import OpenDay
from actors.twitter.recheck import Recheck
from messages.x_ids import posted_at_ms

SEARCH, MENTIONS = "search", "mentions"  # the sources, each of which is swept by itself


class Timing(msgspec.Struct, frozen=True):
    """When to sweep, in ms: how old a post is once search must know it, how often, how far apart two looks are."""

    search_lag_ms: int
    interval_ms: int
    lag_ms: int


class Conversation:
    """An auction post whose replies are swept, and how far that is."""

    def __init__(self, day: OpenDay, timing: Timing, recheck: Recheck, finds: Finds) -> None:
        self.day, self.recheck, self.finds, self._timing = day, recheck, finds, timing
        self.posts = {day.post_id}  # the auction post, and what else was posted about the auction
        self.marked_ms = self.target_ms = max(day.watermark_ms, posted_at_ms(day.post_id))
        self.sweeps = {source: Sweep(timing.lag_ms, self.marked_ms) for source in (SEARCH, MENTIONS)}
        self.unreadable: set[bytes] = set()  # dead letters by now
        self.post_is_gone = False
        self.searched_ms = 0  # as the store has it
        self.stored_looks: dict[str, list[Look]] = {}
        self.vouch_ms = 0  # when it is looked next whether the result may be named
        self._next_ms = 0

    def go_on(self, looks: Mapping[str, Sequence[Look]], now_ms: int) -> None:
        """Take over the looks of an earlier process, those of each source."""
        for source, sweep in self.sweeps.items():
            sweep.go_on(looks.get(source, ()), posted_at_ms(self.day.post_id), now_ms)

    def looks(self) -> dict[str, list[Look]]:
        """What a restart goes on from: of each source, the looks of which everything that was found is queued. Looks
        that the watermark has passed are forgotten."""
        for sweep in self.sweeps.values():
            sweep.forget_before(self.day.watermark_ms)
        return {source: sweep.looks(self.finds.queued_to_ms) for source, sweep in self.sweeps.items()}

    def hurry(self) -> None:
        """Something may be missing: what is due later is due now."""
        self._next_ms = 0
        self.recheck.hurry()

    def aim(self, now_ms: int) -> None:
        """How far first looks reach: at each interval as far as the search can, and up to the end once it can."""
        known_ms, ends_at_ms = now_ms - self._timing.search_lag_ms, self.day.ends_at_ms
        if self.target_ms < ends_at_ms <= known_ms:
            self.target_ms = ends_at_ms
        elif now_ms >= self._next_ms:
            self.target_ms, self._next_ms = max(known_ms, self.target_ms), now_ms + self._timing.interval_ms

    @property
    def proven_ms(self) -> int:
        """Everything posted before it was found and is queued."""
        return min(self.finds.queued_to_ms, *(sweep.proven_ms for sweep in self.sweeps.values()))

    @property
    def reached_ms(self) -> int:
        """Everything posted before it that a search finds was found once and is queued."""
        return min(self.finds.queued_to_ms, self.sweeps[SEARCH].reached_ms)
