"""A demo marathon in which a crash is injected every second into an actor drawn by lot. `make chaos`.

What must hold: the result is the one of the ground truth, and neither threads nor memory grow with the crashes. Linux,
because it reads /proc. Exit code 1 when it does not hold.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress

import loopback
from adapters import process_file
from benchmarks.measuring import begin, end
from commands.simulated import end_simulated_x
from loopback import NoAnswer
from simulator.launch import port_of

ROOT = Path(__file__).parent.parent
DEADLINE_S = 120.0
# Threads that come and go by themselves: connections to X, look-ups of names.
THREADS_SPARE = 3
GROWTH_MB = 16.0


class Sample(msgspec.Struct, frozen=True):
    """The process at one moment: its threads beside those of its actors, its resident memory in MB."""

    other_threads: int
    resident_mb: float


class Chaos(msgspec.Struct, frozen=True):
    """What became of it. `restarts` are those that the supervisor counts, over all actors."""

    seed: int
    right: bool
    crashes: dict[str, int]
    restarts: int
    before: Sample
    after: Sample
    most_threads: int
    most_mb: float

    @property
    def bounded(self) -> bool:
        grown = self.after.other_threads - self.before.other_threads
        return grown <= THREADS_SPARE and self.after.resident_mb - self.before.resident_mb <= GROWTH_MB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the crowd and of the crashes (default 1)")
    parser.add_argument("--days", type=int, default=2, help="auctions (default 2)")
    parser.add_argument("--day-seconds", type=float, default=30.0, help="a day's length (default 30)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        chaos = play(Path(folder), args.seed, args.days, args.day_seconds)
    print(f"{sum(chaos.crashes.values())} crashes, {chaos.restarts} restarts; right: {chaos.right}")
    print("  ".join(f"{name} {count}" for name, count in sorted(chaos.crashes.items())))
    for name, sample in (("before", chaos.before), ("after", chaos.after)):
        print(f"{name:<7} {sample.other_threads} threads beside the actors', {sample.resident_mb:.1f} MB")
    print(f"at most {chaos.most_threads} threads, {chaos.most_mb:.1f} MB")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "chaos.json").write_bytes(msgspec.json.encode(chaos))
    return int(not (chaos.right and chaos.bounded))


def play(folder: Path, seed: int, days: int, day_seconds: float) -> Chaos:
    """One marathon from its first opening to its report."""
    data_dir, report = folder / "demo", folder / "report.json"
    options = {"days": days, "day-seconds": day_seconds, "seed": seed, "data-dir": data_dir, "report": report}
    command = [sys.executable, str(ROOT / "supervisor.py"), "demo", "--once"]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with (folder / "log").open("w+", encoding="utf-8") as log:
        process = begin(command, cwd=folder, stdout=log, stderr=log)
        try:
            chaos = _crash_on(process, data_dir, seed, days * day_seconds)
            if process.wait(DEADLINE_S) not in (0, 1) or not report.exists():
                raise RuntimeError(f"the demo ended with {process.returncode}: {_last(folder / 'log')}")
            right = json.loads(report.read_bytes())["right"]
            return msgspec.structs.replace(chaos, right=right and process.returncode == 0)
        finally:
            end(process, DEADLINE_S)
            if (port := port_of(data_dir)) is not None:
                end_simulated_x(data_dir, port)


def _crash_on(process: "subprocess.Popen[bytes]", data_dir: Path, seed: int, duration_s: float) -> Chaos:
    """A crash a second, from the opening until the process has ended."""
    lot = random.Random(seed)
    crashes: Counter[str] = Counter()
    samples: list[Sample] = []
    restarts = 0
    began_s = time.monotonic()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("a crash a second", total=duration_s)
        while process.poll() is None and time.monotonic() < began_s + duration_s + DEADLINE_S:
            progress.update(task, completed=time.monotonic() - began_s)
            with suppress(NoAnswer):  # not up yet, or just ending
                status = _ask(data_dir, "GET", "/status")
                if status["current"]:
                    names = sorted(actor["name"] for actor in status["actors"])
                    restarts = sum(actor["restarts"] for actor in status["actors"])
                    samples.append(_sample(process.pid, len(names)))
                    name = lot.choice(names)
                    _ask(data_dir, "POST", "/inject", {"type": "crash", "actor": name})
                    crashes[name] += 1
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
    if not samples:
        raise RuntimeError(f"the demo never opened an auction; it has ended with {process.returncode}")
    return Chaos(
        seed=seed,
        right=False,
        crashes=dict(crashes),
        restarts=restarts,
        before=samples[0],
        after=samples[-1],
        most_threads=max(sample.other_threads for sample in samples),
        most_mb=max(sample.resident_mb for sample in samples),
    )


def _ask(data_dir: Path, method: str, path: str, body: Any = None) -> Any:
    found = process_file.read(data_dir)
    if found is None:
        raise NoAnswer("nobody has listened there yet")
    status, content = loopback.exchange(found.private_port, method, path, body, within_s=10)
    if status >= 300:
        raise NoAnswer(f"{method} {path}: {content}")
    return content


def _sample(process_id: int, actors: int) -> Sample:
    lines = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8").splitlines()
    numbers = {name: rest.split()[0] for name, _, rest in (line.partition(":") for line in lines) if rest.split()}
    return Sample(int(numbers["Threads"]) - actors, int(numbers["VmRSS"]) / 1024)


def _last(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8").splitlines()[-5:])


if __name__ == "__main__":
    sys.exit(main())
