"""What X's answers say about how often we may ask: the budget of each kind of request, and when to come back.

It counts nothing itself: X's headers are the truth, also after a restart.
"""

from collections.abc import Mapping

import msgspec
import requests

from adapters.x.errors import XUnavailable

# The windows of X are 15 minutes. A clock that is off, or a reset a day away, costs one refused request in each.
LONGEST_WAIT_MS = 15 * 60_000
_WINDOWS = ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour")


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long X wants us to wait (ms), at most LONGEST_WAIT_MS; None where the headers say nothing about it."""
    waits = [
        reset * 1000 - now_ms
        for window in _WINDOWS
        if _number(headers, f"{window}-remaining") == 0 and (reset := _number(headers, f"{window}-reset")) is not None
    ]
    after = _number(headers, "retry-after")
    if after is not None:
        waits.append(after * 1000)
    return min(max(*waits, 1000, 1000), LONGEST_WAIT_MS) if waits else None


def describe(response: requests.Response) -> str:
    """A refusal in a line: status, and what X says about it, if it says it as X does."""
    said = ""
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = None
    if isinstance(body, dict):
        errors = body.get("errors")
        first = errors[0] if isinstance(errors, list) and errors else None
        message = first.get("message") if isinstance(first, dict) else None
        parts = [part for part in (body.get("connection_issue"), message, body.get("detail")) if part]
        said = "; ".join(str(part) for part in parts)
    return f"HTTP {response.status_code} {said or response.reason or ''}"[:500].strip()


class Limits:
    """The budgets as X last stated them, by kind of request. For one thread."""

    def __init__(self) -> None:
        self._closed_until_ms: dict[str, int] = {}

    def check(self, kind: str, now_ms: int) -> None:
        """Raises XUnavailable, without asking X, while the last answer of this kind said that nothing is left."""
        wait = self._closed_until_ms.get(kind, 0) - now_ms
        # After a jump of the clock the wait could be any length.
        if 0 < wait <= LONGEST_WAIT_MS:
            raise XUnavailable(f"{kind}: the budget is used up", wait, 429)

    def note(self, kind: str, headers: Mapping[str, str], now_ms: int) -> None:
        """Remember what this answer says about the next request of the kind."""
        wait = retry_after_ms(headers, now_ms)
        self._closed_until_ms[kind] = 0 if wait is None else now_ms + wait


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if len(value) <= 15 and value.isascii() and value.isdigit() else None
