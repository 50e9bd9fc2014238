"""Changes answers into other forms that X's documents allow or that X has shown: missing parts, other field names."""

from collections.abc import Callable, Iterator
from typing import Any

from simulator.x.faults import Faults, Kind

Object = dict[str, Any]
_RENAMED = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "referenced_tweets": "referenced_posts",
    "note_tweet": "note_post",
}


def reshape(body: Object, faults: Faults, method: str, path: str) -> None:
    """Changes an answer with posts, or a line of the stream, in place by the faults that happen."""
    for kind, change in _CHANGES.items():
        if faults.strikes(kind, method, path):
            change(body)


def _no_tag(body: Object) -> None:
    for rule in body.get("matching_rules", ()):
        rule.pop("tag", None)


def _no_milliseconds(body: Object) -> None:
    for found in _objects(body):
        if "created_at" in found:
            found["created_at"] = found["created_at"].replace(".000Z", "Z")


def _number_ids(body: Object) -> None:
    for found in _objects(body):
        for name, value in found.items():
            if name == "id" or name.endswith("_id"):
                found[name] = int(value)
            elif name.endswith("_ids"):
                found[name] = [int(one) for one in value]


def _new_names(body: Object) -> None:
    for found in list(_objects(body)):
        for old, new in _RENAMED.items():
            if old in found:
                found[new] = found.pop(old)


def _without(*names: str) -> Callable[[Object], None]:
    """Makes a change that removes these fields, under their old and new names, from all objects."""
    every = {*names, *(_RENAMED[name] for name in names if name in _RENAMED)}

    def change(body: Object) -> None:
        for found in _objects(body):
            for name in every & found.keys():
                del found[name]

    return change


def _no_user_details(body: Object) -> None:
    for user in body.get("includes", {}).get("users", ()):
        for name in ("created_at", "public_metrics", "protected"):
            user.pop(name, None)


def _objects(value: Any) -> Iterator[Object]:
    if isinstance(value, dict):
        # Inner objects come first, because the caller may change an object when it is yielded.
        for inner in value.values():
            yield from _objects(inner)
        yield value
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


_CHANGES: dict[Kind, Callable[[Object], None]] = {
    Kind.NO_INCLUDES: _without("includes"),
    Kind.NO_CONVERSATION: _without("conversation_id"),
    Kind.NO_TAG: _no_tag,
    Kind.NO_MILLISECONDS: _no_milliseconds,
    Kind.NUMBER_IDS: _number_ids,
    Kind.NEW_NAMES: _new_names,
    Kind.NO_REFERENCES: _without("referenced_tweets"),
    Kind.NO_AUTHOR: _without("author_id"),
    Kind.NO_ENTITIES: _without("entities"),
    Kind.NO_NOTE: _without("note_tweet"),
    Kind.NO_HISTORY: _without("edit_history_tweet_ids"),
    Kind.NO_USER_DETAILS: _no_user_details,
}
