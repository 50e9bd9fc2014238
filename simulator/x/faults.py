"""What goes wrong, on command: so many times, or with a seeded probability. It decides when, others do it.

docs/simulator.md says of each kind what a client sees of it.
"""

from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_FAULTS = 1_000


class Kind(StrEnum):
    """A thing that can go wrong."""

    # Of the process: for `ms` nobody listens.
    REFUSED = "refused"

    # Of the stream's connection, when it is asked for and when it stands.
    TOO_MANY_CONNECTIONS = "too_many_connections"
    EOF = "eof"
    CUT = "cut"
    RST = "rst"
    DISCONNECT = "disconnect"
    TRUNCATED = "truncated"
    STALL = "stall"
    SLOW_KEEPALIVE = "slow_keepalive"
    UNKNOWN_MESSAGE = "unknown_message"
    GIANT_LINE = "giant_line"

    # Of a delivery.
    DUPLICATE = "duplicate"
    LATE = "late"
    LOST = "lost"

    # Of the form in which posts and users are shown.
    NO_INCLUDES = "no_includes"
    NO_CONVERSATION = "no_conversation"
    NO_TAG = "no_tag"
    NO_MILLISECONDS = "no_milliseconds"
    NUMBER_IDS = "number_ids"
    NEW_NAMES = "new_names"
    NO_REFERENCES = "no_references"
    NO_AUTHOR = "no_author"
    NO_ENTITIES = "no_entities"
    NO_NOTE = "no_note"
    NO_HISTORY = "no_history"
    NO_USER_DETAILS = "no_user_details"

    # Of an answer.
    HTTP_402 = "http_402"
    HTTP_403 = "http_403"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    REPLY_NOT_ALLOWED = "reply_not_allowed"
    DUPLICATE_CONTENT = "duplicate_content"
    SLOW = "slow"
    RESPONSE_LOST = "response_lost"
    NO_ANSWER = "no_answer"
    INDEX_LAG = "index_lag"
    TIMELINE_LAG = "timeline_lag"
    NOT_FOUND = "not_found"

    # Of what others do: somebody with our keys replaces the stream's rules, a bidder edits the post that leads.
    FOREIGN_RULES = "foreign_rules"
    EDITED = "edited"

    # Of a push to a webhook, which has the path `/webhooks`: this, and those of a delivery.
    BAD_SIGNATURE = "bad_signature"


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One command: `count` times from now on, or with `rate` each time; a rate of 0 ends an earlier rate.

    `method` and `path` (a prefix, or all of it where it ends with `$`) narrow down the faults of answers and of forms.
    `ms` is how late, how slow, or for how long; `reset_s` how long after now the window of a 429 ends, None for a 429
    that does not say.
    """

    kind: Kind
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    method: Annotated[str, Meta(max_length=10)] = ""
    path: Annotated[str, Meta(max_length=200)] = "/2/"
    ms: Annotated[int, Meta(ge=0, le=10**9)] = 2_000
    reset_s: Annotated[int, Meta(ge=0, le=86_400)] | None = 5


class Faults:
    """All commands that still hold; beyond MAX_FAULTS the oldest is forgotten. `on_add` is called for each new one."""

    def __init__(self, seed: int) -> None:
        self.on_add: list[Callable[[], None]] = []
        self._random = Random(f"{seed}:faults")
        self._ordered: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """From now on."""
        if fault.rate is not None:
            self._ordered = [
                old
                for old in self._ordered
                if old.rate is None or (old.kind, old.method, old.path) != (fault.kind, fault.method, fault.path)
            ]
        if fault.count or fault.rate:
            self._ordered = [*self._ordered[1 - MAX_FAULTS :], fault]
        for listener in self.on_add:
            listener()

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._ordered = []

    def strikes(self, kind: Kind, method: str = "", path: str = "/2/") -> Fault | None:
        """The fault that happens now, if one does; asking uses it up."""
        for fault in self._ordered:
            if fault.kind is not kind or not f"{path}$".startswith(fault.path) or fault.method not in ("", method):
                continue
            if fault.count:
                fault.count -= 1
                if not fault.count and not fault.rate:
                    self._ordered.remove(fault)
                return fault
            if fault.rate and self._random.random() < fault.rate:
                return fault
        return None

    def all(self) -> list[Fault]:
        """What still holds, oldest first."""
        return list(self._ordered)
