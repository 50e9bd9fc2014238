"""The reader of posts: makes a `PlaceBid` of X's JSON, of a line of the stream or a page of a search.

Old and new names of fields are read alike, and only fields that are needed. Whether a post is a bid is not decided
here; a part that a verdict needs and X has left out is named (`FoundPost.lacks`).
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec

from adapters.x.errors import UnreadablePost
from adapters.x.halves import UNREADABLE, decode
from adapters.x.lacks import AUTHOR, REFERENCE, REST, TEXT, is_cut, may_be_cut
from messages.commands import PlaceBid

TEXT_CHARACTERS = 125_000  # X's longest post, each character escaped
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AUTHORS_REMEMBERED = 20_000
Id = Annotated[int, msgspec.Meta(gt=0, le=2**63 - 1)]  # X writes ids as strings, and sometimes as numbers
MOST_ITEMS = 1_000  # of a list in an answer; X sends 100 posts at most, or 1,000 rules
T = TypeVar("T")
U = TypeVar("U")


class FoundPost(msgspec.Struct, frozen=True, gc=False):
    """A post as an answer of X has shown it.

    `conversation_id` is None where X left it out, as it sometimes does. `earlier_versions` are the ids that this post
    had before it was edited, oldest first: they are withdrawn, this one was posted at its own time. `lacks` names the
    part that a verdict needs and X has left out (`adapters/x/lacks`); it is empty where there is none. Missing facts
    about the author are looked up instead (`actors/twitter/authors`).
    """

    bid: PlaceBid
    conversation_id: int | None
    earlier_versions: tuple[int, ...] = ()
    lacks: str = ""


class Page(msgspec.Struct, frozen=True):
    """A page of a search: its posts, those that cannot be read, and the token of the next page."""

    posts: list[FoundPost]
    unreadable: list[UnreadablePost]
    next_token: str | None = None


def read_payload(raw: bytes, source: str, found_at_ms: int) -> FoundPost | None:
    """The post of one line of the filtered stream (or of its webhook).

    None for anything but a post: a keep-alive, an error, a kind of message that X has added. Raises UnreadablePost.
    """
    try:
        line = _decode(_lines, raw, _bare_lines)
    except UnreadablePost:
        if raw.strip():
            raise
        return None
    if line.data is None or line.data.id is None:
        return None
    return _found(line.data, line.includes, source, found_at_ms, raw)


def read_page(raw: bytes, source: str, found_at_ms: int, conversation_id: int | None = None) -> Page:
    """Read one page of a search, in the conversation of this id. A post that cannot be read does not spoil the others.

    Raises UnreadablePost where the page itself cannot be read.
    """
    page = _decode(_pages, raw, _bare_pages)
    posts: list[FoundPost] = []
    unreadable: list[UnreadablePost] = []
    for item in page.data or ():
        try:
            post = _decode(_posts, bytes(item))
            post.conversation_id = post.conversation_id or conversation_id
            posts.append(_found(post, page.includes, source, found_at_ms, bytes(item)))
        except UnreadablePost as fault:
            unreadable.append(fault)
    return Page(posts, unreadable, page.meta.next_token)


# These objects live only while a line is read and hold no cycles, so the garbage collector need not look at them.


class _Hashtag(msgspec.Struct, gc=False):
    tag: str


class _Entities(msgspec.Struct, gc=False):
    hashtags: list[_Hashtag] | None = None


class _Note(msgspec.Struct, gc=False):
    text: str
    entities: _Entities | None = None


class _Reference(msgspec.Struct, gc=False):
    type: str
    id: Id


class _Post(msgspec.Struct, gc=False):
    id: Id | None = None
    text: str | None = None
    author_id: Id | None = None
    conversation_id: Id | None = None
    entities: _Entities | None = None
    referenced_tweets: list[_Reference] | None = None
    referenced_posts: list[_Reference] | None = None
    edit_history_tweet_ids: list[Id] | None = None
    edit_history_post_ids: list[Id] | None = None
    note_tweet: _Note | None = None
    note_post: _Note | None = None


class _Metrics(msgspec.Struct, gc=False):
    followers_count: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None


class _User(msgspec.Struct, gc=False):
    id: int | str  # not checked: an author with a malformed id counts as missing, and does not spoil the post
    username: str = ""
    created_at: str | None = None
    public_metrics: _Metrics | None = None


class _Includes(msgspec.Struct, gc=False):
    users: Annotated[list[_User], msgspec.Meta(max_length=MOST_ITEMS)] | None = None


class _Line(msgspec.Struct, gc=False):
    data: _Post | None = None
    includes: _Includes | None = None


class _BareLine(msgspec.Struct, gc=False):
    data: _Post | None = None
    includes: ClassVar[None] = None


class _Meta(msgspec.Struct, frozen=True):
    next_token: str | None = None


class _BarePage(msgspec.Struct):
    data: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    meta: _Meta = _Meta()
    includes: ClassVar[None] = None


class _Page(msgspec.Struct):
    data: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    includes: _Includes | None = None
    meta: _Meta = _Meta()


# Not strict, so that an id may be a string.
_lines = msgspec.json.Decoder(_Line, strict=False)
_pages = msgspec.json.Decoder(_Page)
_posts = msgspec.json.Decoder(_Post, strict=False)
# For answers of which only the posts can be read: their authors are looked up.
_bare_lines = msgspec.json.Decoder(_BareLine, strict=False)
_bare_pages = msgspec.json.Decoder(_BarePage)


def _decode(decoder: "msgspec.json.Decoder[T]", raw: bytes, bare: "msgspec.json.Decoder[U] | None" = None) -> T | U:
    try:
        return decode(decoder, raw)
    except UNREADABLE as fault:
        if bare is None:
            raise UnreadablePost(str(fault), raw) from fault
    return _decode(bare, raw)


def _found(post: _Post, includes: _Includes | None, source: str, found_at_ms: int, raw: bytes) -> FoundPost:
    # The hot path of the stream: one long function, since calls cost time. msgspec has checked the types.
    note = post.note_tweet or post.note_post
    text, entities = (note.text, note.entities) if note else (post.text, post.entities)
    post_id, author_id = post.id, post.author_id
    if post_id is None:
        raise UnreadablePost("the post lacks its id", raw)
    if text is not None and len(text) > TEXT_CHARACTERS:
        raise UnreadablePost(f"the text is longer than {TEXT_CHARACTERS} characters", raw)
    references = post.referenced_tweets or post.referenced_posts
    lacks = ""
    if author_id is None or text is None or not references or (note is None and may_be_cut(text)):
        lacks = _lacking(post, text, references, note)
        author_id, text = author_id or 0, text or ""
    author = _author(includes, author_id)
    bid = PlaceBid(
        message_id=f"tweet:{post_id}",
        post_id=post_id,
        author_id=author_id,
        author_handle=author.username if author else "",
        author_created_at_ms=time_ms(author.created_at) if author else None,
        author_followers=author.public_metrics.followers_count if author and author.public_metrics else None,
        replied_to_id=_replied_to(references),
        text=text,
        hashtags=None if entities is None else tuple([found.tag for found in entities.hashtags or ()]),
        source=source,
        found_at_ms=found_at_ms,
    )
    versions = post.edit_history_tweet_ids or post.edit_history_post_ids
    earlier: tuple[int, ...] = ()
    if versions and versions != [post_id]:
        earlier = tuple(sorted(version for version in versions if version < post_id))
    return FoundPost(bid, post.conversation_id, earlier, lacks)


def _lacking(post: _Post, text: str | None, references: list[_Reference] | None, note: _Note | None) -> str:
    """The part of the post that X has left out, empty for none. Each post of a conversation replies to something,
    but the first one and its versions do not."""
    if post.author_id is None:
        return AUTHOR
    if text is None:
        return TEXT
    versions = post.edit_history_tweet_ids or post.edit_history_post_ids or ()
    if not references and post.conversation_id not in (post.id, *versions):
        return REFERENCE
    return REST if note is None and is_cut(text) else ""


def _author(includes: _Includes | None, author_id: int) -> _User | None:
    if includes is None or includes.users is None:
        return None
    as_text = str(author_id)
    for user in includes.users:
        if user.id == as_text or user.id == author_id:
            return user
    return None


def _replied_to(references: list[_Reference] | None) -> int | None:
    for reference in references or ():
        if reference.type == "replied_to":
            return reference.id
    return None


def is_id(value: Any) -> bool:
    """Whether this is an id of X, as the string or the number that it may come as."""
    if isinstance(value, str):
        # int() reads other scripts' digits, signs, spaces and underscores too.
        return len(value) <= 19 and value.isascii() and value.isdigit() and 0 < int(value) < 2**63
    return isinstance(value, int) and 0 < value < 2**63


def read_id(value: Any) -> int:
    """Read an id of X, from the string or the number that it came as. Raises ValueError."""
    if not is_id(value):
        raise ValueError(f"{value!r:.40} is no id")
    return int(value)


@lru_cache(AUTHORS_REMEMBERED)  # most bids are by authors who have bid before
def time_ms(value: str | None) -> int | None:
    """A time as X writes it, in UTC ms, with or without milliseconds; None where it cannot be read."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
