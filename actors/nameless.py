"""Posts of the stream whose author X did not name, until he was looked up: a small table in memory.

Losing it costs nothing, and nobody is given up here: a sweep finds each of these posts again and sees to that.
"""

from actors.authors import Authors
from adapters.x.payload import FoundPost

MOST = 1_000


class Nameless:
    """At most MOST posts, each for one auction. For one thread."""

    def __init__(self, authors: Authors) -> None:
        self._authors = authors
        self._held: dict[int, tuple[str, FoundPost]] = {}

    def hold(self, auction_id: str, post: FoundPost) -> None:
        """Keep the post, if there is room."""
        if len(self._held) < MOST:
            self._held[post.bid.post_id] = (auction_id, post)

    def named(self) -> list[tuple[str, FoundPost]]:
        """The posts whose authors are known by now, which are held no longer. May ask X."""
        if not self._held:
            return []
        done = self._authors.complete([post for _, post in self._held.values()])
        for given_up in done.given_up:
            del self._held[given_up.post.bid.post_id]
        return [(self._held.pop(post.bid.post_id)[0], post) for post in done.ready]
