"""What all measurements share: memory, processes, and how often a thing was measured in what spread."""

import ctypes
import math
import signal
import statistics
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

import loopback
from adapters import process_file

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"
PR_SET_PDEATHSIG = 1  # prctl(2)


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, measured once for each run. `target` is what is to be reached, in words."""

    name: str
    unit: str
    runs: list[float]
    target: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    @property
    def least(self) -> float:
        return min(self.runs)

    @property
    def most(self) -> float:
        return max(self.runs)


def begin(command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """A process that is asked to end (SIGTERM) when this one ends, in whatever way. Linux. From the main thread."""
    libc = ctypes.CDLL(None)
    bind = partial(libc.prctl, PR_SET_PDEATHSIG, signal.SIGTERM)
    return subprocess.Popen(command, preexec_fn=bind, **options)  # noqa: S603, PLW1509


def end(process: "subprocess.Popen[bytes]", within_s: float) -> None:
    """Ask the process to end (SIGTERM), and kill it where it is still there after `within_s` seconds."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def resident_mb(process_id: int) -> float:
    """The resident set of a process, in MB. Linux, because it reads /proc."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def is_ready(data_dir: Path) -> bool:
    """Whether the process of this data directory says that it is."""
    found = process_file.read(data_dir)
    try:
        return found is not None and loopback.exchange(found.private_port, "GET", "/readyz", within_s=1)[0] == 200
    except loopback.NoAnswer:
        return False


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
