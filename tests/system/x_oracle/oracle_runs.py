"""Many compressed days, each with the faults of a seed, held against the simulator's ground truth. `make x-oracle`.

A day that is not over in time waits for something, which an alarm must say; whatever else is not as it must be is a
difference. Exit code 1 where there are any: the seed, the differences, and the command that plays it again.
"""

import argparse
import multiprocessing
import sys
import time
from functools import partial

from rich.console import Console
from rich.progress import Progress

from tests.system.x_oracle.oracle_run import Outcome, play


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="days to play (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the next one is one more (default 1)")
    parser.add_argument("--jobs", type=int, default=4, help="days played at a time; mostly they wait (default 4)")
    parser.add_argument(
        "--suspended", type=float, default=0.5, help="the share of bids that go with their account (default 0.5)"
    )
    parser.add_argument("--verbose", action="store_true", help="show what was said in each day")
    args = parser.parse_args()
    began_s = time.monotonic()
    console = Console(stderr=True, highlight=False)
    wrong, waiting, verdicts = 0, 0, 0
    seeds = range(args.seed, args.seed + args.runs)
    # A process for each day, forked from one that has imported everything and started nothing.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.system.x_oracle.oracle_run"])
    with context.Pool(args.jobs, maxtasksperchild=1) as pool, Progress(console=console) as progress:
        task = progress.add_task("days with faults", total=args.runs)
        for outcome in pool.imap_unordered(partial(play, suspended=args.suspended), seeds):
            progress.advance(task)
            verdicts += outcome.verdicts
            wrong += bool(outcome.differences)
            waiting += bool(outcome.waits and not outcome.differences)
            _tell(console, outcome, args)
    took_s = time.monotonic() - began_s
    print(
        f"{args.runs - wrong - waiting} of {args.runs} days right, {waiting} waiting with an alarm, {wrong} different, "
        f"{verdicts} verdicts compared, {took_s:.0f} s"
    )
    return int(wrong > 0)


def _tell(console: Console, outcome: Outcome, args: argparse.Namespace) -> None:
    if args.verbose:
        console.print(outcome.log, markup=False, soft_wrap=True)
    if outcome.differences or outcome.waits:
        lines = [f"seed {outcome.seed} ({outcome.seconds:.1f} s)", *outcome.differences]
        lines += [f"waits: {what}" for what in outcome.waits]
        options = f"--runs 1 --seed {outcome.seed} --suspended {args.suspended:g} --verbose"
        lines.append(f"again: python -m tests.system.x_oracle.oracle_runs {options}")
        console.print("\n  ".join(lines), markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
