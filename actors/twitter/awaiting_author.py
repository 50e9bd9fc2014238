"""Posts without an author: kept until the author was looked up.

Posts of the stream are kept in memory, where losing them costs nothing. Pushed posts are kept on disk, since X does not
push them again. A post whose look-up is given up here is not lost: a sweep finds it again.
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
    """The posts that wait for their authors: at most MOST of the stream, each with its auction, and all pushed ones,
    in the queue of the name `pushed`. For one thread."""

    def __init__(self, authors: Authors, queue: Queue, pushed: str) -> None:
        self._authors, self._queue, self._pushed = authors, queue, pushed
        self._held: dict[int, tuple[str, FoundPost]] = {}

    def hold(self, auction_id: str, post: FoundPost) -> None:
        """Keep a post of the stream, if there is room."""
        if len(self._held) < MOST:
            self._held[post.bid.post_id] = (auction_id, post)

    def named(self) -> list[tuple[str, FoundPost]]:
        """Take out the posts of the stream whose authors are known by now, each with its auction. May ask X."""
        if not self._held:
            return []
        done = self._authors.complete([post for _, post in self._held.values()])
        for given_up in done.given_up:
            del self._held[given_up.post.bid.post_id]
        return [(self._held.pop(post.bid.post_id)[0], post) for post in done.ready]

    def pushed(self) -> tuple[list[FoundPost], list[str]]:
        """The pushed posts whose authors are known by now, and the entries to pass to `settled` once these are
        queued. May ask X."""
        entries = self._queue.read(self._pushed, START, PUSHED_A_TURN)
        if not entries:
            return [], []
        found: dict[str, FoundPost] = {}
        for entry_id, data in entries:
            try:
                found[entry_id] = unpack(data, FoundPost)
            except UnreadableMessage as fault:
                self._move_to_dead_letters(entry_id, data, str(fault))
        done = self._authors.complete(list(found.values()))
        waiting = {post.bid.post_id for post in done.waiting}
        return done.ready, [entry_id for entry_id, post in found.items() if post.bid.post_id not in waiting]

    def _move_to_dead_letters(self, entry_id: str, data: bytes, error: str) -> None:
        """Add the entry to the dead letters, then remove it here: a crash in between doubles it, but never loses it."""
        log.error("a push that waited for its author is not readable and goes to the dead letters: %s", error)
        at_ms = int(entry_id.partition("-")[0])
        letter = DeadLetter(auction_id="", entry_id=entry_id, data=data, error=error, attempts=1, at_ms=at_ms)
        self._queue.dead_letter(letter)
        self._queue.remove(self._pushed, [entry_id])

    def settled(self, entry_ids: list[str]) -> None:
        """Remove these entries, whose posts stand in their auctions' queues or were given up."""
        self._queue.remove(self._pushed, entry_ids)
