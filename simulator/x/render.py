"""Renders posts and users as X's API does: only the requested fields, ids as strings, texts escaped."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from messages.post_weight import POST_LIMIT, weight
from simulator.x.clock import timestamp
from simulator.x.problems import invalid, not_found, not_visible
from simulator.x.texts import entities, escape
from simulator.x.world import Post, User

_POST_FIELDS = frozenset({
    "attachments", "author_id", "context_annotations", "conversation_id", "created_at", "display_text_range",
    "edit_controls", "edit_history_tweet_ids", "entities", "geo", "id", "in_reply_to_user_id", "lang", "note_tweet",
    "possibly_sensitive", "public_metrics", "referenced_tweets", "reply_settings", "source", "text", "withheld",
})  # fmt: skip
_USER_FIELDS = frozenset({
    "affiliation", "created_at", "description", "entities", "id", "is_identity_verified", "location",
    "most_recent_tweet_id", "name", "pinned_tweet_id", "profile_image_url", "protected", "public_metrics",
    "subscription_type", "url", "username", "verified", "verified_type", "withheld",
})  # fmt: skip
_EXPANSIONS = frozenset({
    "attachments.media_keys", "author_id", "edit_history_tweet_ids", "entities.mentions.username", "geo.place_id",
    "in_reply_to_user_id", "referenced_tweets.id", "referenced_tweets.id.author_id",
})  # fmt: skip
# For an expansion, X also returns the field that it expands.
_FIELD_OF_EXPANSION = {
    "author_id": "author_id",
    "in_reply_to_user_id": "in_reply_to_user_id",
    "referenced_tweets.id": "referenced_tweets",
    "referenced_tweets.id.author_id": "referenced_tweets",
}
_EDITABLE_MS = 3_600_000
_weight = lru_cache(1_000)(weight)  # takes 0.3 s for the longest post


@dataclass(frozen=True, slots=True)
class View:
    """The fields and expansions that a client has requested."""

    post_fields: frozenset[str]
    user_fields: frozenset[str]
    expansions: frozenset[str]

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> "View":
        """Reads the parameters of a request. Raises Problem (400) for an unknown name."""
        expansions = _names(query, "expansions", _EXPANSIONS)
        return cls(
            _names(query, "tweet.fields", _POST_FIELDS)
            | {_FIELD_OF_EXPANSION[name] for name in expansions if name in _FIELD_OF_EXPANSION},
            _names(query, "user.fields", _USER_FIELDS),
            expansions,
        )


def post_object(post: Post, view: View) -> dict[str, Any]:
    """Returns a post. Requested fields without a value are left out."""
    parent = post.parent
    full, prefix = escape(post.text), len(post.text) - len(post.written)
    # The `text` of a long post is cut; `note_tweet` has the whole text.
    long = _weight(post.written) > POST_LIMIT
    shown = escape(post.text[:POST_LIMIT] + "…") if long else full
    every: dict[str, Any] = {
        "author_id": str(post.author.id),
        "conversation_id": str(post.conversation_id),
        "created_at": timestamp(post.posted_at_ms),
        "display_text_range": [prefix, len(shown)],
        "edit_controls": {
            "edits_remaining": 6 - len(post.versions),
            "is_edit_eligible": parent is None or parent.author is post.author,
            "editable_until": timestamp(post.versions[0].posted_at_ms + _EDITABLE_MS),
        },
        "entities": entities(post.text) or None,
        "in_reply_to_user_id": str(parent.author.id) if parent else None,
        "lang": "en",
        "note_tweet": {"text": full, "entities": entities(post.text)} if long else None,
        "possibly_sensitive": False,
        "public_metrics": {"retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0},
        "referenced_tweets": [{"type": "replied_to", "id": str(parent.id)}] if parent else None,
        "reply_settings": "everyone",
    }
    return {
        "id": str(post.id),
        "text": shown,
        "edit_history_tweet_ids": [str(version.id) for version in post.versions],
        **{name: every[name] for name in view.post_fields if every.get(name) is not None},
    }


def user_object(user: User, fields: Iterable[str]) -> dict[str, Any]:
    """Returns a user, always with id, name and username."""
    every: dict[str, Any] = {
        "created_at": timestamp(user.created_at_ms),
        "description": "",
        "protected": user.protected_at_ms is not None,
        "public_metrics": {"followers_count": 10, "following_count": 10, "tweet_count": 10, "listed_count": 0},
        "verified": False,
        "verified_type": "none",
    }
    basic = {"id": str(user.id), "name": user.handle, "username": user.handle}
    return basic | {name: every[name] for name in fields if name in every}


def page(posts: list[Post], view: View) -> dict[str, Any]:
    """Returns `data`, `includes` and `errors` of an answer with these posts, without empty parts."""
    users: dict[int, User] = {}
    referenced: dict[int, Post] = {}
    errors: list[dict[str, Any]] = []
    for post in posts:
        if "author_id" in view.expansions:
            users[post.author.id] = post.author
        parent = post.parent
        if parent is None:
            continue
        if "in_reply_to_user_id" in view.expansions and parent.author.suspended_at_ms is None:
            users[parent.author.id] = parent.author
        if view.expansions & {"referenced_tweets.id", "referenced_tweets.id.author_id"}:
            if parent.gone:
                errors.append(gone_error(parent, "referenced_tweets.id"))
                continue
            referenced[parent.id] = parent
            if "referenced_tweets.id.author_id" in view.expansions:
                users[parent.author.id] = parent.author
    includes = {
        "users": [user_object(user, view.user_fields) for user in users.values()],
        "tweets": [post_object(post, view) for post in referenced.values()],
    }
    answer: dict[str, Any] = {
        "data": [post_object(post, view) for post in posts],
        "includes": {name: found for name, found in includes.items() if found},
        "errors": errors,
    }
    return {name: part for name, part in answer.items() if part}


def one(post: Post, view: View) -> dict[str, Any]:
    """Returns `data`, `includes` and `errors` of an answer with this post alone."""
    answer = page([post], view)
    return answer | {"data": answer["data"][0]}


def gone_error(post: Post, parameter: str) -> dict[str, Any]:
    """Returns the partial error for a post that is gone. Like X, it distinguishes deleted and hidden posts."""
    make = not_found if post.deleted_at_ms is not None else not_visible
    return make("tweet", str(post.id), parameter)


def _names(query: Mapping[str, str], parameter: str, known: frozenset[str]) -> frozenset[str]:
    asked = frozenset(name for name in query.get(parameter, "").split(",") if name)
    for name in sorted(asked - known):
        raise invalid(parameter, name, f"The `{parameter}` query parameter value [{name}] is not one of the known")
    return asked
