"""Shares: bound how many requests each client makes in a window of time. `places` bounds what is under way at once."""

from collections import Counter

from adapters import metrics
from adapters.http.clients import Client

WINDOW_S = 10.0
NAMES = 16_384  # clients counted in a window; where more ask, another window begins


class Shares:
    """Divides `for_all` requests a window among the clients that ask in it; each has `least` in any case.

    So a few clients read as fast as they like, and hundreds together cannot keep the loop busy. Clients for whom places
    are kept are not counted, nor proxies, which stand for many clients. For one thread.
    """

    def __init__(self, for_all: int, least: int) -> None:
        self._for_all, self._least = for_all, least
        self._asked: Counter[str] = Counter()
        self._ends_s = 0.0

    def take(self, client: Client, now_s: float) -> bool:
        """Whether the client may make one more request now; `now_s` is of a monotonic clock."""
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
