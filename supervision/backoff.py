"""Computes the backoff before a restart and limits the number of restarts. Arithmetic only: no clock, no waiting."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times that double from `first_s` to `longest_s` seconds, each shortened by up to the share `jitter`.

    The first failure after `stable_s` seconds without one leads to an immediate restart: most crashes do not repeat,
    and a crashed actor should work again within 100 ms. Only repeated failures wait. A parked child is tried again
    after `park_s` seconds.
    """

    first_s: float = 0.1
    longest_s: float = 30.0
    jitter: float = 0.2
    stable_s: float = 10.0
    park_s: float = 60.0
    random: Callable[[], float] = random.random

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after the given number of failures in a row (1 is the first)."""
        if failures <= 1:
            return 0.0
        # The exponent is bounded because a float overflows near 2.0 ** 1024 and a store may be away for weeks.
        doubled = self.first_s * 2.0 ** min(failures - 2, 64)
        return min(doubled, self.longest_s) * (1.0 - self.jitter * self.random())


class Intensity:
    """Counts restarts in a sliding window: more than `most` within `window_s` seconds is too many."""

    def __init__(self, most: int, window_s: float) -> None:
        self.most = most
        self.window_s = window_s
        self._times_s: deque[float] = deque(maxlen=most + 1)

    def exceeded(self, now_s: float) -> bool:
        """Counts one restart at `now_s` and says whether that was one too many."""
        self._times_s.append(now_s)
        return len(self._times_s) > self.most and now_s - self._times_s[0] <= self.window_s

    def forget(self) -> None:
        """Forgets all restarts counted so far."""
        self._times_s.clear()
