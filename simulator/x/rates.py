"""X's rate limits: a window for each endpoint and kind of credentials, and the headers that state it.

Refused requests are counted, so that tests can assert that a client never exceeded a window.
"""

import math
from itertools import cycle
from typing import Any

from aiohttp import web

from simulator.x.clock import now_ms
from simulator.x.problems import Problem, too_many_requests

# X's limits, in requests per 15 minutes: for an app (a bearer token) and for a user (a signature).
LIMITS: dict[str, dict[str, int]] = {
    "GET /2/tweets": {"app": 3_500, "user": 5_000},
    "POST /2/tweets": {"user": 100},
    "GET /2/tweets/{id}": {"app": 450, "user": 900},
    "DELETE /2/tweets/{id}": {"user": 50},
    "GET /2/tweets/search/recent": {"app": 450, "user": 300},
    "GET /2/tweets/search/stream": {"app": 50},
    "GET /2/tweets/search/stream/rules": {"app": 450},
    "POST /2/tweets/search/stream/rules": {"app": 100},
    "GET /2/users": {"app": 300, "user": 900},
    "GET /2/users/me": {"user": 75},
    "GET /2/users/{id}/tweets": {"app": 10_000, "user": 900},
    "GET /2/users/{id}/mentions": {"app": 450, "user": 300},
}
# X's limits for an app in 24 hours, whichever user signs.
DAILY_LIMITS = {"POST /2/tweets": 10_000}
_QUARTER, _DAY = "x-rate-limit", "x-app-limit-24hour"
_HEADERS, _WINDOWS = "rate_headers", "rate_windows"


class Window:
    """The rate window of one endpoint; it lasts `length_ms` from the first request after the window before.

    `total` counts requests of all windows, `most` is the most requests in one window. `exceeded` counts requests beyond
    the limit after an answer had stated it, `early` requests before the reset time that a 429 by a fault had named.
    """

    def __init__(self, prefix: str, limit: int, length_ms: int) -> None:
        self.prefix, self.limit, self.length_ms = prefix, limit, length_ms
        self.used = self.total = self.most = self.exceeded = self.early = 0
        self.closed_until_ms = 0
        self.is_stated = False  # whether an answer has stated the limit; before, a client cannot know it
        self._ends_at_ms = 0

    def take(self, at_ms: int) -> bool:
        """Counts a request; returns whether it is within the limit."""
        if at_ms >= self._ends_at_ms:
            self.used, self._ends_at_ms = 0, at_ms + self.length_ms
        if at_ms < self.closed_until_ms:
            self.early += 1
        if self.used >= self.limit:
            self.exceeded += self.is_stated
            return False
        self.used += 1
        self.total += 1
        self.most = max(self.most, self.used)
        return True

    def headers(self) -> dict[str, str]:
        """Returns the headers that state the window; the reset is rounded up to seconds, so it is never too early."""
        return {
            f"{self.prefix}-limit": str(self.limit),
            f"{self.prefix}-remaining": str(max(0, self.limit - self.used)),
            f"{self.prefix}-reset": str(math.ceil(self._ends_at_ms / 1000)),
        }


class Rates:
    """All rate windows."""

    def __init__(self, window_ms: int, day_ms: int) -> None:
        self._window_ms, self._day_ms = window_ms, day_ms
        self._windows: dict[tuple[str, str], list[Window]] = {}
        self._limits = {endpoint: dict(limits) for endpoint, limits in LIMITS.items()}
        # X has two bodies for a 429; it is not known when X sends which.
        self._spellings = cycle((False, True))

    def take(self, request: web.Request) -> None:
        """Counts the request and stores the headers for its answer. Raises Problem (429) beyond a window."""
        windows = self._of(request)
        at_ms = now_ms()
        within = [window.take(at_ms) for window in windows]
        headers = {name: value for window in windows for name, value in window.headers().items()}
        request[_HEADERS], request[_WINDOWS] = headers, windows
        if not all(within):
            raise self.refusal()

    def refusal(self) -> Problem:
        """Returns a 429 with one of X's two bodies, in turn."""
        return too_many_requests(legacy=next(self._spellings))

    def told(self, request: web.Request, reset_s: int | None) -> None:
        """Notes that a fault answers the request with 429, whose reset time is `reset_s` (Unix seconds) or unknown."""
        windows = self._of(request)
        request[_HEADERS] = {}
        if reset_s is None:
            return
        for window in windows:
            window.closed_until_ms = reset_s * 1000
        limit = windows[0].limit if windows else 1
        request[_HEADERS] = {
            f"{_QUARTER}-limit": str(limit),
            f"{_QUARTER}-remaining": "0",
            f"{_QUARTER}-reset": str(reset_s),
        }

    def limit(self, endpoint: str, limit: int) -> None:
        """Sets the limit of all windows of the endpoint. Raises KeyError for an endpoint without a limit."""
        self._limits[endpoint] = dict.fromkeys(self._limits[endpoint], limit)
        for (name, _), windows in self._windows.items():
            if name == endpoint:
                windows[0].limit = limit

    def listing(self) -> list[dict[str, Any]]:
        """Returns every window that was ever used, as plain values."""
        return [
            {
                "endpoint": endpoint,
                "by": "app" if window.prefix == _DAY else by,
                "window_ms": window.length_ms,
                "limit": window.limit,
                "used": window.used,
                "total": window.total,
                "most": window.most,
                "exceeded": window.exceeded,
                "early": window.early,
            }
            for (endpoint, by), windows in sorted(self._windows.items())
            for window in windows
        ]

    def _of(self, request: web.Request) -> list[Window]:
        resource = request.match_info.route.resource
        endpoint = f"{request.method} {resource.canonical if resource else ''}"
        is_app = request.headers.get("Authorization", "").lower().startswith("bearer ")
        by = "app" if is_app else "user"
        limit = self._limits.get(endpoint, {}).get(by)
        if limit is None:
            return []  # the endpoint is unknown, or does not accept these credentials
        if (endpoint, by) not in self._windows:
            windows = self._windows[endpoint, by] = [Window(_QUARTER, limit, self._window_ms)]
            if endpoint in DAILY_LIMITS:
                windows.append(Window(_DAY, DAILY_LIMITS[endpoint], self._day_ms))
        return self._windows[endpoint, by]


async def state_limits(request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers of the rate window to an answer; called before its headers are sent."""
    response.headers.update(request.get(_HEADERS, {}))
    if request.transport is not None and not request.transport.is_closing():
        for window in request.get(_WINDOWS, ()):
            window.is_stated = True
