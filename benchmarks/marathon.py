"""A marathon of many compressed days: what grows with them? `make marathon DAYS=400`.

A whole process with its server and a simulated X plays the days, each as short as a close allows. Threads, descriptors
and memory of the process and of its server are looked at once a day. What is over must cost nothing: threads and
descriptors of the last quarter of the days are no more than those of the first, and the process's memory grows by
less than `MOST_KB_A_DAY`. The server keeps the log, so it grows. The picture is `build/marathon.png`.
"""

import argparse
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import track

import bootstrap
import supervisor
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.recent import Recent
from adapters.wall_clock import wall_clock_ms
from benchmarks.measuring import BUILD, resident_mb
from benchmarks.picture import draw_series
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, further_of, x_options
from commands.follow import Follower
from commands.report import Report, table_of
from commands.simulated import CREDENTIALS, base_url, end_simulated_x, simulated_x
from settings import load
from tests.harness import ROOT
from tests.harness.processes import begin, end

BIDDERS = 3
DAY_SECONDS = 2.0
MOST_KB_A_DAY = 16.0
RECENT_BYTES = 2**17  # what is bounded is full after a few days, so that filling it does not look like growth
END_S = 60.0  # for the start, and for results still to be posted after the last day


class Sample(msgspec.Struct, frozen=True):
    """One look, at the process and its server."""

    threads: tuple[int, int]
    descriptors: tuple[int, int]
    memory_mb: tuple[float, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=400, help="default 400")
    parser.add_argument("--day-seconds", type=float, default=DAY_SECONDS, help=f"default {DAY_SECONDS:g}")
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)  # the other process: plays in this directory
    args = parser.parse_args()
    if args.play:
        return play(args.play, args.days, args.day_seconds)
    with tempfile.TemporaryDirectory(prefix="marathon-") as folder:
        samples, report = watch(Path(folder), args.days, args.day_seconds)
    BUILD.mkdir(exist_ok=True)
    (BUILD / "marathon.json").write_bytes(msgspec.json.encode(samples))
    picture = draw(samples, BUILD / "marathon.svg")
    faults = differences(samples, report, args.days)
    print("\n".join([*figures(samples), *(f"NOT RIGHT: {fault}" for fault in faults), f"picture: {picture}"]))
    return int(bool(faults))


def play(data_dir: Path, days: int, day_seconds: float) -> int:
    """Be the process: a demo of these days, as `demo --once` plays one; the report goes to standard output."""
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    Recent.bytes_kept = RECENT_BYTES
    opens_at_ms = wall_clock_ms() + START_MS
    plan = DemoPlan(seed=1, days=days, day_seconds=day_seconds, bidders=BIDDERS, first_opens_at_ms=opens_at_ms)
    settings = demo_settings(load(None, {}), plan, data_dir, 0)
    port, abandon = simulated_x(data_dir, x_options(settings, plan))
    dependencies = bootstrap.Dependencies(
        base_url(port), CREDENTIALS, days_of(settings, plan), further_of(settings, plan), abandon=abandon
    )
    follower, reports = Follower(settings, Console(quiet=True)), list[Report]()

    def is_over() -> bool:
        if follower.is_over():
            reports.append(follower.report(port, plan.seed))
        return bool(reports)

    code = supervisor.run(settings, dependencies, follower.begin, is_over)
    end_simulated_x(data_dir, port)
    if reports:
        sys.stdout.buffer.write(msgspec.json.encode(reports[0]))
        Console(stderr=True).print(table_of(reports[0]))
    return code


