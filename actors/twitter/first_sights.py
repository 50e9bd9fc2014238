"""First sights: posts of which an answer of X shows only a part, until X shows the whole. Nothing is decided by a part.

A text that ends with an ellipsis may be cut by X or written so: such a post is taken as it stands once two looks a lag
apart have shown no more of it. Any other missing part can only have been left out by X, and the post waits. This is
bookkeeping without I/O; `finds` asks X.
"""

from collections.abc import Iterable

import msgspec

from actors.twitter.absences import Absences
from actors.twitter.following import is_whole
from adapters.x.lacks import REST
from adapters.x.payload import FoundPost


class Sights(msgspec.Struct, frozen=True):
    """The posts of one look, in the order of their ids: `whole` ones can be decided, `waiting` ones lack something, and
    `stuck` are those of `waiting` that have waited for longer than a lag."""

    whole: list[FoundPost]
    waiting: list[FoundPost]
    stuck: list[FoundPost]


class FirstSights:
    """The sights of the posts below one auction post. `lag_ms` is how far apart two looks must be to prove
    something."""

    def __init__(self, post_id: int, lag_ms: int) -> None:
        self._auction_posts = (post_id,)
        self._lacking = Absences(lag_ms)

    def take(self, now_ms: int, sights: Iterable[FoundPost]) -> Sights:
        """Sort the posts that a look has shown at `now_ms` (UTC ms). Of a post that several sources have shown, a whole
        sight counts."""
        best: dict[int, FoundPost] = {}
        for sight in sorted(sights, key=self._is_whole, reverse=True):
            best.setdefault(sight.bid.post_id, sight)
        lacking = {post_id for post_id, sight in best.items() if not self._is_whole(sight)}
        overdue = self._lacking.gone(now_ms, best.keys() - lacking, lacking)
        in_order = [best[post_id] for post_id in sorted(best)]
        waiting = [post for post in in_order if post.bid.post_id in lacking]
        waiting = [post for post in waiting if post.lacks != REST or post.bid.post_id not in overdue]
        waiting_ids = {post.bid.post_id for post in waiting}
        return Sights(
            [post for post in in_order if post.bid.post_id not in waiting_ids],
            waiting,
            [post for post in waiting if post.bid.post_id in overdue],
        )

    def _is_whole(self, sight: FoundPost) -> bool:
        return is_whole(sight, self._auction_posts)
