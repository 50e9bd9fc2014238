"""What reaches the log of a process, whoever has caused it."""

import logging
import subprocess
import sys

import pytest

from adapters.metrics import REGISTRY
from adapters.process_log import LINES_A_MINUTE, MINUTE_S, FewOfAKind, OneLine

UGLY = "a\nERROR forged\r\x1b[2J\x9b\u202e\u2028\ud800\x7f"


def record(message: str, *args: object, line: int = 1, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("web", logging.ERROR, "web.py", line, message, args, info)


@pytest.mark.requirement("OBS-1")
def test_a_record_is_one_printable_line_whatever_strangers_wrote() -> None:
    line = OneLine().format(record("path %s", UGLY))
    assert line.isprintable()
    assert "a\\nERROR forged\\r\\x1b[2J" in line
    assert "naïve Ξ 💎" in OneLine().format(record("naïve Ξ 💎"))


@pytest.mark.requirement("OBS-1")
def test_no_line_of_a_traceback_looks_like_a_record_or_steers_a_terminal() -> None:
    try:
        raise ValueError(UGLY)
    except ValueError as error:
        first, *rest = OneLine().format(record("failed", error=error)).split("\n")
    assert first.endswith("ERROR web: failed")
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
    assert any("ValueError" in line for line in rest)


@pytest.mark.requirement("OBS-1")
def test_one_line_of_code_writes_a_few_lines_a_minute_and_then_says_how_many_were_left_out() -> None:
    now_s = 100.0
    few = FewOfAKind(lambda: now_s)
    labels = {"logger": "web"}
    before = REGISTRY.get_sample_value("auction_log_lines_left_out_total", labels) or 0.0
    written = [few.filter(record("%s is wrong", number)) for number in range(1_000)]
    assert written == [True] * LINES_A_MINUTE + [False] * (1_000 - LINES_A_MINUTE)
    assert few.filter(record("another", line=2))
    left_out = REGISTRY.get_sample_value("auction_log_lines_left_out_total", labels)
    assert left_out == before + 1_000 - LINES_A_MINUTE
    now_s += MINUTE_S
    again = record("%s is wrong", "it")
    assert few.filter(again)
    assert again.getMessage() == f"it is wrong (and {1_000 - LINES_A_MINUTE} more like it before)"
    assert few.filter(record("%s is wrong", 1))


def test_a_process_writes_its_log_so() -> None:
    program = (
        "import logging\nfrom adapters import process_log\nprocess_log.begin(logging.INFO)\n"
        "for _ in range(500): logging.getLogger('aiohttp.server').error('\\x1b[2J%s', 'a\\nb')\n"
        "logging.getLogger('x').info('by the way')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines()
    assert len(lines) == LINES_A_MINUTE + 1
    assert lines[0].endswith("ERROR aiohttp.server: \\x1b[2Ja\\nb")
