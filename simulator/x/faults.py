"""The kinds of faults of X, and which requests a fault concerns.

This module decides when a fault happens; other modules carry it out. docs/simulator.md says what a client sees of each
kind.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from simulator.fault_list import AnyFault, FaultList


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


class Fault(AnyFault, kw_only=True, forbid_unknown_fields=True):
    """One fault of X.

    `method` and `path` (a prefix, or the whole path if it ends with `$`) select requests, for faults of answers and of
    forms. `reset_s` is when the window of a 429 ends, counted from now, or None for a 429 without a reset time.
    """

    kind: Kind
    path: Annotated[str, Meta(max_length=200)] = "/2/"
    reset_s: Annotated[int, Meta(ge=0, le=86_400)] | None = 5

    def concerns(self) -> tuple[str, ...]:
        return (*super().concerns(), self.path)


class Faults(FaultList[Fault]):
    """All faults of X that still hold."""

    def strikes(self, kind: Kind, method: str = "", path: str = "/2/") -> Fault | None:
        """Returns the fault that happens now, or None; each call uses up one `count`."""
        return self.first(kind, lambda each: f"{path}$".startswith(each.path) and each.method in ("", method))

    def delays(self, planned: tuple[int, ...], path: str = "/2/") -> tuple[int, ...]:
        """Returns the delays (ms) after which a post is delivered, once each: as planned and changed by faults."""
        if self.strikes(Kind.LOST, path=path):
            return ()
        if late := self.strikes(Kind.LATE, path=path):
            planned = tuple(delay + late.ms for delay in planned)
        if planned and (twice := self.strikes(Kind.DUPLICATE, path=path)):
            return (*planned, planned[-1] + twice.ms)
        return planned
