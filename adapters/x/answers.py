"""The readers of X's answers to look-ups: posts that exist or are gone and why, and accounts. Odd parts are skipped."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from adapters.x.payload import MOST_ITEMS, read_id, time_ms
from messages.commands import EDITED

log = logging.getLogger(__name__)


class Lookup(msgspec.Struct, frozen=True):
    """Which posts are there, and which are not, with the cause: "deleted", "edited" (a newer version stands in its
    place) or "unavailable" (its author is suspended, protected, or hidden otherwise).

    An id that X says nothing about is in neither.
    """

    present: frozenset[int]
    gone: dict[int, str]


class Author(msgspec.Struct, frozen=True):
    """What X says of an account. `created_at_ms` and `followers` are None where it does not say."""

    handle: str
    created_at_ms: int | None
    followers: int | None
    protected: bool = False


class Users(msgspec.Struct, frozen=True):
    """Accounts by id, and why X does not show others ("User has been suspended: …"). An id may be in neither."""

    found: dict[int, Author]
    missing: dict[int, str]


def items(answer: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list that may be missing, of its first MOST_ITEMS."""
    found = answer.get(name) if isinstance(answer, dict) else None
    return [item for item in found[:MOST_ITEMS] if isinstance(item, dict)] if isinstance(found, list) else []


def ids(objects: Iterable[dict[str, Any]], name: str) -> Iterator[int]:
    """The ids under this name; a malformed one is skipped, with a warning."""
    for item in objects:
        try:
            yield read_id(item.get(name))
        except ValueError as fault:
            log.warning("an answer of X holds a malformed id: %s", fault)


def read_lookup(answer: Any) -> tuple[set[int], dict[int, str]]:
    """Read the answer to a look-up: the ids of posts that exist, and the cause for each that does not."""
    present: set[int] = set()
    gone: dict[int, str] = {}
    for post in items(answer, "data"):
        for post_id in ids([post], "id"):
            versions = post.get("edit_history_tweet_ids") or post.get("edit_history_post_ids")
            if not isinstance(versions, list):
                continue  # without its versions, which were asked for, the post may have been edited
            if any(version > post_id for version in ids([{"id": one} for one in versions[:MOST_ITEMS]], "id")):
                gone[post_id] = EDITED
            else:
                present.add(post_id)
    for error in items(answer, "errors"):
        if error.get("resource_type") not in (None, "tweet", "post"):
            continue  # the error is about something that the post refers to
        not_found = str(error.get("type")).endswith("resource-not-found")
        for post_id in ids([error], "resource_id"):
            gone[post_id] = "deleted" if not_found else "unavailable"
    return present, gone


def read_users(answer: Any) -> Users:
    """Read the answer to a look-up of accounts: those that X shows, and why it does not show others."""
    found: dict[int, Author] = {}
    for user in items(answer, "data"):
        numbers = user.get("public_metrics")
        followers = numbers.get("followers_count") if isinstance(numbers, dict) else None
        created_at = user.get("created_at")
        for user_id in ids([user], "id"):
            found[user_id] = Author(
                str(user.get("username") or ""),
                time_ms(created_at) if isinstance(created_at, str) else None,
                followers if isinstance(followers, int) else None,
                user.get("protected") is True,
            )
    missing = {
        user_id: str(error.get("detail") or error.get("title") or "X does not say why")[:200]
        for error in items(answer, "errors")
        for user_id in ids([error], "resource_id")
    }
    return Users(found, {user_id: why for user_id, why in missing.items() if user_id not in found})
