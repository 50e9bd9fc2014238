"""`python -m tests.system.simulation --seed N [--trace]` replays one run; `--seeds N` runs many at a time."""

import argparse
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.system.simulation.many import SHORTENED, run_many, told
from tests.system.simulation.run import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--trace", action="store_true", help="with --seed: print all that happens")
    parser.add_argument("--seeds", type=int, default=200, metavar="N", help="run so many (default: 200)")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="begin with this seed")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes (default: 2)")
    args = parser.parse_args()
    if args.seed is not None:
        outcome = simulate(args.seed, tracing=args.trace)
        if args.trace:
            print("\n".join(outcome.trace))
        print(
            told(outcome, 0 if args.trace else SHORTENED)
            if outcome.wrong
            else f"seed {args.seed}: ok, {outcome.fingerprint}"
        )
        return bool(outcome.wrong)
    columns = TextColumn("simulating"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=args.seeds)
        bids, wrong = run_many(args.first, args.seeds, args.jobs, lambda runs: progress.advance(task, runs))
    for outcome in wrong[:3]:
        print(told(outcome), end="\n\n")
    for outcome in wrong[3:]:
        print(f"seed {outcome.seed}: {outcome.wrong}")
    print(f"{args.seeds} runs, {bids} bids, {len(wrong)} went wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
