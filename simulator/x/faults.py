"""What goes wrong, on command: so many times, or with a seeded probability. It decides when, others do it.

Kinds of the stream's connection: `eof`, `rst`, `stall`. Of a delivery: `duplicate`, `late`, `lost`. Of an answer:
`http_503`, `http_429`, `slow` (the answer comes late), `response_lost` (what was asked for happens, the answer never
comes).
"""

from enum import StrEnum
from random import Random
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_FAULTS = 1_000


class Kind(StrEnum):
    """A thing that can go wrong."""

    EOF = "eof"
    RST = "rst"
    STALL = "stall"
    DUPLICATE = "duplicate"
    LATE = "late"
    LOST = "lost"
    HTTP_503 = "http_503"
    HTTP_429 = "http_429"
    SLOW = "slow"
    RESPONSE_LOST = "response_lost"


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One command: `count` times from now on, or with `rate` each time; a rate of 0 ends an earlier rate.

    `method` and `path` (a prefix) narrow down the faults of answers. `ms` is how late, how slow, or how long a stall
    lasts; `reset_s` how long after now the window of a 429 ends.
    """

    kind: Kind
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    method: Annotated[str, Meta(max_length=10)] = ""
    path: Annotated[str, Meta(max_length=200)] = "/2/"
    ms: Annotated[int, Meta(ge=0, le=10**9)] = 2_000
    reset_s: Annotated[int, Meta(ge=0, le=86_400)] = 5


class Faults:
    """All commands that still hold. Raises nothing; beyond MAX_FAULTS the oldest is forgotten."""

    def __init__(self, seed: int) -> None:
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

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._ordered = []

    def strikes(self, kind: Kind, method: str = "", path: str = "/2/") -> Fault | None:
        """The fault that happens now, if one does; asking uses it up."""
        for fault in self._ordered:
            if fault.kind is not kind or not path.startswith(fault.path) or fault.method not in ("", method):
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
