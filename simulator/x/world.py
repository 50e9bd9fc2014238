"""The ground truth: all accounts and posts, and which of them are gone. This module knows no protocol and no auction.

A post of the crowd or of a test carries its intended meaning, which nobody reads out of the text.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from messages.base import Refusal, Wei
from messages.x_ids import first_id_at, posted_at_ms
from simulator.x.clock import Snowflakes, now_ms

MAX_POSTS = 1_000_000
MAX_USERS = 200_000
# X refuses a text that the account has posted recently; how many posts X compares is not documented.
DUPLICATES_AMONG = 50
MAX_MENTIONS = 50

Meaning = Wei | Refusal | None


class WorldFull(Exception):
    """The limit of posts or users is reached."""


@dataclass(slots=True, eq=False)
class User:
    """An account. `created_at_ms` is rounded down to a second, because X shows no more."""

    id: int
    handle: str
    created_at_ms: int
    suspended_at_ms: int | None = None
    protected_at_ms: int | None = None


@dataclass(slots=True, eq=False)
class Post:
    """A post; `written` is the text of its author, `text` has X's implicit mentions before it.

    `meaning` is an amount, a reason why the post is no bid, or None if it was not meant as a bid. `delivery_ms` are the
    delays after which the stream delivers the post, once each. `versions` are all versions of an edited post, oldest
    first; they share the list.
    """

    id: int
    author: User
    written: str
    text: str
    mentions: tuple[str, ...]
    parent: "Post | None"
    conversation_id: int
    meaning: Meaning
    delivery_ms: tuple[int, ...]
    deleted_at_ms: int | None = None
    streamed_at_ms: list[int] = field(default_factory=list)
    read_at_ms: int | None = None
    versions: "list[Post]" = field(default_factory=list)

    @property
    def posted_at_ms(self) -> int:
        """When the post was made (UTC ms), as its id says."""
        return posted_at_ms(self.id)

    @property
    def gone(self) -> bool:
        """Whether the post is deleted, or its author suspended or protected."""
        author = self.author
        return any(at_ms is not None for at_ms in (self.deleted_at_ms, author.suspended_at_ms, author.protected_at_ms))

    @property
    def is_newest(self) -> bool:
        """Whether the post was not edited since."""
        return self.versions[-1] is self


class World:
    """All accounts and posts. The functions of `on_post` are called for each new post, of `on_delete` for each deleted
    one."""

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.users_by_id: dict[int, User] = {}
        self.posts: dict[int, Post] = {}
        self.on_post: list[Callable[[Post], None]] = []
        self.on_delete: list[Callable[[Post], None]] = []
        self._by_author: dict[int, list[Post]] = {}
        self._order: list[Post] = []
        self._ids = Snowflakes()

    def add_user(self, handle: str, created_at_ms: int, user_id: int | None = None) -> User:
        """Creates an account. Raises WorldFull, and ValueError for a handle that is taken."""
        if len(self.users) >= MAX_USERS:
            raise WorldFull("no more users")
        if handle.casefold() in self.users:
            raise ValueError(f"@{handle} exists")
        user_id = user_id or first_id_at(created_at_ms) + 1
        while user_id in self.users_by_id:
            user_id += 1
        user = User(user_id, handle, created_at_ms // 1000 * 1000)
        self.users[handle.casefold()] = self.users_by_id[user_id] = user
        return user

    def user(self, handle: str) -> User | None:
        """Returns the account of this handle, ignoring case."""
        return self.users.get(handle.casefold())

    def rename(self, user: User, handle: str) -> None:
        """Renames the account; its old handle becomes free. Raises ValueError for a handle that is taken."""
        if self.user(handle) not in (None, user):
            raise ValueError(f"@{handle} exists")
        del self.users[user.handle.casefold()]
        user.handle = handle
        self.users[handle.casefold()] = user

    def post(
        self,
        author: User,
        written: str,
        *,
        parent: Post | None = None,
        meaning: Meaning = None,
        delivery_ms: tuple[int, ...],
        edits: Post | None = None,
    ) -> Post:
        """Makes a post now, or a new version of the post `edits`. Raises WorldFull."""
        if len(self._order) >= MAX_POSTS:
            raise WorldFull("no more posts")
        post_id = self._ids.take()
        root = parent or edits
        implicit = tuple(_implicit_mentions(author, written, parent))
        post = Post(
            id=post_id,
            author=author,
            written=written,
            text="".join(f"@{handle} " for handle in implicit) + written,
            mentions=implicit,
            parent=parent,
            conversation_id=root.conversation_id if root else post_id,
            meaning=meaning,
            delivery_ms=delivery_ms,
            versions=edits.versions if edits else [],
        )
        post.versions.append(post)
        self.posts[post_id] = post
        self._order.append(post)
        self._by_author.setdefault(author.id, []).append(post)
        for listener in self.on_post:
            listener(post)
        return post

    def delete(self, post: Post) -> None:
        """Deletes the post with all its versions; a second call changes nothing."""
        for version in post.versions:
            if version.deleted_at_ms is None:
                version.deleted_at_ms = now_ms()
                for listener in self.on_delete:
                    listener(version)

    def suspend(self, user: User) -> None:
        """Suspends the account, which hides all its posts; a second call changes nothing."""
        if user.suspended_at_ms is None:
            user.suspended_at_ms = now_ms()

    def protect(self, user: User) -> None:
        """Protects the account, which shows its posts to its followers only; a second call changes nothing."""
        if user.protected_at_ms is None:
            user.protected_at_ms = now_ms()

    def says_again(self, author: User, written: str) -> bool:
        """Whether X would refuse this text as duplicate content."""
        recent = islice(reversed(self._by_author.get(author.id, [])), DUPLICATES_AMONG)
        return any(post.written == written and not post.gone for post in recent)

    def newest_first(self, ids: range) -> Iterator[Post]:
        """Yields the posts with these ids that are not gone, each in its newest version."""
        end = bisect_left(self._order, ids.stop, key=lambda post: post.id)
        for place in range(end - 1, -1, -1):
            post = self._order[place]
            if post.id < ids.start:
                return
            if post.is_newest and not post.gone:
                yield post

    def truth(
        self, conversation_id: int | None = None, after_id: int = 0, most: int = MAX_POSTS
    ) -> list[dict[str, Any]]:
        """Returns the first `most` posts ever made after `after_id` (in one conversation, or all), in the order of ids,
        as plain values."""
        later = islice(self._order, bisect_left(self._order, after_id + 1, key=lambda post: post.id), None)
        return [
            _plain(post)
            for post in islice((one for one in later if conversation_id in (None, one.conversation_id)), most)
        ]


def _implicit_mentions(author: User, written: str, parent: Post | None) -> Iterator[str]:
    if parent is None:
        return
    said = written.casefold()
    named = (parent.author.handle, *parent.mentions)
    for handle in list(dict.fromkeys(named))[:MAX_MENTIONS]:
        if handle != author.handle and f"@{handle.casefold()}" not in said:
            yield handle


def _plain(post: Post) -> dict[str, Any]:
    meaning: dict[str, str] | None = None
    if isinstance(post.meaning, Refusal):
        meaning = {"refusal": post.meaning.value}
    elif post.meaning is not None:
        meaning = {"amount_wei": str(int(post.meaning))}
    return {
        "id": str(post.id),
        "posted_at_ms": post.posted_at_ms,
        "author": post.author.handle,
        "author_id": str(post.author.id),
        "author_created_at_ms": post.author.created_at_ms,
        "text": post.text,
        "conversation_id": str(post.conversation_id),
        "replied_to": str(post.parent.id) if post.parent else None,
        "meaning": meaning,
        "deleted_at_ms": post.deleted_at_ms,
        "suspended_at_ms": post.author.suspended_at_ms,
        "protected_at_ms": post.author.protected_at_ms,
        "edited_to": None if post.is_newest else str(post.versions[-1].id),
        "delivery_ms": list(post.delivery_ms),
        "streamed_at_ms": list(post.streamed_at_ms),
        "read_at_ms": post.read_at_ms,
        "shown": bool(post.streamed_at_ms) or post.read_at_ms is not None,
    }
