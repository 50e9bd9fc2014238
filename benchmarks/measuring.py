"""What all measurements share: waiting for a condition, memory, and how often a thing was measured in what spread."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

import loopback
from adapters import process_file

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"


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


def until(holds: Callable[[], object], what: str, within_s: float = 30.0, poll_s: float = 0.0005) -> None:
    """Waits for a condition. Raises RuntimeError when it does not come true in time."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not within {within_s:g} s: {what}")
        time.sleep(poll_s)


def resident_mb(process_id: int) -> float:
    """The resident set of a process, in MB. Linux, because it reads /proc."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def is_ready(data_dir: Path) -> bool:
    """Whether the process of this data directory says that it is."""
    found = process_file.read(data_dir)
    try:
        return found is not None and loopback.ask(found.private_port, "GET", "/readyz", within_s=1)[0] == 200
    except loopback.NoAnswer:
        return False


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
