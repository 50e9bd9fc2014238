"""The versions of edited posts: takes a reply to a later version for a reply to the first one."""

from collections.abc import Mapping

import msgspec

from adapters.x.halves import UNREADABLE, decode
from adapters.x.lacks import PARENT
from adapters.x.payload import FoundPost, Id, is_id, read_id


def first_versions(raw: bytes) -> dict[int, int]:
    """The first version of each post that a line or a page refers to, by the id of any version.

    An edit makes a new post, and later replies are to that one. A post that is gone, in whose place X shows an error,
    counts as its own first version. What cannot be read is left out, and nothing is raised. Apart from `read_payload`,
    since hardly any reply is to another post than the first one of a conversation.
    """
    try:
        read = decode(_parents, raw)
    except UNREADABLE:
        return {}
    unseen = [error.resource_id for error in read.errors or ()]
    firsts = {read_id(one): read_id(one) for one in unseen if is_id(one)}
    included = read.includes
    for parent in [*(included.tweets or ()), *(included.posts or ())] if included else ():
        if versions := parent.edit_history_tweet_ids or parent.edit_history_post_ids:
            firsts.update(dict.fromkeys((*versions, parent.id), min(versions)))
    return firsts


def direct_reply(post: FoundPost, firsts: Mapping[int, int]) -> FoundPost:
    """The post as a reply to the first version of the one that it replies to; it lacks PARENT where none is known."""
    replied_to = post.bid.replied_to_id
    if replied_to is None or replied_to == post.conversation_id:
        return post
    first = firsts.get(replied_to)
    if first is None:
        return msgspec.structs.replace(post, lacks=post.lacks or PARENT)
    if first == replied_to:
        return post
    return msgspec.structs.replace(post, bid=msgspec.structs.replace(post.bid, replied_to_id=first))


class _Parent(msgspec.Struct):
    id: Id
    edit_history_tweet_ids: list[Id] | None = None
    edit_history_post_ids: list[Id] | None = None


class _Parents(msgspec.Struct):
    tweets: list[_Parent] | None = None
    posts: list[_Parent] | None = None


class _Error(msgspec.Struct):
    resource_id: int | str | None = None


class _WithParents(msgspec.Struct):
    includes: _Parents | None = None
    errors: list[_Error] | None = None


_parents = msgspec.json.Decoder(_WithParents, strict=False)  # not strict, so that an id may be a string
