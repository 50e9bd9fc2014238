"""Authors: looks up, in batches and with retries, the facts about authors that X left out of posts (QUE-2).

It keeps no posts: a caller asks again with the same posts until each is complete or given up. So an author whom X
cannot name holds up no other post, and an author that was dropped from memory costs one more request.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from random import random

import msgspec

from actors.ports import RETRY_X_MS, Clock
from adapters.x.answers import Author
from adapters.x.client import BATCH, XClient
from adapters.x.errors import HeldBack, XUnavailable
from adapters.x.payload import FoundPost

RETRIES = 3
FIRST_WAIT_MS = 2_000  # before the first retry; four times as long before each further one
KNOWN = 20_000
MOST_WAITING = 10_000


class GivenUp(msgspec.Struct, frozen=True):
    """A post whose author could not be looked up, and the last error. `hopeless` where X has said that it shows no
    such account."""

    post: FoundPost
    error: str
    hopeless: bool


class Completed(msgspec.Struct, frozen=True):
    """The given posts, in their order: `ready` ones with all that X says of their authors, `waiting` ones, and those
    given up; and whether X was asked."""

    ready: list[FoundPost]
    waiting: list[FoundPost]
    given_up: list[GivenUp]
    has_asked: bool


class _Search(msgspec.Struct):
    """The look-up of one author: `hopeless` once X has said twice that it shows no such account. A request for this
    author holds `together` ids at most."""

    together: int = BATCH
    attempts: int = 0
    not_before_ms: int = 0
    error: str = ""
    hopeless: bool = False

    @property
    def over(self) -> bool:
        return self.hopeless or self.attempts > RETRIES


def lacks_author(post: FoundPost) -> bool:
    """Whether the post lacks its author's handle, the time when the account was made, or its number of followers."""
    bid = post.bid
    return bid.author_created_at_ms is None or bid.author_followers is None or not bid.author_handle


class Authors:
    """Looks up authors and remembers the newest KNOWN of them. `chance` (0 to 1) is for the jitter. For one thread."""

    def __init__(self, x: XClient, clock: Clock, chance: Callable[[], float] = random) -> None:
        self._x, self._clock, self._chance = x, clock, chance
        self._known: dict[int, Author] = {}
        self._searches: dict[int, _Search] = {}

    def complete(self, posts: Sequence[FoundPost]) -> Completed:
        """Add to the posts what is known of their authors, after one request to X at the most. A failed request
        raises nothing: its posts wait."""
        lacking = {post.bid.author_id for post in posts if lacks_author(post)}
        has_asked = self._ask_for([user_id for user_id in sorted(lacking) if user_id not in self._known])
        done = Completed([], [], [], has_asked)
        for post in posts:
            user_id = post.bid.author_id
            search = self._searches.get(user_id)
            if not lacks_author(post):
                done.ready.append(post)
            elif user_id in self._known:
                done.ready.append(_with(post, self._known[user_id]))
            elif search is not None and search.over:
                done.given_up.append(GivenUp(post, search.error, search.hopeless))
            else:
                done.waiting.append(post)
        for each in done.given_up:
            self._searches.pop(each.post.bid.author_id, None)  # a later post of this author is looked up again
        return done

    def _ask_for(self, user_ids: Sequence[int]) -> bool:
        now_ms = self._clock()
        due = []
        for user_id in user_ids[:MOST_WAITING]:
            if self._searches.setdefault(user_id, _Search()).not_before_ms <= now_ms:
                due.append(user_id)
        if due:
            self._ask(due[: self._searches[due[0]].together])
        while len(self._searches) > MOST_WAITING:
            del self._searches[next(iter(self._searches))]
        return bool(due)

    def _ask(self, user_ids: Sequence[int]) -> None:
        try:
            answer = self._x.users(user_ids)
        except HeldBack as held:
            self._wait(user_ids, held.retry_after_ms or RETRY_X_MS)  # no request was made, so this is no attempt
        except XUnavailable as fault:
            if fault.status == 400 and len(user_ids) > 1:
                # X refuses the whole request for one of the ids: halving finds that one.
                for user_id in user_ids:
                    self._searches[user_id].together = len(user_ids) // 2
            else:
                self._failed(user_ids, str(fault), fault.retry_after_ms or 0, hopeless=fault.status == 400)
        else:
            whole = {user_id for user_id in user_ids if _is_whole(answer.found.get(user_id))}
            for user_id in whole:
                self._remember(user_id, answer.found[user_id])
            missing = answer.missing.keys() & set(user_ids)
            for user_id in missing:
                # One answer proves no absence, a second one does.
                self._failed([user_id], answer.missing[user_id], 0, self._searches[user_id].attempts > 0)
            self._failed(set(user_ids) - whole - missing, "X says nothing about the author", 0)

    def _failed(self, user_ids: Collection[int], error: str, least_ms: int, hopeless: bool = False) -> None:
        for user_id in user_ids:
            search = self._searches[user_id]
            wait_ms = FIRST_WAIT_MS * 4**search.attempts * (0.5 + self._chance() / 2)
            search.attempts, search.error, search.hopeless = search.attempts + 1, error, hopeless
            self._wait([user_id], max(round(wait_ms), least_ms))

    def _wait(self, user_ids: Iterable[int], wait_ms: int) -> None:
        for user_id in user_ids:
            self._searches[user_id].not_before_ms = self._clock() + wait_ms

    def _remember(self, user_id: int, author: Author) -> None:
        self._searches.pop(user_id, None)
        self._known[user_id] = author
        while len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]


def _is_whole(author: Author | None) -> bool:
    return author is not None and None not in (author.created_at_ms, author.followers) and author.handle != ""


def _with(post: FoundPost, author: Author) -> FoundPost:
    bid = msgspec.structs.replace(
        post.bid,
        author_handle=author.handle,
        author_created_at_ms=author.created_at_ms,
        author_followers=author.followers,
    )
    return msgspec.structs.replace(post, bid=bid)
