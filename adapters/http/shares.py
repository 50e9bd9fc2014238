"""Shares: how often each client may ask in a window of time. What is at work at the same moment is `places`' part."""

from collections import Counter

from adapters import metrics
from adapters.http.clients import Client

WINDOW_S = 10.0
NAMES = 16_384  # counted at once; where more ask, all of them begin anew


class Shares:
    """`for_all` requests a window are divided among the clients that ask in it; each has `least` in any case.

    A few clients read as fast as they like, and hundreds together cannot keep the loop busy. Who has places kept and
    proxies, which speak for many, are not counted. For one thread.
    """

    def __init__(self, for_all: int, least: int) -> None:
        self._for_all, self._least = for_all, least
        self._asked: Counter[str] = Counter()
        self._ends_s = 0.0

    def take(self, client: Client, now_s: float) -> bool:
        """Whether the client may have one more answer now; `now_s` is of a monotonic clock."""
        if client.is_kept or client.is_proxy:
            return True
        if now_s >= self._ends_s or len(self._asked) >= NAMES:
            self._asked.clear()
            self._ends_s = now_s + WINDOW_S
        self._asked[client.name] += 1
        if self._asked[client.name] <= max(self._least, self._for_all // len(self._asked)):
            return True
        metrics.http_turned_away.labels("requests").inc()
        return False
