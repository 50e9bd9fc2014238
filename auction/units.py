"""Reads and writes durations ("5 min" for milliseconds) and percentages ("5 %" for basis points).

Nothing is rounded: a text that does not give a whole number is refused. Amounts of ETH are in `messages.money`.
"""

import re

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_MS_OF = {"ms": 1, "s": SECOND_MS, "min": MINUTE_MS, "h": HOUR_MS, "day": DAY_MS, "days": DAY_MS}
# At most twelve digits on each side of the point: beyond every bound, and a hostile text stays cheap to read.
_NUMBER = r"([0-9]{1,12})(?:\.([0-9]{1,12}))?"
_DURATION = re.compile(_NUMBER + r" ?([a-z]{1,4})")
_PERCENTAGE = re.compile(_NUMBER + r" ?%")


def parse_duration(text: str) -> int:
    """The ms of "250 ms", "5 s", "5 min", "24 h" or "30 days". Raises ValueError saying what is wrong."""
    match = _DURATION.fullmatch(text)
    if not match or match[3] not in _MS_OF:
        raise ValueError("is not a duration such as 250 ms, 5 s, 5 min, 24 h or 30 days")
    return _exactly(match[1], match[2], _MS_OF[match[3]], "is not a whole number of milliseconds")


def format_duration(duration_ms: int) -> str:
    """The duration in the largest unit that fits evenly; `parse_duration` reads the same milliseconds."""
    for unit, unit_ms in (("days", DAY_MS), ("h", HOUR_MS), ("min", MINUTE_MS), ("s", SECOND_MS)):
        # One day is written as 24 h, and a duration of 0 as 0 s.
        if duration_ms % unit_ms == 0 and (duration_ms > DAY_MS if unit == "days" else duration_ms or unit == "s"):
            return f"{duration_ms // unit_ms} {unit}"
    return f"{duration_ms} ms"


def parse_percentage(text: str) -> int:
    """The basis points (1/100 of a percent) of "5 %" or "2.5 %". Raises ValueError saying what is wrong."""
    match = _PERCENTAGE.fullmatch(text)
    if not match:
        raise ValueError("is not a percentage such as 5 % or 2.5 %")
    return _exactly(match[1], match[2], 100, "has more than two digits after the point")


def format_percentage(basis_points: int) -> str:
    """The percentage with its sign; `parse_percentage` gives the same basis points back."""
    whole, hundredths = divmod(basis_points, 100)
    return f"{whole}.{hundredths:02}".rstrip("0").rstrip(".") + " %" if hundredths else f"{whole} %"


def _exactly(whole: str, fraction: str | None, factor: int, otherwise: str) -> int:
    """The number `whole.fraction` times `factor`, as an integer. Raises ValueError(`otherwise`) where it is none."""
    digits = fraction or ""
    value, rest = divmod(int(whole + digits) * factor, int(10 ** len(digits)))
    if rest:
        raise ValueError(otherwise)
    return value
