"""The budgets of X's endpoints: count how many requests a window has left, and how long to back off after failures.

X's headers decide. Low limits are assumed before the first of them, and where they are missing. One Budget serves all
clients of a process, from any thread. Nothing waits here: a request that may not be made is refused at once.
"""

import threading
from collections.abc import Callable, Mapping
from random import random

from adapters import metrics
from adapters.x.errors import HeldBack
from adapters.x.limits import LONGEST_WAIT_MS, retry_after_header_ms
from adapters.x.window import QUARTER_MS, Window

DAY_MS = 24 * 3_600_000
_DAILY = ("x-app-limit-24hour", "x-user-limit-24hour")

# The limits of the windows of 15 min before X has named them: the least that any of X's pages names (2026-08-22).
ASSUMED = {
    "search": 60,
    "mentions": 180,
    "lookup": 300,
    "users": 300,
    "own posts": 100,
    "me": 25,
    "post": 25,
    "rules": 100,
    "change rules": 25,
    "stream": 50,
}

# The first wait after a failure and the longest, in ms; they double from one to the next.
_NO_ANSWER = (250, 16_000)
_BROKEN = (1_000, 30_000)
_LIMITED = (2_000, LONGEST_WAIT_MS)  # a 429 that does not say until when
_OUR_FAULT = (5_000, 300_000)  # keys, credits, rights: an operator has to see to it


class Budget:
    """The budgets of all endpoints. `assumed` are the limits of endpoints that X has not named yet; an endpoint that
    is not among them is not limited before X's first answer. `chance` (0 to 1) is for the jitter."""

    def __init__(self, assumed: Mapping[str, int] = ASSUMED, chance: Callable[[], float] = random) -> None:
        self._assumed, self._chance = assumed, chance
        self._lock = threading.Lock()
        self._endpoints: dict[str, _Endpoint] = {}

    def spend(self, endpoint: str, now_ms: int) -> None:
        """Take out one request before it is made; `note` has to follow. Raises HeldBack where none may be made."""
        with self._lock:
            asked = self._asked(endpoint)
            wait_ms = asked.wait_ms(now_ms)
            if wait_ms:
                metrics.x_held_back.labels(endpoint).inc()
                why, status = (asked.trouble, asked.status) if asked.trouble else ("the budget is used up", 429)
                raise HeldBack(f"{endpoint}: {why}", min(wait_ms, LONGEST_WAIT_MS), status)
            for window in asked.windows.values():
                window.spend(now_ms)
            self._show(endpoint, asked)

    def note(self, endpoint: str, status: int | None, headers: Mapping[str, str], now_ms: int) -> int | None:
        """Take in what came of a request that was spent: `status` is None where there was no answer.

        Answers how long (ms) no request may be made, at most LONGEST_WAIT_MS; None where one may.
        """
        with self._lock:
            asked = self._asked(endpoint)
            for prefix in _DAILY:
                if prefix not in asked.windows and f"{prefix}-remaining" in headers:
                    asked.windows[prefix] = Window(DAY_MS)
            for prefix, window in asked.windows.items():
                window.note(prefix, headers, now_ms)
            asked.take_in(status, self._back_off(endpoint, status), headers, now_ms, self._chance)
            metrics.x_requests.labels(endpoint, str(status or "none")).inc()
            self._show(endpoint, asked)
            wait_ms = asked.wait_ms(now_ms)
            return min(wait_ms, LONGEST_WAIT_MS) if wait_ms else None

    def _asked(self, endpoint: str) -> "_Endpoint":
        if endpoint not in self._endpoints:
            self._endpoints[endpoint] = _Endpoint(Window(QUARTER_MS, self._assumed.get(endpoint)))
        return self._endpoints[endpoint]

    def _back_off(self, endpoint: str, status: int | None) -> tuple[int, int] | None:
        if status is None:
            return _NO_ANSWER
        if status >= 500 or status == 408:
            return _BROKEN
        if status == 429:
            return _LIMITED
        # A post is forbidden for its text or its target: another one may be allowed at once.
        return _OUR_FAULT if status in (401, 402) or (status == 403 and endpoint != "post") else None

    def _show(self, endpoint: str, asked: "_Endpoint") -> None:
        window = asked.windows["x-rate-limit"]
        if window.limit is not None:
            metrics.x_window_limit.labels(endpoint).set(window.limit)
            metrics.x_window_left.labels(endpoint).set(window.left)


class _Endpoint:
    """One endpoint's windows, and its backoff after failures."""

    def __init__(self, quarter: Window) -> None:
        self.windows = {"x-rate-limit": quarter}
        self.trouble = ""
        self.status: int | None = None
        self._failures = self._closed_until_ms = 0

    def wait_ms(self, now_ms: int) -> int:
        """How long (ms) no request may be made; 0: one may."""
        closed_ms = self._closed_until_ms - now_ms
        # After a jump of the clock the wait could be any length.
        waits = [closed_ms if 0 < closed_ms <= LONGEST_WAIT_MS else 0]
        return max(waits + [window.wait_ms(now_ms) for window in self.windows.values()])

    def take_in(
        self,
        status: int | None,
        back_off: tuple[int, int] | None,
        headers: Mapping[str, str],
        now_ms: int,
        chance: Callable[[], float],
    ) -> None:
        """Take in the outcome of a request: `back_off` is the first and the longest wait (ms) after such a failure."""
        asked_for_ms = retry_after_header_ms(headers)
        self._closed_until_ms = now_ms + asked_for_ms if asked_for_ms else 0
        if back_off is None:
            self._failures, self.trouble, self.status = 0, "", None
            return
        self.trouble, self.status = f"backing off after {status or 'no answer'}", status
        first_ms, longest_ms = back_off
        wait_ms = min(first_ms << min(self._failures, 20), longest_ms)
        self._failures += 1
        # Where X names a time, that is when to come again: asking later than that would only lose time.
        if not asked_for_ms and not self.wait_ms(now_ms):
            self._closed_until_ms = now_ms + max(1, round(wait_ms * (0.5 + chance() / 2)))
