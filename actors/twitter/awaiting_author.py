"""Posts whose author X did not name, until he was looked up.

Those of the stream stand in a small table in memory: losing it costs nothing. Those that X has pushed wait on disk,
since X forgets them. Nobody is given up for good here: a sweep finds each of these posts again and sees to that.
"""

import logging

from actors.twitter.authors import Authors
from adapters.redis.queue import START, DeadLetter, Queue
from adapters.x.payload import FoundPost
from messages.codec import UnreadableMessage, unpack

log = logging.getLogger(__name__)

MOST = 1_000
PUSHED_A_TURN = 100


class AwaitingAuthor:
    """At most MOST posts of the stream, each for one auction, and whatever was pushed. For one thread."""

    def __init__(self, authors: Authors, queue: Queue, pushed: str) -> None:
        self._authors, self._queue, self._pushed = authors, queue, pushed
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

    def pushed(self) -> tuple[list[FoundPost], list[str]]:
        """Pushed posts whose authors are known by now, and what is to be `settled` once they are queued. May ask X."""
        entries = self._queue.read(self._pushed, START, PUSHED_A_TURN)
        if not entries:
            return [], []
        found: dict[str, FoundPost] = {}
        for entry_id, data in entries:
            try:
                found[entry_id] = unpack(data, FoundPost)
            except UnreadableMessage as fault:
                self._bury(entry_id, data, str(fault))
        done = self._authors.complete(list(found.values()))
        waiting = {post.bid.post_id for post in done.waiting}
        return done.ready, [entry_id for entry_id, post in found.items() if post.bid.post_id not in waiting]

    def _bury(self, entry_id: str, data: bytes, error: str) -> None:
        """To the dead letters, and only then out of here: it may lie there twice, but is never lost."""
        log.error("a push that waited for its author is not readable and goes to the dead letters: %s", error)
        at_ms = int(entry_id.partition("-")[0])
        letter = DeadLetter(auction_id="", entry_id=entry_id, data=data, error=error, attempts=1, at_ms=at_ms)
        self._queue.dead_letter(letter)
        self._queue.remove(self._pushed, [entry_id])

    def settled(self, entry_ids: list[str]) -> None:
        """These pushes stand in their auctions' queues, or were given up."""
        self._queue.remove(self._pushed, entry_ids)
