"""From X's JSON to `PlaceBid`: the line of the stream, and the page of a search.

Old and new spellings are read alike, and only what is needed is looked at. Whether a post is a bid is not asked.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from adapters.x.errors import UnreadablePost
from messages.commands import PlaceBid

TEXT_CHARACTERS = 125_000  # X's longest post, each character escaped
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Id = int | str
T = TypeVar("T")


class FoundPost(msgspec.Struct, frozen=True):
    """A post as it was found.

    `conversation_id` is None where X left it out, as it sometimes does. `earlier_versions` are the ids that this
    post had before it was edited, oldest first: they are withdrawn, this one was posted at its own time.
    """

    bid: PlaceBid
    conversation_id: int | None
    earlier_versions: tuple[int, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """One page of a search: what was read, and what could not be."""

    posts: list[FoundPost]
    unreadable: list[UnreadablePost]


def read_payload(raw: bytes, source: str, found_at_ms: int) -> FoundPost | None:
    """The post of one line of the filtered stream (or of its webhook).

    None for what is no post: a keep-alive, an error, a kind of message that X has added. Raises UnreadablePost.
    """
    if not raw.strip():
        return None
    line = _decode(_lines, raw)
    if line.data is None or line.data.id is None:
        return None
    return _found(line.data, _by_id(line.includes), source, found_at_ms, raw)


def read_page(raw: bytes, source: str, found_at_ms: int) -> Page:
    """One page of a search. A post that cannot be read does not spoil the others.

    Raises UnreadablePost where the page itself cannot be read.
    """
    page = _decode(_pages, raw)
    users = _by_id(page.includes)
    posts: list[FoundPost] = []
    unreadable: list[UnreadablePost] = []
    for item in page.data or ():
        try:
            posts.append(_found(_decode(_posts, bytes(item)), users, source, found_at_ms, bytes(item)))
        except UnreadablePost as fault:
            unreadable.append(fault)
    return Page(posts, unreadable)


class _Hashtag(msgspec.Struct):
    tag: str


class _Entities(msgspec.Struct):
    hashtags: list[_Hashtag] | None = None


class _Note(msgspec.Struct):
    text: str
    entities: _Entities | None = None


class _Reference(msgspec.Struct):
    type: str
    id: _Id


class _Post(msgspec.Struct):
    id: _Id | None = None
    text: str | None = None
    author_id: _Id | None = None
    conversation_id: _Id | None = None
    entities: _Entities | None = None
    referenced_tweets: list[_Reference] | None = None
    referenced_posts: list[_Reference] | None = None
    edit_history_tweet_ids: list[_Id] | None = None
    edit_history_post_ids: list[_Id] | None = None
    note_tweet: _Note | None = None
    note_post: _Note | None = None


class _Metrics(msgspec.Struct):
    followers_count: int | None = None


class _User(msgspec.Struct):
    id: _Id
    username: str = ""
    created_at: str | None = None
    public_metrics: _Metrics | None = None


class _Includes(msgspec.Struct):
    users: list[_User] | None = None


class _Line(msgspec.Struct):
    data: _Post | None = None
    includes: _Includes | None = None


class _Page(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    includes: _Includes | None = None


_lines = msgspec.json.Decoder(_Line)
_pages = msgspec.json.Decoder(_Page)
_posts = msgspec.json.Decoder(_Post)


def _decode(decoder: "msgspec.json.Decoder[T]", raw: bytes) -> T:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as fault:
        raise UnreadablePost(str(fault), raw) from fault


def _found(post: _Post, users: dict[int, _User], source: str, found_at_ms: int, raw: bytes) -> FoundPost:
    note = post.note_tweet or post.note_post
    entities = note.entities if note else post.entities
    text = note.text if note else post.text
    try:
        if text is None:
            raise ValueError("the post has no text")
        if len(text) > TEXT_CHARACTERS:
            raise ValueError(f"the text is longer than {TEXT_CHARACTERS} characters")
        post_id, author_id = read_id(post.id), read_id(post.author_id)
        author = users.get(author_id)
        versions = map(read_id, post.edit_history_tweet_ids or post.edit_history_post_ids or ())
        bid = PlaceBid(
            message_id=f"tweet:{post_id}",
            post_id=post_id,
            author_id=author_id,
            author_handle=author.username if author else "",
            author_created_at_ms=_time_ms(author.created_at) if author else None,
            author_followers=author.public_metrics.followers_count if author and author.public_metrics else None,
            replied_to_id=_replied_to(post.referenced_tweets or post.referenced_posts or ()),
            text=text,
            hashtags=None if entities is None else tuple(found.tag for found in entities.hashtags or ()),
            source=source,
            found_at_ms=found_at_ms,
        )
        return FoundPost(
            bid,
            None if post.conversation_id is None else read_id(post.conversation_id),
            tuple(sorted(version for version in versions if version < post_id)),
        )
    except ValueError as fault:
        raise UnreadablePost(str(fault), raw) from fault


def _replied_to(references: Iterable[_Reference]) -> int | None:
    return next((read_id(reference.id) for reference in references if reference.type == "replied_to"), None)


def _by_id(includes: _Includes | None) -> dict[int, _User]:
    users = (includes.users if includes else None) or ()
    by_id: dict[int, _User] = {}
    for user in users:
        # An author who cannot be told is an author who is missing: looked up later, like the others.
        if _is_id(user.id):
            by_id[int(user.id)] = user
    return by_id


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        # int() reads other scripts' digits, signs, spaces and underscores too.
        return len(value) <= 19 and value.isascii() and value.isdigit() and 0 < int(value) < 2**63
    return isinstance(value, int) and 0 < value < 2**63


def read_id(value: Any) -> int:
    """An id of X, from the string or the number that it came as. Raises ValueError."""
    if not _is_id(value):
        raise ValueError(f"{value!r:.40} is no id")
    return int(value)


def _time_ms(value: str | None) -> int | None:
    """With or without milliseconds. What cannot be read is not known."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
