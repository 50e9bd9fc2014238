"""A window of X's rate limits: counts how many requests are left until it ends, by X's headers and our own count.

Where both differ the lower number holds. Times are UTC ms of our clock; X's are converted by its Date.
"""

from collections.abc import Mapping

from adapters.x.limits import date_ms, number

QUARTER_MS = 15 * 60_000
_MARGIN_MS = 1_000  # X tells its times in whole seconds


class Window:
    """A window of `length_ms` that begins with its first request. `limit` is None while it is unknown."""

    def __init__(self, length_ms: int, limit: int | None = None) -> None:
        self.limit = self._assumed = limit
        self.left = limit or 0
        self._length_ms = length_ms
        self._ends_ms = 0  # 0: it has not begun
        self._reset_s = 0  # when the present window ends, by X's headers; 0: X has not said
        self._answered = False
        self._in_flight = 0

    def wait_ms(self, now_ms: int) -> int:
        """How long no request is left (ms); 0 where one is. A window that has ended begins anew."""
        self._ends_ms = min(self._ends_ms, now_ms + self._length_ms + _MARGIN_MS)  # our clock may have gone back
        if self._ends_ms and now_ms >= self._ends_ms:
            # Requests that are still under way may reach X in the new window.
            self.left = (self.limit or 0) - self._in_flight
            self._ends_ms, self._reset_s, self._answered = 0, 0, False
        if self.limit is None or self.left > 0:
            return 0
        return self._ends_ms - now_ms if self._ends_ms else _MARGIN_MS

    def spend(self, now_ms: int) -> None:
        """Count one request that is about to be made; `note` has to follow."""
        self.left -= 1
        self._in_flight += 1
        self._ends_ms = self._ends_ms or now_ms + self._length_ms

    def note(self, prefix: str, headers: Mapping[str, str], now_ms: int) -> None:
        """Take in an answer, whose headers with `prefix` are about this window; no answer has none.

        X may have counted the requests that are still under way or not: they are taken for not counted.
        """
        self._in_flight = max(self._in_flight - 1, 0)
        in_flight = self._in_flight
        reset_s = number(headers, f"{prefix}-reset") or 0
        remaining, limit = number(headers, f"{prefix}-remaining"), number(headers, f"{prefix}-limit")
        if remaining is None:
            if not self._answered:  # the limit of the window before may not hold for this one
                self.limit, self.left = self._assumed, min(self.left, (self._assumed or 0) - in_flight - 1)
                self._ends_ms = self._ends_ms or now_ms + self._length_ms
            return
        if 0 < reset_s < self._reset_s:
            return  # the answer is about a window that is over
        is_new = reset_s > self._reset_s or not self._answered
        has_turned = remaining > self.left + in_flight
        self.left = remaining - in_flight if is_new else min(self.left, remaining - in_flight)
        self.limit = max(limit or self.limit or remaining, 1)
        if reset_s:
            self._reset_s, self._ends_ms = reset_s, self._end_ms(reset_s, headers, now_ms)
        elif not self._answered or has_turned:
            # A window begins when X gets its first request, which is not later than now. More requests left than there
            # can be mean that this was the first one.
            self._ends_ms = now_ms + self._length_ms
        self._answered = True

    def _end_ms(self, reset_s: int, headers: Mapping[str, str], now_ms: int) -> int:
        x_now_ms = date_ms(headers)
        left_ms = reset_s * 1000 - (now_ms if x_now_ms is None else x_now_ms)
        return now_ms + min(max(left_ms, 0), self._length_ms) + _MARGIN_MS
