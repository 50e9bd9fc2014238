"""The command line as its users meet it: what it says, where, and its exit code."""

import subprocess
import sys
from dataclasses import dataclass

import pytest

from cli import main
from tests.harness import ROOT
from tests.harness.waiting import PATIENCE_S


@dataclass(frozen=True)
class Said:
    """What a command line has come to."""

    code: int
    out: str
    err: str


class Line:
    """Runs command lines in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> Said:
        self._capture.readouterr()
        try:
            code = main(arguments)
        except SystemExit as ending:  # argparse ends so, for --help and for what it does not understand
            code = int(ending.code or 0)
        said = self._capture.readouterr()
        return Said(code, said.out, said.err)


def process(*arguments: str, stdin: bytes = b"") -> Said:
    """Runs a command line as a process of its own."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "supervisor.py"), *arguments],
        input=stdin,
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())
