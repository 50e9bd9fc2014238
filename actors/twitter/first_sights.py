"""Sights of posts that lack something, until there is a whole one: nothing is decided by half of a post.

Whether X has cut a text or its author has ended it so, only X knows: such a post is taken as it stands once two looks a
lag apart have shown no more of it. Whatever else is missing, X alone can have left out, and the post waits.
Bookkeeping only; `finds` asks X.
"""

from collections.abc import Iterable

import msgspec

from actors.twitter.absences import Absences
from actors.twitter.following import is_whole
from adapters.x.lacks import REST
from adapters.x.payload import FoundPost


class Sights(msgspec.Struct, frozen=True):
    """The posts of a look that can be decided, those that wait for a whole sight, and those of them that have waited
    for longer than a lag; in the order of their ids."""

    whole: list[FoundPost]
    waiting: list[FoundPost]
    stuck: list[FoundPost]


class FirstSights:
    """The sights of the posts below one auction post. `lag_ms` is how far apart two looks are that prove something."""

    def __init__(self, post_id: int, lag_ms: int) -> None:
        self._auction_posts = (post_id,)
        self._lacking = Absences(lag_ms)

    def take(self, now_ms: int, sights: Iterable[FoundPost]) -> Sights:
        """Take in what a look has shown (UTC ms), a post more than once where several sources have shown it."""
        best: dict[int, FoundPost] = {}
        for sight in sights:
            before = best.get(sight.bid.post_id)
            if before is None or (self._is_whole(sight) and not self._is_whole(before)):
                best[sight.bid.post_id] = sight
        lacking = {post_id for post_id, sight in best.items() if not self._is_whole(sight)}
        long = self._lacking.gone(now_ms, best.keys() - lacking, lacking)
        in_order = [best[post_id] for post_id in sorted(best)]
        waiting = [post for post in in_order if post.bid.post_id in lacking]
        waiting = [post for post in waiting if post.lacks != REST or post.bid.post_id not in long]
        waiting_ids = {post.bid.post_id for post in waiting}
        return Sights(
            [post for post in in_order if post.bid.post_id not in waiting_ids],
            waiting,
            [post for post in waiting if post.bid.post_id in long],
        )

    def _is_whole(self, sight: FoundPost) -> bool:
        return is_whole(sight, self._auction_posts)
