"""The faults that are set: each happens a number of times, or with a seeded probability.

This module decides when a fault happens; other modules carry it out. docs/simulator.md says what a client sees of each
kind.
"""

from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_FAULTS = 1_000


class Kind(StrEnum):
    """The kind of a fault."""

    # Faults of the process: for `ms` the port is closed.
    REFUSED = "refused"

    # Faults of the stream's connection, when it is opened and while it is open.
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

    # Faults of the delivery of a post.
    DUPLICATE = "duplicate"
    LATE = "late"
    LOST = "lost"

    # Faults of the form of posts and users.
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

    # Faults of an answer.
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

    # Actions of others: a program with the same keys replaces the stream's rules; the leading bidder edits the post.
    FOREIGN_RULES = "foreign_rules"
    EDITED = "edited"

    # A fault of a push to a webhook (path `/webhooks`), beside those of a delivery.
    BAD_SIGNATURE = "bad_signature"


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault: happens `count` times from now on, or each time with probability `rate`; rate 0 ends an earlier rate.

    `method` and `path` (a prefix, or the whole path if it ends with `$`) select requests, for faults of answers and of
    forms. `ms` is how late, how slow or how long; `reset_s` is when the window of a 429 ends, counted from now, or None
    for a 429 without a reset time.
    """

    kind: Kind
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    method: Annotated[str, Meta(max_length=10)] = ""
    path: Annotated[str, Meta(max_length=200)] = "/2/"
    ms: Annotated[int, Meta(ge=0, le=10**9)] = 2_000
    reset_s: Annotated[int, Meta(ge=0, le=86_400)] | None = 5


class Faults:
    """All faults that still hold; beyond MAX_FAULTS the oldest is dropped. The functions of `on_add` are called for
    each new fault."""

    def __init__(self, seed: int) -> None:
        self.on_add: list[Callable[[], None]] = []
        self._random = Random(f"{seed}:faults")
        self._ordered: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Adds a fault, which holds from now on."""
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
        """Ends all faults."""
        self._ordered = []

    def strikes(self, kind: Kind, method: str = "", path: str = "/2/") -> Fault | None:
        """Returns the fault that happens now, or None; each call uses up one `count`."""
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

    def delays(self, planned: tuple[int, ...], path: str = "/2/") -> tuple[int, ...]:
        """Returns the delays (ms) after which a post is delivered, once each: as planned and changed by faults."""
        if self.strikes(Kind.LOST, path=path):
            return ()
        if late := self.strikes(Kind.LATE, path=path):
            planned = tuple(delay + late.ms for delay in planned)
        if planned and (twice := self.strikes(Kind.DUPLICATE, path=path)):
            return (*planned, planned[-1] + twice.ms)
        return planned

    def all(self) -> list[Fault]:
        """Returns the faults that still hold, oldest first."""
        return list(self._ordered)
