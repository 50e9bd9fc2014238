"""The chain's clock, and the slots in which blocks are made.

A block says the time of its slot. Where blocks were held up, the missed slots are made up for as fast as possible, so
that the blocks carry times of the past, as after an outage of an OP chain. No other time is simulated.
"""

import asyncio
import time
from collections.abc import Callable


class Clock:
    """Calls `make` with the time of each slot (unix s). With `block_ms` 0 the clock is that of the newest block."""

    def __init__(self, block_ms: int, behind_ms: int, make: Callable[[int], object]) -> None:
        self.halted = False
        self._block_ms, self._make = block_ms, make
        self._ahead_ms = -behind_ms
        self._slot_ms = self.now_ms() + block_ms
        self._changed = asyncio.Event()

    def now_ms(self) -> int:
        """Returns the time of the chain (unix ms)."""
        return time.time_ns() // 1_000_000 + self._ahead_ms

    def change(self, *, halted: bool | None, forward_ms: int, skip: bool) -> None:
        """Halts the chain or lets it go on, and moves its clock forward. With `skip` the slots that were missed up to
        now stay empty: the next block says the time at which it is made."""
        self._ahead_ms += forward_ms
        if halted is not None:
            self.halted = halted
        if skip:
            self._slot_ms = max(self._slot_ms, self.now_ms())
        self._changed.set()

    async def run(self) -> None:
        """Makes blocks until it is cancelled."""
        while True:
            self._changed.clear()
            left_ms = self._slot_ms - self.now_ms()
            if self.halted or not self._block_ms:
                await self._changed.wait()
            elif left_ms > 0:
                try:
                    async with asyncio.timeout(left_ms / 1000):
                        await self._changed.wait()
                except TimeoutError:
                    continue
            else:
                self._make(self._slot_ms // 1000)
                self._slot_ms += self._block_ms
                await asyncio.sleep(0)  # requests are answered also while many blocks are made up for
