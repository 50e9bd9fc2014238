"""kill -9 of the supervisor, and of its server, at random moments under load. `make torture RUNS=50`.

The load comes from outside, as from a second ingest: packed batches into the input queue, each again until the store
has taken it. A reader follows the log meanwhile, and remembers what it said. In the end every bid that was taken stands
in log and history exactly once, what was read is unchanged, and the audit finds every verdict to follow from what was
seen. One seed is one schedule; a run that goes wrong prints its seed, and leaves its folder behind.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.running import RunningHouse
from benchmarks.torturers import Feeder, LogMemory, Verdict
from commands.audit import audit
from tests.harness.waiting import until

RATE = 5_000
SECONDS = 10.0
SECONDS_A_KILL = 2.0
QUIET_S = 120.0  # after the last kill, until the queue is worked off


class Victim(StrEnum):
    """Who is killed."""

    SUPERVISOR = "supervisor"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Kill:
    """`at_s` after the beginning; a killed supervisor has its successor `pause_s` later."""

    at_s: float
    victim: Victim
    pause_s: float


@dataclass
class Outcome:
    """What became of one run: how much was taken and read while it lasted, and what is wrong, in words."""

    taken: int = 0
    read: int = 0
    kills: Counter[Victim] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def schedule(seed: int, seconds: float) -> list[Kill]:
    """When who is killed: both at least once, in an order drawn by lot."""
    lot = Random(seed)
    count = max(2, round(seconds / SECONDS_A_KILL))
    victims = lot.sample(list(Victim), 2) + [lot.choice(list(Victim)) for _ in range(count - 2)]
    moments = sorted(lot.uniform(0.1, 0.95) * seconds for _ in range(count))
    return [Kill(at_s, victim, lot.uniform(0.0, 0.5)) for at_s, victim in zip(moments, victims, strict=True)]


def play(folder: Path, seed: int, seconds: float = SECONDS, rate: int = RATE) -> Outcome:
    """One run. Raises RuntimeError when it does not come to its end."""
    outcome = Outcome()
    with RunningHouse(folder) as house:
        feeder, memory = Feeder(house, rate), LogMemory(house)
        threads = [threading.Thread(target=part.run, daemon=True) for part in (feeder, memory)]
        for thread in threads:
            thread.start()
        try:
            _kill_on(house, schedule(seed, seconds), seconds, outcome)
        finally:
            feeder.over.set()
            threads[0].join(QUIET_S)
        outcome.taken = feeder.taken
        _come_to_rest(house)
        memory.over.set()
        threads[1].join(QUIET_S)
        outcome.read = len(memory.verdicts)
        outcome.faults += [repr(part.fault) for part in (feeder, memory) if part.fault]
        taken = [house.war.post_id(number) for number in range(feeder.taken)]
        outcome.faults += differences(taken, list(house.verdicts()), house.history(), memory.verdicts)
        outcome.faults += [f"the verdict on {post_id} was read twice" for post_id in memory.doubled[:1]]
        if found := audit(house.client, house.keys).difference:
            outcome.faults.append(f"the audit says: {found}")
    return outcome


def differences(
    taken: Collection[int], logged: Sequence[Verdict], history: Sequence[int], read: Mapping[int, Verdict]
) -> list[str]:
    """What is wrong, in words: the ids of the posts that were taken, every verdict of the log in the end, the history,
    and the verdicts as they were first read."""
    times, now = Counter(verdict.post_id for verdict in logged), {verdict.post_id: verdict for verdict in logged}
    checks = [
        ("bids that were taken have no verdict in the log", sorted(set(taken) - times.keys())),
        (
            "bids have more than one verdict in the log",
            sorted(post_id for post_id, count in times.items() if count > 1),
        ),
        ("bids of the log were never offered", sorted(times.keys() - set(taken))),
        ("bids stand in the log or in the history alone", sorted(times.keys() ^ set(history))),
        (
            "verdicts are other ones than were read",
            sorted(id_ for id_, verdict in read.items() if now.get(id_) != verdict),
        ),
    ]
    return [f"{len(found)} {what}, the first is {found[0]}" for what, found in checks if found]


def _kill_on(house: RunningHouse, kills: Sequence[Kill], seconds: float, outcome: Outcome) -> None:
    began_s = time.monotonic()
    for kill in kills:
        time.sleep(max(0.0, began_s + kill.at_s - time.monotonic()))
        if kill.victim is Victim.SERVER:
            outcome.kills[kill.victim] += house.kill_server()
            continue
        house.kill()
        outcome.kills[kill.victim] += 1
        time.sleep(kill.pause_s)
        house.start()
    time.sleep(max(0.0, began_s + seconds - time.monotonic()))


def _come_to_rest(house: RunningHouse) -> None:
    """A supervisor that has given up meanwhile is started once more; then the queue has to be worked off."""
    if house.process is not None and house.process.poll() is not None:
        house.start()
    until(house.is_open, "the store answers", QUIET_S, poll_s=0.05)
    until(lambda: house.waiting() == 0, "the queue is worked off", QUIET_S, poll_s=0.05)
    until(house.is_ready, "the process is ready", QUIET_S, poll_s=0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how many (default 5)")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; each has the next one (default 1)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of load in each run (default {SECONDS:g})")
    args = parser.parse_args()
    total, wrong = Counter[str](), 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("killing", total=args.runs)
        for seed in range(args.seed, args.seed + args.runs):
            folder = Path(tempfile.mkdtemp(prefix="torture-"))
            try:
                outcome = play(folder, seed, args.seconds)
            except RuntimeError as error:
                outcome = Outcome(faults=[str(error)])
            total.update({"taken": outcome.taken, "read": outcome.read})
            total.update(outcome.kills)
            if outcome.faults:
                wrong += 1
                again = f"python -m benchmarks.torture --runs 1 --seed {seed} --seconds {args.seconds:g}"
                progress.console.print(f"seed {seed} went wrong ({folder}): {'; '.join(outcome.faults)}\n  {again}")
            else:
                shutil.rmtree(folder)
            progress.advance(task)
    kills = f"{total[Victim.SUPERVISOR]} supervisors and {total[Victim.SERVER]} servers killed"
    print(
        f"{args.runs} runs: {kills}; {total['taken']:,} bids taken, {total['read']:,} verdicts read; {wrong} went wrong"
    )
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
