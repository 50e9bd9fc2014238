"""The machine's clock. It may be off by any amount and jump; whose time decides is X's (`x/clock`)."""

import time


def wall_clock_ms() -> int:
    """The time by the machine's clock, UTC ms."""
    return time.time_ns() // 1_000_000