def watch(folder: Path, days: int, day_seconds: float) -> tuple[list[Sample], Report | None]:
    """Have the days played, and look once a day until they are over; the report, if it came to one."""
    data_dir, samples = folder / "data", list[Sample]()
    command = [sys.executable, "-m", "benchmarks.marathon", "--play", str(data_dir)]
    command += ["--days", str(days), "--day-seconds", str(day_seconds)]
    with (folder / "report.json").open("w+b") as out, (folder / "words").open("w+b") as words:
        process = begin(command, cwd=ROOT, stdout=out, stderr=words)
        server = EmbeddedServer(data_dir)  # only asked
        try:
            # On a machine that is too slow days are not held in time, and their lots come again: as many days more.
            looks = range(2 * days + round(END_S / day_seconds))
            for _ in track(looks, "days", days, console=Console(stderr=True), transient=True):
                time.sleep(day_seconds)
                if process.poll() is not None:
                    break
                if (server_id := server.process_id()) is not None:
                    samples.append(look(process.pid, server_id))
        finally:
            end(process, END_S)
        out.seek(0)
        words.seek(0)
        said = out.read()
        if not said:
            sys.stderr.buffer.write(words.read()[-4_000:])
        return samples, msgspec.json.decode(said, type=Report) if said else None


def look(*processes: int) -> Sample:
    """What these two hold now. Linux, because it reads /proc."""
    of = [Path(f"/proc/{process}") for process in processes]
    return Sample(
        tuple(sum(1 for _ in (one / "task").iterdir()) for one in of),  # type: ignore[arg-type]  # two of two
        tuple(sum(1 for _ in (one / "fd").iterdir()) for one in of),  # type: ignore[arg-type]
        tuple(resident_mb(process) for process in processes),  # type: ignore[arg-type]
    )


def slope(values: Sequence[float]) -> float:
    """By how much a day they grow, by least squares over the second half."""
    half = values[len(values) // 2 :]
    middle, mean = (len(half) - 1) / 2, sum(half) / len(half)
    spread = sum((n - middle) ** 2 for n in range(len(half)))
    return sum((n - middle) * (value - mean) for n, value in enumerate(half)) / spread if spread else 0.0


def quarters(values: Sequence[int]) -> tuple[int, int]:
    """What most days of the first quarter had, the start left out, and of the last: days may overlap for a moment."""
    quarter = max(1, len(values) // 4)
    return statistics.median_high(values[quarter // 5 : quarter]), statistics.median_high(values[-quarter:])


def figures(samples: Sequence[Sample]) -> list[str]:
    """What was seen, a line each."""
    lines = []
    for who, name in enumerate(("process", "server")):
        for what in ("threads", "descriptors"):
            values = [getattr(sample, what)[who] for sample in samples]
            (first, last), most = quarters(values), max(values)
            lines.append(f"{name:<8} {what:<12} {first} in the first quarter, {last} in the last, at most {most}")
        memory = [sample.memory_mb[who] for sample in samples]
        lines.append(
            f"{name:<8} memory       {memory[len(memory) // 20]:.1f} MB at first, {memory[-1]:.1f} MB at last, "
            f"{slope(memory) * 1024:+.1f} KB a day in the second half"
        )
    return lines


def differences(samples: Sequence[Sample], report: Report | None, days: int) -> list[str]:
    """What is not as it must be."""
    faults = [] if report and report.right else [f"the marathon did not end right: {report}"[:300]]
    if len(samples) < days * 0.9:
        faults.append(f"looked at {len(samples)} of {days} days")
        return faults
    for what in ("threads", "descriptors"):
        for who, name in enumerate(("process", "server")):
            first, last = quarters([getattr(sample, what)[who] for sample in samples])
            if last > first:
                faults.append(f"the {name} has {last} {what} in the last quarter, {first} in the first")
    if (grown := slope([sample.memory_mb[0] for sample in samples]) * 1024) > MOST_KB_A_DAY:
        faults.append(f"the process grows by {grown:.1f} KB a day")
    return faults


def draw(samples: Sequence[Sample], svg: Path) -> Path | None:
    """Threads, descriptors and memory, day by day."""
    panels = {
        title: {
            name: [getattr(sample, what)[who] for sample in samples] for who, name in enumerate(("process", "server"))
        }
        for title, what in (("Threads", "threads"), ("Descriptors", "descriptors"), ("Memory, MB", "memory_mb"))
    }
    return draw_series(f"{len(samples)} compressed days", panels, svg)


if __name__ == "__main__":
    sys.exit(main())
