"""The faults that are set for a simulator: each happens a number of times, or with a seeded probability."""

from collections.abc import Callable
from random import Random
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

MAX_FAULTS = 1_000


class AnyFault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One fault: happens `count` times from now on, or each time with probability `rate`; rate 0 ends an earlier rate.

    `method` selects requests; `ms` is how late, how slow or how long.
    """

    kind: str
    count: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    rate: Annotated[float, Meta(ge=0, le=1)] | None = None
    method: Annotated[str, Meta(max_length=100)] = ""
    ms: Annotated[int, Meta(ge=0, le=10**9)] = 2_000

    def concerns(self) -> tuple[str, ...]:
        """Returns kind and selection; a later rate for the same replaces an earlier one."""
        return self.kind, self.method


F = TypeVar("F", bound=AnyFault)


class FaultList(Generic[F]):
    """All faults that still hold; beyond MAX_FAULTS the oldest is dropped. The functions of `on_add` are called for
    each new fault."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)
        self.on_add: list[Callable[[], None]] = []
        self._ordered: list[F] = []

    def add(self, fault: F) -> None:
        """Adds a fault, which holds from now on."""
        if fault.rate is not None:
            same = fault.concerns()
            self._ordered = [old for old in self._ordered if old.rate is None or old.concerns() != same]
        if fault.count or fault.rate:
            self._ordered = [*self._ordered[1 - MAX_FAULTS :], fault]
        for listener in self.on_add:
            listener()

    def clear(self) -> None:
        """Ends all faults."""
        self._ordered = []

    def all(self) -> list[F]:
        """Returns the faults that still hold, oldest first."""
        return list(self._ordered)

    def first(self, kind: str, selects: Callable[[F], bool]) -> F | None:
        """Returns the fault of this kind that happens now, or None; each call uses up one `count`."""
        for fault in self._ordered:
            if fault.kind != kind or not selects(fault):
                continue
            if fault.count:
                fault.count -= 1
                if not fault.count and not fault.rate:
                    self._ordered.remove(fault)
                return fault
            if fault.rate and self.random.random() < fault.rate:
                return fault
        return None
