"""Time and ids as X makes them: real time in UTC ms, and ids that carry the time. Time is never simulated here."""

import time
from datetime import UTC, datetime

from messages.x_ids import first_id_at


def now_ms() -> int:
    """Returns the current time (UTC ms)."""
    return time.time_ns() // 1_000_000


def timestamp(at_ms: int) -> str:
    """Returns X's `created_at`: the time floored to the second, always written with `.000`."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


class Snowflakes:
    """Makes unique, increasing ids, even within one ms and when the system's clock steps back."""

    def __init__(self) -> None:
        self._last = 0

    def take(self) -> int:
        self._last = max(self._last + 1, first_id_at(now_ms()))
        return self._last
