"""Virtual time: what happens next, in an order that the seed decides, and the trace of what has happened.

One thread. What is due at the same moment happens in an order drawn from the seed. Something that takes time lets the
rest of the world go on meanwhile (`pass_time`), which is how two actors come to be in the middle of something at once.
"""

import hashlib
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

START_MS = 1_800_000_000_000
DEEPEST = 3  # how many calls may take their time inside one another
TRACE_KEPT = 400


class World:
    """The clock that is right, and everything that is still to come. Times in ms since START_MS."""

    def __init__(self, seed: int, tracing: bool = False) -> None:
        self.seed = seed
        self.now_ms = 0.0
        self.events = 0
        self.depth = 0
        self.broken: Exception | None = None
        self.after_each: Callable[[], None] = lambda: None
        self.is_over: Callable[[], bool] = lambda: False
        self.trace: list[str] = []
        self.trace_length = 0
        self._tracing = tracing
        self._digest = hashlib.sha256()
        self._order = self.random("order")
        self._heap: list[tuple[float, float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serial = 0

    def random(self, purpose: str) -> Random:
        """A source of chance for one purpose, so that drawing more for one changes nothing for the others."""
        return Random(f"{self.seed}:{purpose}")

    def utc_ms(self) -> int:
        """The right time, as X and the store have it: UTC ms."""
        return START_MS + int(self.now_ms)

    def at(self, at_ms: float, what: Callable[..., None], *args: Any) -> None:
        """`what(*args)` happens then, or now if that is past."""
        self._serial += 1
        heappush(self._heap, (max(at_ms, self.now_ms), self._order.random(), self._serial, what, args))

    def after(self, wait_ms: float, what: Callable[..., None], *args: Any) -> None:
        self.at(self.now_ms + wait_ms, what, *args)

    def step(self, until_ms: float) -> bool:
        """The next thing happens, if it is due before `until_ms`; otherwise it is that time now, and False."""
        if not self._heap or self._heap[0][0] > until_ms:
            self.now_ms = max(self.now_ms, until_ms)
            return False
        at_ms, _, _, what, args = heappop(self._heap)
        self.now_ms = max(self.now_ms, at_ms)
        self.events += 1
        try:
            what(*args)
            self.after_each()
        except Exception as error:  # a fault of the simulation itself, which the actor at work must not swallow
            self.broken = self.broken or error
        return True

    def pass_time(self, wait_ms: float) -> None:
        """Whoever is at work now is held up for so long; the others go on."""
        if self.depth >= DEEPEST:
            return
        until_ms = self.now_ms + wait_ms
        self.depth += 1
        try:
            while not self.is_over() and self.step(until_ms):
                pass
        finally:
            self.depth -= 1

    def note(self, who: str, what: str) -> None:
        """One line of the trace. It must say the same in every run: no ids drawn elsewhere, no addresses."""
        line = f"{self.now_ms / 1000:9.3f} {'  ' * self.depth}{who}: {what}"
        self._digest.update(line.encode())
        self.trace_length += 1
        self.trace.append(line)
        if not self._tracing and len(self.trace) > 2 * TRACE_KEPT:
            del self.trace[:TRACE_KEPT]

    def fingerprint(self) -> str:
        """What two runs of the same seed must have in common: all lines, and how much has happened."""
        return f"{self._digest.hexdigest()[:32]}/{self.trace_length}/{self.events}/{self.now_ms:.3f}"
