"""What all measurements share: memory, processes, and how often a thing was measured in what spread."""

import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.harness import ROOT

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


def resident_mb(process_id: int) -> float:
    """The resident set of a process, in MB. Linux, because it reads /proc."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
