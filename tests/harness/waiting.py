"""Waiting for what must happen."""

import os
import time
from collections.abc import Callable
from typing import Literal, TypeVar

T = TypeVar("T")

PATIENCE_S = float(os.environ.get("TEST_PATIENCE_S", "60"))
"""How long a test waits for what must happen: far more than it takes, so that a busy machine fails nothing."""


def until(
    condition: Callable[[], T | Literal[False] | None],
    what: str = "",
    within_s: float = PATIENCE_S,
    poll_s: float = 0.005,
) -> T:
    """What the condition gives, as soon as it is true. Raises RuntimeError when it does not come true in time."""
    deadline_s = time.monotonic() + within_s
    while not (found := condition()):
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not within {within_s:g} s: {what or condition}")
        time.sleep(poll_s)
    return found
