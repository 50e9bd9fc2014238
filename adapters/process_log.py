"""The log of a process: how each record is written, and how many of one kind.

What strangers send reaches the log in messages and in errors. So nothing that steers a terminal or ends a line leaves
here, a traceback never begins at a line's start, and one line of code writes at most `LINES_A_MINUTE`; what was left
out is counted, and said in one line once the minute is over.
"""

import logging
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass

from adapters import metrics

LINES_A_MINUTE = 10
MINUTE_S = 60.0


def begin(level: int) -> None:
    """Write this process's log to standard error, from this level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    handler.addFilter(FewOfAKind())
    logging.basicConfig(level=level, handlers=[handler], force=True)


class OneLine(logging.Formatter):
    """A record as one line, a traceback indented below it; what is not printable is written as an escape."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _escaped(super().formatMessage(record))

    def formatException(self, ei: object) -> str:
        lines = super().formatException(ei).split("\n")  # type: ignore[arg-type]
        return textwrap.indent("\n".join(map(_escaped, lines)), "  ")


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


@dataclass
class _Minute:
    """What one line of code has done to the log since `began_s`."""

    began_s: float
    written: int = 0
    left_out: int = 0


class FewOfAKind(logging.Filter):
    """Lets one line of code write `LINES_A_MINUTE`; its first line after that minute says how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._minutes: dict[tuple[str, int], _Minute] = {}  # bounded by the lines of code that write to a log

    def filter(self, record: logging.LogRecord) -> bool:
        now_s, line = self._clock(), (record.pathname, record.lineno)
        minute = self._minutes.get(line)
        if minute is None or now_s - minute.began_s >= MINUTE_S:
            if minute and minute.left_out:
                record.msg = f"{record.getMessage()} (and {minute.left_out} more like it before)"
                record.args = ()
            minute = self._minutes[line] = _Minute(now_s)
        if minute.written < LINES_A_MINUTE:
            minute.written += 1
            return True
        minute.left_out += 1
        metrics.log_lines_left_out.labels(record.name).inc()
        return False
