"""The kinds of faults of one endpoint, and which questions a fault concerns.

This module decides when a fault happens; other modules carry it out. docs/simulator.md says what a client sees of each
kind.
"""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from simulator.fault_list import AnyFault, FaultList


class Kind(StrEnum):
    """The kind of a fault."""

    # Faults of what the node says.
    OLD_HEAD = "old_head"
    UNKNOWN_LEVELS = "unknown_levels"
    LOGS_NONE = "logs_none"
    LOGS_PART = "logs_part"
    BLOOM_ZERO = "bloom_zero"
    BLOOM_ONES = "bloom_ones"
    NULL = "null"
    ERROR = "error"
    SEND_LOST = "send_lost"

    # Faults of the answer.
    BATCH_LIMIT = "batch_limit"
    REVERSED = "reversed"
    SHORT = "short"
    HTTP_429 = "http_429"
    HTTP_503 = "http_503"
    SLOW = "slow"
    DRIP = "drip"
    GIANT = "giant"
    NO_ANSWER = "no_answer"
    RESPONSE_LOST = "response_lost"


class Fault(AnyFault, kw_only=True, forbid_unknown_fields=True):
    """One fault of an endpoint.

    `method` is the beginning of the names of the methods that it concerns. `n` is how many blocks, questions or bytes;
    `code` and `message` are those of an error, `retry_after_s` of a 429.
    """

    kind: Kind
    n: Annotated[int, Meta(ge=0, le=10**9)] = 20
    code: int = -32000
    message: Annotated[str, Meta(max_length=1_000)] = "internal error"
    retry_after_s: Annotated[int, Meta(ge=0, le=86_400)] | None = 1


class Faults(FaultList[Fault]):
    """All faults of an endpoint that still hold."""

    def strikes(self, kind: Kind, *methods: str) -> Fault | None:
        """Returns the fault that happens now to questions of these methods, or None; each call uses up one `count`."""
        return self.first(kind, lambda each: any(method.startswith(each.method) for method in methods))
