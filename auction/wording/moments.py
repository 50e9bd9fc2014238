"""Times in UTC for the lines of the log. Pure."""

from datetime import UTC, datetime


def utc(at_ms: int) -> str:
    """A UTC time such as "2027-03-01 20:00:00.000Z"; a number beyond the calendar is written as ms."""
    try:
        at = datetime.fromtimestamp(at_ms // 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"
    return f"{at:%Y-%m-%d %H:%M:%S}.{at_ms % 1000:03}Z"
