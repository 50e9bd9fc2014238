"""The machine's clock, which may be off by any amount and may jump: X's clock decides instead (`x/clock`)."""

import time


def wall_clock_ms() -> int:
    """The time by the machine's clock, UTC ms."""
    return time.time_ns() // 1_000_000
