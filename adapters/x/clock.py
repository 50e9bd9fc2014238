"""X's clock, by which auctions open and close, since bids are ordered and cut off by it.

The machine's clock may be off by any amount and may jump. So it is used only until X has answered, and to tell how far
it is off.
"""

import threading
import time
from collections.abc import Callable

from adapters import alarms, metrics
from adapters.wall_clock import wall_clock_ms

# X's time is carried on a thousandth too slowly: a steady clock is wrong by less, so X's time is never overtaken.
_CARRIED = 0.999
# How far our clock may be off (s) before an alarm, which names the greatest of these that is exceeded: so its text does
# not change with every answer.
_OFFSETS_S = (2, 10, 60, 600, 3_600)


class XClock:
    """X's time as its answers have shown it, carried on by the machine's steady clock, which setting the machine's
    time does not move. It never runs ahead of X. For any thread."""

    def __init__(
        self, machine_ms: Callable[[], int] = wall_clock_ms, steady_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._machine_ms, self.steady_s = machine_ms, steady_s
        self._begun = machine_ms(), steady_s()
        self._read: tuple[int, float] | None = None
        self._read_at_s = float("-inf")
        self._lock = threading.Lock()

    def reached_ms(self) -> int | None:
        """The time (UTC ms) that X's clock has reached at least; None until X has shown it."""
        read = self._read
        return None if read is None else self._carried_on(read)

    def now_ms(self) -> int:
        """The best known time (UTC ms): X's, and `steady_ms` until X has shown it. For timestamps and waits only."""
        return self._carried_on(self._read) if self._read else self.steady_ms()

    def steady_ms(self) -> int:
        """The machine's time when this object was made, and what has passed since then (UTC ms). Setting the
        machine's time changes no wait that is measured by it."""
        begun_ms, begun_s = self._begun
        return begun_ms + int((self.steady_s() - begun_s) * 1000)

    def unread_s(self) -> float:
        """How long ago (s) an answer of X last showed X's time; infinity before the first one did."""
        return self.steady_s() - self._read_at_s

    def read(self, from_ms: int, to_ms: int, asked_s: float) -> None:
        """Take in that X's clock was in `from_ms` to `to_ms` (UTC ms) at a moment since `asked_s` (steady clock)."""
        now_s = self.steady_s()
        took_ms = round((now_s - asked_s) * 1000)
        with self._lock:
            self._read_at_s = now_s
            reached_ms = self.reached_ms()
            if reached_ms is None or not from_ms <= reached_ms <= to_ms + took_ms:
                self._read = (from_ms, now_s)
        machine_ms = self._machine_ms()
        _tell_offset(machine_ms - took_ms - to_ms, machine_ms - from_ms)

    def _carried_on(self, read: tuple[int, float]) -> int:
        at_ms, at_s = read
        return at_ms + int((self.steady_s() - at_s) * 1000 * _CARRIED)


def _tell_offset(least_ms: int, most_ms: int) -> None:
    """Report that the machine's clock is ahead of X's by `least_ms` to `most_ms`; below 0 it is behind."""
    certain_ms = max(least_ms, 0) or min(most_ms, 0)
    metrics.x_clock_offset_seconds.set(certain_ms / 1000)
    exceeded_s = [offset_s for offset_s in _OFFSETS_S if abs(certain_ms) > offset_s * 1000]
    if exceeded_s:
        which = "ahead of" if certain_ms > 0 else "behind"
        alarms.sound("clock", f"our clock is more than {exceeded_s[-1]} s {which} X's: synchronise it (NTP)")
    elif max(-least_ms, most_ms) <= _OFFSETS_S[0] * 1000:
        alarms.clear("clock")
