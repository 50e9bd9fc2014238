"""A conversation: how far the replies to one open auction's posts are searched, queued and proven complete. Makes no
requests."""

from collections.abc import Mapping, Sequence

import msgspec

from actors.twitter.completeness import SETTLING_INTERVALS, Look, Sweep
from actors.twitter.finds import Finds
from actors.twitter.following import OpenDay
from actors.twitter.recheck import Recheck
from messages.x_ids import posted_at_ms

SEARCH, MENTIONS = "search", "mentions"  # the sources, each of which is swept by itself


class Timing(msgspec.Struct, frozen=True):
    """The times of a sweep, in ms: the age from which X's search must know a post, how often to sweep, and how far
    apart two looks must be to prove something."""

    search_lag_ms: int
    interval_ms: int
    lag_ms: int


class Conversation:
    """The replies to one auction post, and how far they are swept."""

    def __init__(self, day: OpenDay, timing: Timing, recheck: Recheck, finds: Finds) -> None:
        self.day, self.recheck, self.finds, self._timing = day, recheck, finds, timing
        self.posts = {day.post_id}  # the auction post, and our other posts about the auction
        self.marked_ms = self.target_ms = max(day.watermark_ms, posted_at_ms(day.post_id))
        self.sweeps = {source: Sweep(timing.lag_ms, self.marked_ms) for source in (SEARCH, MENTIONS)}
        self.unreadable: set[bytes] = set()  # posts that became dead letters
        self.post_is_gone = False
        self.searched_ms = 0  # `reached_ms` as it was stored last
        self.stored_looks: dict[str, list[Look]] = {}
        self.vouch_ms = 0  # when to check next whether the result may be named
        self._next_ms = 0

    def go_on(self, looks: Mapping[str, Sequence[Look]], now_ms: int) -> None:
        """Take over the looks of an earlier process, those of each source (`now_ms`: UTC ms)."""
        for source, sweep in self.sweeps.items():
            sweep.go_on(looks.get(source, ()), posted_at_ms(self.day.post_id), now_ms)

    def looks(self) -> dict[str, list[Look]]:
        """The looks to be stored for a restart: of each source those whose found posts are all queued. Looks before the
        watermark are dropped."""
        for sweep in self.sweeps.values():
            sweep.forget_before(self.day.watermark_ms)
        return {source: sweep.looks(self.finds.queued_to_ms) for source, sweep in self.sweeps.items()}

    def hurry(self) -> None:
        """Make the next sweep and the next recheck due now, because something may be missing."""
        self._next_ms = 0
        self.recheck.hurry()

    def aim(self, now_ms: int) -> None:
        """Set how far first looks go: at each interval as far as X's search is reliable, and to the day's end as soon
        as it is reliable there."""
        known_ms, ends_at_ms = now_ms - self._timing.search_lag_ms, self.day.ends_at_ms
        if self.target_ms < ends_at_ms <= known_ms:
            self.target_ms = ends_at_ms
        elif now_ms >= self._next_ms:
            intervals = SETTLING_INTERVALS if self.day.is_being_settled else 1
            self._next_ms = now_ms + intervals * self._timing.interval_ms
            self.target_ms = max(known_ms, self.target_ms)

    @property
    def proven_ms(self) -> int:
        """The time (UTC ms) before which every post is proven to be found, and is queued."""
        return min(self.finds.queued_to_ms, *(sweep.proven_ms for sweep in self.sweeps.values()))

    @property
    def reached_ms(self) -> int:
        """The time (UTC ms) before which the search has looked once, and what it found is queued."""
        return min(self.finds.queued_to_ms, self.sweeps[SEARCH].reached_ms)
