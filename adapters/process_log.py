"""The log of a process on standard error: how each record is written, and how many of a kind.

Text of strangers comes into the log in messages and errors. So characters that steer a terminal or end a line are
escaped, tracebacks are indented, and one line of code writes at most `LINES_A_MINUTE`; the rest is counted, and told
with its first record after that minute.
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
    """Formats a record as one line, a traceback indented below it; escapes characters that are not printable."""

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
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


@dataclass
class _Minute:
    """How many records one line of code has written and left out since `began_s`."""

    began_s: float
    written: int = 0
    left_out: int = 0


class FewOfAKind(logging.Filter):
    """Lets one line of code write `LINES_A_MINUTE` records, and says after that minute how many were left out."""

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
