"""The ground truth: who exists, what was posted, what is gone. It knows no protocol and no auction.

A post that the crowd or a test makes carries its intended meaning; nobody ever reads that meaning out of the text.
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
# X refuses what the same account has just said; how far back it looks is not documented.
DUPLICATES_AMONG = 50
MAX_MENTIONS = 50

Meaning = Wei | Refusal | None


class WorldFull(Exception):
    """The bound on posts or users is reached."""


@dataclass(slots=True, eq=False)
class User:
    """An account. `created_at_ms` lies on a full second, because X shows no more."""

    id: int
    handle: str
    created_at_ms: int
    suspended_at_ms: int | None = None
    protected_at_ms: int | None = None


@dataclass(slots=True, eq=False)
class Post:
    """A post; `written` is what its author typed, `text` has X's implicit mentions before it.

    `meaning` is an amount, the reason why it is none, or None where nobody meant a bid. `delivery_ms` is when the
    stream is to deliver it, counted from the post: once each, never where it is empty. `versions` are the post and
    what it was edited from and to, oldest first; all of them share the list.
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
        """When it was posted, UTC ms; its id carries it."""
        return posted_at_ms(self.id)

    @property
    def gone(self) -> bool:
        """Deleted, or its author suspended or protected."""
        author = self.author
        return any(at_ms is not None for at_ms in (self.deleted_at_ms, author.suspended_at_ms, author.protected_at_ms))

    @property
    def is_newest(self) -> bool:
        """Whether nobody has edited it since."""
        return self.versions[-1] is self


class World:
    """All accounts and posts. `on_post` is called at once for every new post, `on_delete` for every deleted one."""

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
        """A new account. Raises WorldFull, and ValueError for a handle that is taken."""
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
        """The account of this handle, in whatever case."""
        return self.users.get(handle.casefold())

    def rename(self, user: User, handle: str) -> None:
        """The account is called so from now on, and anybody may take the handle that it had. Raises ValueError for a
        handle that is taken."""
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
        """A new post, made now, or a new version of the post that it `edits`. Raises WorldFull."""
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
        """Takes the post away, with all its versions, now; a second time changes nothing."""
        for version in post.versions:
            if version.deleted_at_ms is None:
                version.deleted_at_ms = now_ms()
                for listener in self.on_delete:
                    listener(version)

    def suspend(self, user: User) -> None:
        """Takes the account and all its posts away, now; a second time changes nothing."""
        if user.suspended_at_ms is None:
            user.suspended_at_ms = now_ms()

    def protect(self, user: User) -> None:
        """Shows the account's posts to its followers only, from now on; a second time changes nothing."""
        if user.protected_at_ms is None:
            user.protected_at_ms = now_ms()

    def says_again(self, author: User, written: str) -> bool:
        """Whether X would refuse this as duplicate content."""
        recent = islice(reversed(self._by_author.get(author.id, [])), DUPLICATES_AMONG)
        return any(post.written == written and not post.gone for post in recent)

    def newest_first(self, below_id: int, from_id: int) -> Iterator[Post]:
        """The posts with `from_id` <= id < `below_id` that are not gone, each in its newest version."""
        end = bisect_left(self._order, below_id, key=lambda post: post.id)
        for place in range(end - 1, -1, -1):
            post = self._order[place]
            if post.id < from_id:
                return
            if post.is_newest and not post.gone:
                yield post

    def truth(
        self, conversation_id: int | None = None, after_id: int = 0, most: int = MAX_POSTS
    ) -> list[dict[str, Any]]:
        """The posts that were ever made after one (of one conversation), in the order of ids, `most` at the most, as
        plain values."""
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
