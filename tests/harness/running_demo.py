"""A demo as its users start it: a process of its own, watched through what it prints."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.harness import ROOT
from tests.harness.waiting import PATIENCE_S


class RunningDemo:
    """`demo --once` on a data directory. Leaving it kills what is left of it; the simulator ends with `end_world`."""

    def __init__(self, data_dir: Path, *options: str) -> None:
        self.report_file = data_dir.parent / "report.json"
        arguments = ["demo", "--once", "--data-dir", str(data_dir), "--report", str(self.report_file), *options]
        self.data_dir = data_dir
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "supervisor.py"), *arguments],
            cwd=data_dir.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)

    def __enter__(self) -> "RunningDemo":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def count(self, word: str) -> int:
        return sum(word in line for line in self.lines)

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait for a condition; fails with what the demo has said when it does not come true."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            ended = self._process.poll() is not None
            assert not ended and time.monotonic() < deadline, f"no {what}: {self.said()}"  # noqa: PT018
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL: no goodbye, as from a machine that runs out of memory."""
        self._process.send_signal(signal.SIGKILL)
        self._end()

    def wait(self) -> int:
        """The exit code of a demo that is left alone."""
        code = self._process.wait(PATIENCE_S * 2)
        self._end()
        return code

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.report_file.read_text(encoding="utf-8"))
        return report

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command on the same data directory."""
        return command(*arguments, "--data-dir", str(self.data_dir))

    def said(self) -> str:
        return "".join(self.lines[-40:])

    def _end(self) -> None:
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        if self._process.stderr:
            self._process.stderr.close()


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command line, run to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "supervisor.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
