"""The finds: the posts that searches have found below one auction post, until each stands in the auction's queue.

A post is queued once, as soon as X has shown the whole of it and its author is known; until then it holds up the proof
that nothing is missing. X is asked here only for what a search left out; `reconciler` searches.
"""

from collections.abc import Callable, Collection, Iterable, Sequence

from actors.twitter.absences import Absences
from actors.twitter.authors import MOST_WAITING, Authors, lacks_author
from actors.twitter.first_sights import FirstSights
from actors.twitter.following import OpenDay, belongs_below, commands_for
from adapters import alarms
from adapters.x.client import BATCH, XClient
from adapters.x.errors import TooMuch
from adapters.x.payload import FoundPost
from auction.bid_text.reading import read_bid
from messages.base import Refusal
from messages.commands import AuctionCommand
from messages.x_ids import posted_at_ms

ALARMS = ("authors", "deaf_stream", "half_a_post")


class Finds:
    """The found posts of one day. `queue` appends commands to the day's queue. `decided` answers for each post id with
    None where the post has no verdict. `lag_ms` is how far apart two looks must be to prove something."""

    def __init__(
        self,
        day: OpenDay,
        lag_ms: int,
        queue: Callable[[list[AuctionCommand]], None],
        decided: Callable[[Sequence[int]], list[float | None]],
    ) -> None:
        self._auction_id, self._hashtag, self._lag_ms = day.auction_id, day.hashtag, lag_ms
        self._queue, self._decided = queue, decided
        self._settled: set[int] = set()  # posts after the proven time that were queued or need no verdict
        self._waiting: dict[int, FoundPost] = {}  # posts whose author is looked up
        self._incomplete: set[int] = set()  # posts of which X has shown only a part
        self._sights, self._absences = FirstSights(day.post_id, lag_ms), Absences(lag_ms)
        self._next_sight_ms = 0
        self._together = BATCH  # posts looked up by one request
        self._brought = self._missed = 0  # by the stream, of the posts of the present look

    @property
    def is_full(self) -> bool:
        """Whether so many posts wait that the search has to pause."""
        return len(self._waiting) + len(self._incomplete) >= MOST_WAITING

    @property
    def queued_to_ms(self) -> int:
        """The time (UTC ms) before which every found post is queued."""
        waiting = self._waiting.keys() | self._incomplete
        return posted_at_ms(min(waiting)) if waiting else 2**62

    def forget_before(self, proven_ms: int) -> None:
        """Forget which posts before `proven_ms` (UTC ms) were settled: no look goes back there."""
        self._settled = {post_id for post_id in self._settled if posted_at_ms(post_id) >= proven_ms}

    def forget(self) -> None:
        """Clear the alarms of a day that has its result."""
        for name in ALARMS:
            alarms.clear(f"{name}:{self._auction_id}")

    def take_in(self, found: Iterable[FoundPost], now_ms: int) -> None:
        """Take in posts found at `now_ms` (UTC ms): queue those that X has shown whole and with their author, keep the
        others."""
        sights = self._sights.take(now_ms, [post for post in found if post.bid.post_id not in self._settled])
        self._incomplete -= {post.bid.post_id for post in sights.whole}
        self._waiting.update((post.bid.post_id, post) for post in sights.whole if lacks_author(post))
        self._queue_posts([post for post in sights.whole if not lacks_author(post)])
        if incomplete := [post.bid.post_id for post in sights.waiting if post.bid.post_id not in self._incomplete]:
            # A post with a verdict is not looked up: another source has shown the whole of it.
            decided = zip(incomplete, self._decided(incomplete), strict=True)
            undecided = {post_id for post_id, at in decided if at is None}
            self._settled.update(set(incomplete) - undecided)
            self._incomplete |= undecided
            self._next_sight_ms = 0
        alarm = f"half_a_post:{self._auction_id}"
        if stuck := [post for post in sights.stuck if post.bid.post_id in self._incomplete]:
            what = f"X leaves out {stuck[0].lacks} of post {stuck[0].bid.post_id} ({len(stuck)} such posts)"
            rest = "is not closed before X shows it, or an operator names the result"
            alarms.sound(alarm, f"{what}: {self._auction_id} {rest}")
        elif not self._incomplete:
            alarms.clear(alarm)

    def see_the_whole(self, x: XClient, posts: Collection[int], now_ms: int) -> bool:
        """Look up posts of which the searches show only a part (`now_ms`: UTC ms). Returns whether X was asked. A
        post that is not a reply below one of `posts` needs no verdict here. One that is gone is dropped; a search
        finds it again if it comes back. Raises XUnavailable."""
        asked = sorted(self._incomplete)[: self._together]
        if not asked or now_ms < self._next_sight_ms:
            return False
        try:
            page = x.posts(asked)
        except TooMuch:
            self._together = max(len(asked) // 2, 1)
            raise
        self._together = BATCH
        self._next_sight_ms = now_ms + self._lag_ms
        shown = {post.bid.post_id for post in page.posts}
        elsewhere = {post.bid.post_id for post in page.posts if not belongs_below(posts, post)}
        self._settled |= elsewhere
        self._incomplete -= elsewhere | self._absences.gone(now_ms, shown, set(asked) - shown)
        self.take_in(page.posts, now_ms)
        return True

    def name_authors(self, authors: Authors) -> bool:
        """Look up the authors that X left out. Returns whether X was asked. A post whose author X does not know is
        queued with the author's id alone, so that no bidder is refused because a look-up failed. While X cannot say,
        the post waits and holds up the proof."""
        if not self._waiting:
            return False
        done = authors.complete([self._waiting[post_id] for post_id in sorted(self._waiting)])
        self._queue_posts(done.ready + [each.post for each in done.given_up if each.hopeless])
        alarm = f"authors:{self._auction_id}"
        if unsaid := [each for each in done.given_up if not each.hopeless]:
            what = f"the author of post {unsaid[0].post.bid.post_id} of {self._auction_id} cannot be looked up"
            alarms.sound(alarm, f"{what} ({unsaid[0].error}): it is tried again, and the auction is not closed before")
        if not self._waiting:
            alarms.clear(alarm)
        return done.has_asked

    def compare_with_stream(self, found: Sequence[FoundPost], *, is_first: bool, is_last: bool) -> None:
        """Compare the posts of a first look, from its first to its last page, with those that the stream has brought by
        then. A stream that has missed more than it brought is an alarm: somebody else may have deleted its rules."""
        if is_first:
            self._brought = self._missed = 0
        decided = self._decided([post.bid.post_id for post in found])
        for bid, at in zip([post.bid for post in found], decided, strict=True):
            if at is not None:
                self._brought += 1
            elif read_bid(bid.text, self._hashtag, bid.hashtags) is not Refusal.NO_HASHTAG:
                self._missed += 1
        alarm = f"deaf_stream:{self._auction_id}"
        if self._missed > self._brought:
            what = f"the stream has not brought {self._missed} posts of {self._auction_id} that a search finds"
            alarms.sound(alarm, f"{what}: look at its rules and at the process's log")
        elif is_last and self._brought:
            alarms.clear(alarm)

    def _queue_posts(self, posts: Sequence[FoundPost]) -> None:
        self._queue([command for post in posts for command in commands_for(post)])
        for post in posts:
            self._settled.add(post.bid.post_id)
            self._waiting.pop(post.bid.post_id, None)
