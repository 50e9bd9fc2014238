"""Many runs, in several processes, and how one that went wrong is told."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from tests.system.simulation.run import Outcome, simulate

CHUNK = 20
SHORTENED = 60


def told(outcome: Outcome, lines: int = SHORTENED) -> str:
    """What is wrong with a run, the last lines of its trace, and the one line that replays it."""
    shown = outcome.trace[-lines:] if lines else outcome.trace
    return "\n".join([*shown, f"seed {outcome.seed}: {outcome.wrong}", replay_line(outcome.seed)])


def replay_line(seed: int) -> str:
    return f"replay: python -m tests.system.simulation --seed {seed} --trace"


def run_chunk(seeds: range) -> tuple[int, int, list[Outcome]]:
    """How many runs, how many bids, and the runs that went wrong."""
    outcomes = [simulate(seed) for seed in seeds]
    return len(outcomes), sum(outcome.bids for outcome in outcomes), [each for each in outcomes if each.wrong]


def run_many(first: int, count: int, jobs: int, on_progress: Callable[[int], None]) -> tuple[int, list[Outcome]]:
    """Runs `count` seeds from `first` on; how many bids that were, and the runs that went wrong."""
    chunks = [range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)]
    bids, wrong = 0, []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run_chunk, chunk) for chunk in chunks]):
            runs, its_bids, its_wrong = done.result()
            bids += its_bids
            wrong += its_wrong
            on_progress(runs)
    return bids, sorted(wrong, key=lambda outcome: outcome.seed)
