"""The readers of X's rate limits: how long an answer asks to wait, and what a refusal says."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec
import requests

# X's windows are 15 minutes: waiting no longer than one costs, where a clock is off or a reset is a day away, one
# refused request a window.
LONGEST_WAIT_MS = 15 * 60_000
_WINDOWS = ("x-rate-limit", "x-app-limit-24hour", "x-user-limit-24hour")


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long X wants us to wait (ms), at most LONGEST_WAIT_MS; None where the headers say nothing about it.
    `now_ms` (UTC ms) stands in for X's time where the headers have no Date."""
    now_ms = date_ms(headers) or now_ms
    waits = [
        reset * 1000 - now_ms
        for window in _WINDOWS
        if number(headers, f"{window}-remaining") == 0 and (reset := number(headers, f"{window}-reset")) is not None
    ]
    if (after_ms := retry_after_header_ms(headers)) is not None:
        waits.append(after_ms)
    return min(max(*waits, 1000, 1000), LONGEST_WAIT_MS) if waits else None


def retry_after_header_ms(headers: Mapping[str, str]) -> int | None:
    """The wait that the Retry-After header asks for (ms), at most LONGEST_WAIT_MS."""
    after = number(headers, "retry-after")
    return None if after is None else min(after * 1000, LONGEST_WAIT_MS)


def date_ms(headers: Mapping[str, str]) -> int | None:
    """The Date of an answer, UTC ms on a full second; None where there is none that can be read."""
    try:
        return int(parsedate_to_datetime(headers.get("date", "")).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def describe(response: requests.Response) -> str:
    """A refusal in a line: its status, and X's own words where the body has them in X's form."""
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


def number(headers: Mapping[str, str], name: str) -> int | None:
    """A header that is a whole number; None for anything else."""
    value = headers.get(name, "").strip()
    return int(value) if len(value) <= 15 and value.isascii() and value.isdigit() else None
