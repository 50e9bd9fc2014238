"""`make stalls RUNS=20`: SIGSTOP of the process, its server or X, for 1, 6, 20 or 63 s, at a random moment of a
compressed marathon. Nothing may exit, and the result must be right by the ground truth of the simulated X.

One seed is one run; which were wrong is printed, with what the demo has said.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from adapters.redis.embedded import EmbeddedServer
from tests.harness.processes import end_world
from tests.harness.running_demo import RunningDemo

DAY_S, LENGTHS_S = 30.0, (1.0, 6.0, 20.0, 63.0)
AT_ONCE = 4  # they mostly wait


class Victim(StrEnum):
    PROCESS = "process"
    SERVER = "server"
    X = "X"


@dataclass(frozen=True)
class Stall:
    """Who is stopped, for how long, and how long after the first day has opened, or the stop before has passed."""

    victim: Victim
    length_s: float
    at_s: float


@dataclass(frozen=True)
class Outcome:
    """What became of one run, and what is wrong."""

    seed: int
    stalls: Sequence[Stall]
    wrong: str


def stall_of(seed: int, lengths_s: Sequence[float] = LENGTHS_S) -> Stall:
    """Each combination comes in turn; the moment is drawn."""
    combinations = [(victim, length_s) for length_s, victim in product(lengths_s, Victim)]
    victim, length_s = combinations[seed % len(combinations)]
    return Stall(victim, length_s, random.Random(seed).uniform(0.0, DAY_S))


def play(folder: Path, seed: int, stalls: Sequence[Stall], days: int = 2, day_s: float = DAY_S) -> Outcome:
    """How a demo of `days` days, each of `day_s` seconds, ends in which the stalls stop their victims in turn."""
    data_dir = folder / "demo"
    options = ("--days", str(days), "--day-seconds", f"{day_s:g}", "--seed", str(seed))
    try:
        with RunningDemo(data_dir, *options) as demo:
            try:
                demo.until("opening", lambda: demo.count("AuctionOpened") >= 1)
                for stall in stalls:
                    time.sleep(stall.at_s)
                    _stop_for(_process_id(stall.victim, data_dir, demo), stall.length_s)
                code = demo.wait()
            except AssertionError as failure:
                return Outcome(seed, stalls, f"{failure}")
            if code:
                return Outcome(seed, stalls, f"exit code {code}: {demo.said()}")
            report = demo.report()
            return Outcome(seed, stalls, "" if report["right"] else json.dumps(report))
    finally:
        end_world(data_dir)


def _process_id(victim: Victim, data_dir: Path, demo: RunningDemo) -> int | None:
    """None where it has ended by itself, with its marathon."""
    match victim:
        case Victim.PROCESS:
            return demo.process_id
        case Victim.SERVER:
            return EmbeddedServer(data_dir).process_id()
        case Victim.X:
            return _simulated_x(data_dir)


def _simulated_x(data_dir: Path) -> int | None:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"simulator.x" in words and any(str(data_dir).encode() in word for word in words):
            return int(path.parent.name)
    return None


def _stop_for(process_id: int | None, length_s: float) -> None:
    if process_id is None:
        return
    try:
        os.kill(process_id, signal.SIGSTOP)
        time.sleep(length_s)
        os.kill(process_id, signal.SIGCONT)
    except ProcessLookupError:
        return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--length", type=float, help="of every stop, in s: 3600 is an hour; else 1 to 63")
    args = parser.parse_args()
    console = Console(stderr=True)
    outcomes: list[Outcome] = []

    def one(seed: int) -> Outcome:
        with tempfile.TemporaryDirectory(prefix="stalls-") as folder:
            lengths_s = LENGTHS_S if args.length is None else (args.length,)
            return play(Path(folder), seed, [stall_of(seed, lengths_s)])

    with Progress(console=console) as progress, ThreadPoolExecutor(AT_ONCE) as pool:
        task = progress.add_task("stalls", total=args.runs)
        for outcome in pool.map(one, range(args.seed, args.seed + args.runs)):
            outcomes.append(outcome)
            progress.advance(task)
            if outcome.wrong:
                console.print(outcome, highlight=False)
    _tell(outcomes)
    return int(any(outcome.wrong for outcome in outcomes))


def _tell(outcomes: Sequence[Outcome]) -> None:
    for each in outcomes:
        for stall in each.stalls:
            print(
                f"seed {each.seed}: {stall.victim} for {stall.length_s:g} s, {stall.at_s:.1f} s after the opening",
                end="",
            )
        print(": WRONG" if each.wrong else ": right")
    print(f"{sum(not each.wrong for each in outcomes)} of {len(outcomes)} runs right")


if __name__ == "__main__":
    sys.exit(main())
