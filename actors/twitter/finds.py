"""What searches have found below one auction post, until it stands in the auction's queue: each post is queued once, as
soon as it was seen whole and its author is known. Until then it holds up the proof that nothing is missing.

It asks X only for what a search has left out; the search itself is `reconciler`'s.
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
    """The posts of one day. `queue` puts commands into its queue; `decided` says for each of some posts whether it has
    a verdict (None: none). `lag_ms` is how far apart two looks are that prove something."""

    def __init__(
        self,
        day: OpenDay,
        lag_ms: int,
        queue: Callable[[list[AuctionCommand]], None],
        decided: Callable[[Sequence[int]], list[float | None]],
    ) -> None:
        self._auction_id, self._hashtag, self._lag_ms = day.auction_id, day.hashtag, lag_ms
        self._queue, self._decided = queue, decided
        self._settled: set[int] = set()  # was queued, or needs no verdict, of what is not proven yet
        self._waiting: dict[int, FoundPost] = {}  # for their authors
        self._halves: set[int] = set()  # X has shown only a part of them
        self._sights, self._absences = FirstSights(day.post_id, lag_ms), Absences(lag_ms)
        self._next_sight_ms = 0
        self._together = BATCH  # so many are looked up at once
        self._brought = self._missed = 0  # by the stream, of what the look under way has found

    @property
    def is_full(self) -> bool:
        """Whether so many posts wait that no more are to be looked for."""
        return len(self._waiting) + len(self._halves) >= MOST_WAITING

    @property
    def queued_to_ms(self) -> int:
        """What was found of the posts made before it is queued (UTC ms)."""
        waiting = self._waiting.keys() | self._halves
        return posted_at_ms(min(waiting)) if waiting else 2**62

    def forget_before(self, proven_ms: int) -> None:
        """No look goes behind what is proven: what was settled of it need not be remembered."""
        self._settled = {post_id for post_id in self._settled if posted_at_ms(post_id) >= proven_ms}

    def forget(self) -> None:
        """The day has its result."""
        for name in ALARMS:
            alarms.clear(f"{name}:{self._auction_id}")

    def take_in(self, found: Iterable[FoundPost], now_ms: int) -> None:
        """Queue what was seen whole and has an author."""
        sights = self._sights.take(now_ms, [post for post in found if post.bid.post_id not in self._settled])
        self._halves -= {post.bid.post_id for post in sights.whole}
        self._waiting.update((post.bid.post_id, post) for post in sights.whole if lacks_author(post))
        self._queue_posts([post for post in sights.whole if not lacks_author(post)])
        if halves := [post.bid.post_id for post in sights.waiting if post.bid.post_id not in self._halves]:
            # What has a verdict needs no other sight: another source has shown the whole of it.
            undecided = {one for one, at in zip(halves, self._decided(halves), strict=True) if at is None}
            self._settled.update(set(halves) - undecided)
            self._halves |= undecided
            self._next_sight_ms = 0
        alarm = f"half_a_post:{self._auction_id}"
        if stuck := [post for post in sights.stuck if post.bid.post_id in self._halves]:
            what = f"X does not say {stuck[0].lacks} of post {stuck[0].bid.post_id} ({len(stuck)} such posts)"
            rest = "is not closed before it does, or an operator names the result"
            alarms.sound(alarm, f"{what}: {self._auction_id} {rest}")
        elif not self._halves:
            alarms.clear(alarm)

    def see_the_whole(self, x: XClient, posts: Collection[int], now_ms: int) -> bool:
        """Look up what the searches show only in part; whether X was asked. What does not stand below one of `posts`
        needs no verdict here; what is gone is left to the searches to find again."""
        asked = sorted(self._halves)[: self._together]
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
        self._halves -= elsewhere | self._absences.gone(now_ms, shown, set(asked) - shown)
        self.take_in(page.posts, now_ms)
        return True

    def name_authors(self, authors: Authors) -> bool:
        """Look up authors whom X did not name; whether X was asked. A post whose author X does not know stands with his
        id alone: nobody is refused because a look-up failed. While X cannot say, the post waits, and the proof too."""
        if not self._waiting:
            return False
        done = authors.complete([self._waiting[post_id] for post_id in sorted(self._waiting)])
        self._queue_posts(done.ready + [each.post for each in done.given_up if each.hopeless])
        alarm = f"authors:{self._auction_id}"
        if unsaid := [each for each in done.given_up if not each.hopeless]:
            what = f"the author of post {unsaid[0].post.bid.post_id} of {self._auction_id} cannot be looked up"
            alarms.sound(alarm, f"{what} ({unsaid[0].error}): X is asked on, and the auction is not closed before")
        if not self._waiting:
            alarms.clear(alarm)
        return done.has_asked

    def compare_with_stream(self, found: Sequence[FoundPost], *, is_first: bool, is_last: bool) -> None:
        """Whether the stream has brought what a first look finds, on its first to its last page; it had time enough.
        One that brings less than it misses is deaf: somebody else may have deleted its rules."""
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
