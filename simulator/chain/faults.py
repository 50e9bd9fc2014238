"""The faults of one endpoint: each happens a number of times, or with a seeded probability.

This module decides when a fault happens; other modules carry it out. docs/simulator.md says what a client sees of each
kind.
"""

from enum import StrEnum
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_FAULTS = 1_000


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


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault: happens `count` times from now on, or each time with probability `rate`; rate 0 ends an earlier rate.

    `method` is the beginning of the names of the methods that it concerns. `ms` is how late or how slow, `n` how many
    blocks, questions or bytes; `code` and `message` are those of an error, `retry_after_s` of a 429.
    """

    kind: Kind
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    method: Annotated[str, Meta(max_length=100)] = ""
    ms: Annotated[int, Meta(ge=0, le=10**9)] = 2_000
    n: Annotated[int, Meta(ge=0, le=10**9)] = 20
    code: int = -32000
    message: Annotated[str, Meta(max_length=1_000)] = "internal error"
    retry_after_s: Annotated[int, Meta(ge=0, le=86_400)] | None = 1


class Faults:
    """All faults of an endpoint that still hold; beyond MAX_FAULTS the oldest is dropped."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)
        self._ordered: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Adds a fault, which holds from now on."""
        if fault.rate is not None:
            same = (fault.kind, fault.method)
            self._ordered = [old for old in self._ordered if old.rate is None or (old.kind, old.method) != same]
        if fault.count or fault.rate:
            self._ordered = [*self._ordered[1 - MAX_FAULTS :], fault]

    def clear(self) -> None:
        """Ends all faults."""
        self._ordered = []

    def strikes(self, kind: Kind, *methods: str) -> Fault | None:
        """Returns the fault that happens now to questions of these methods, or None; each call uses up one `count`."""
        for fault in self._ordered:
            if fault.kind is not kind or not any(method.startswith(fault.method) for method in methods):
                continue
            if fault.count:
                fault.count -= 1
                if not fault.count and not fault.rate:
                    self._ordered.remove(fault)
                return fault
            if fault.rate and self.random.random() < fault.rate:
                return fault
        return None

    def all(self) -> list[Fault]:
        """Returns the faults that still hold, oldest first."""
        return list(self._ordered)
