"""`python -m tests.system.corruption --runs 1000`: corrupts data directories, tells what came of them."""

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from tests.system.corruption.trial import Outcome, ground

AT_ONCE = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first trial; the others follow")
    args = parser.parse_args()
    context = multiprocessing.get_context("fork")
    results: SimpleQueue[Outcome] = context.SimpleQueue()
    seeds = range(args.seed, args.seed + args.runs)
    workers = [context.Process(target=_try_all, args=(seeds[n::AT_ONCE], results)) for n in range(AT_ONCE)]
    for worker in workers:
        worker.start()
    began_s, outcomes = time.monotonic(), list[Outcome]()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("corruptions", total=args.runs)
        while len(outcomes) < args.runs and (any(w.is_alive() for w in workers) or not results.empty()):
            if results.empty():
                time.sleep(0.05)
                continue
            outcomes.append(outcome := results.get())
            bar.advance(task)
            if outcome.is_fault:
                what = f"seed {outcome.seed}: {outcome.spoilt}: {outcome.kind}: {outcome.said}"
                bar.console.print(what, markup=False, soft_wrap=True)
    for worker in workers:
        worker.join()
    for kind, count in Counter(outcome.kind for outcome in outcomes).most_common():
        print(f"{count:6} {kind}")
    print(f"{len(outcomes)} of {args.runs} corruptions in {time.monotonic() - began_s:.0f} s")
    return int(len(outcomes) < args.runs or any(outcome.is_fault for outcome in outcomes))


def _try_all(seeds: range, results: "SimpleQueue[Outcome]") -> None:
    with tempfile.TemporaryDirectory(prefix="corrupt-") as folder, ground(Path(folder)) as made:
        for seed in seeds:
            results.put(made.trial(seed))


if __name__ == "__main__":
    sys.exit(main())
