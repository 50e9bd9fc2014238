"""What bids cost, from the bytes that X streams to the decision on disk and the frame at a viewer. `make bench`.

Each part can be run alone (`--only`). Every figure is the median of several runs with its spread, beside the figure
that is to be reached. Figures mean something on a machine that does nothing else; nothing here asserts them. What is
asserted is that no bid was lost, doubled or misplaced.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.audit import audited
from benchmarks.compared import compared
from benchmarks.fold import fold
from benchmarks.history import history
from benchmarks.latency import SHARES, latency
from benchmarks.measuring import Measure, percentile
from benchmarks.picture import draw
from benchmarks.report import FILE, Curve, Report, machine
from benchmarks.throughput import burst, ceiling, sustained


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    runs: int = 5
    sustained: int = 200_000
    burst: int = 143_199  # posts in X's record second
    rates: tuple[int, ...] = (100, 1_000, 10_000)
    seconds: float = 10.0
    histories: tuple[int, ...] = (1_000, 100_000, 1_000_000)
    probe: int = 32_768  # an auction's checkpoint comes once in so many: each probe has its part of it, at every size
    fold: tuple[int, int] = (1_000_000, 100_000)
    audited: int = 200_000
    jobs: dict[int, int] = field(default_factory=lambda: {1: 3_000, 50: 20_000})  # by concurrency


QUICK = Sizes(
    runs=1,
    sustained=2_000,
    burst=2_000,
    rates=(100, 1_000),
    seconds=1.0,
    histories=(200, 2_000),
    probe=200,
    fold=(10_000, 2_000),
    audited=2_000,
    jobs={1: 200, 50: 500},
)


class Session:
    """The parts of one session, each of which adds to the report."""

    def __init__(self, sizes: Sizes, report: Report) -> None:
        self._sizes, self._report = sizes, report
        self.parts: dict[str, Callable[[], None]] = {
            "sustained": lambda: self._add(sustained(sizes.runs, sizes.sustained)),
            "ceiling": self._ceiling,
            "burst": lambda: self._add(burst(sizes.runs, sizes.burst)),
            "latency": self._latency,
            "fold": lambda: self._add(fold(sizes.runs, *sizes.fold)),
            "audit": lambda: self._add(audited(sizes.runs, sizes.audited)),
            "history": lambda: self._add(history(sizes.runs, sizes.histories, sizes.probe)),
            "compared": self._compared,
        }

    def _add(self, measures: list[Measure]) -> None:
        self._report.measures += measures

    @property
    def _ours(self) -> float | None:
        """What was sustained at best, if that was measured."""
        rates = [found.median for found in self._report.measures if found.name.startswith("payload to")]
        return max(rates, default=None)

    def _ceiling(self) -> None:
        measures = ceiling(self._sizes.runs, self._sizes.sustained)
        self._add(measures)
        if self._ours:
            shares = [100 * self._ours / rate for rate in measures[0].runs]
            self._add([Measure(name="what was sustained, of these", unit="%", runs=shares, target="≥ 40")])

    def _latency(self) -> None:
        for rate in self._sizes.rates:
            measures, last = latency(self._sizes.runs, rate, self._sizes.seconds)
            self._add(measures)
            for what, values in (("durable", last.durable), ("frame", last.shown)):
                at_shares = [percentile(values, share) for share in SHARES]
                self._report.curves.append(Curve(rate=rate, what=what, values=at_shares))

    def _compared(self) -> None:
        measures, left_out = compared(self._sizes.runs, self._sizes.jobs, self._ours)
        self._add(measures)
        self._report.left_out += left_out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help=f"of each measurement (default {Sizes.runs})")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works, measures nothing")
    parser.add_argument("--only", action="append", metavar="PART", help="this part alone; may be given several times")
    parser.add_argument("--with", action="append", type=Path, default=[], dest="others", metavar="FILE")
    args = parser.parse_args()
    sizes = QUICK if args.quick else Sizes()
    if args.runs is not None:
        sizes = replace(sizes, runs=args.runs)
    report = Report(quick=args.quick, machine=machine())
    session = Session(sizes, report)
    if unknown := sorted(set(args.only or ()) - set(session.parts)):
        parser.error(f"there is no part {unknown[0]!r}: {', '.join(session.parts)}")
    for other in args.others:
        report.measures += msgspec.json.decode(other.read_bytes(), type=list[Measure])
    _run({name: part for name, part in session.parts.items() if name in (args.only or session.parts)}, report)
    report.print()
    picture = draw(report)
    print(f"{FILE}\n{picture or 'no Chromium was found: there is build/bench.svg, and no PNG'}")
    return 0


def _run(parts: dict[str, Callable[[], None]], report: Report) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("bids", total=len(parts))
        for name, part in parts.items():
            progress.update(task, description=name)
            part()
            report.write()
            progress.advance(task)


if __name__ == "__main__":
    sys.exit(main())
