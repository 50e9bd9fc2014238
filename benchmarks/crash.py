"""Crash to working again, on a running system: the real store, the simulated X with its crowd. `make bench`.

An auction is crashed and given a bid: it works again when the bid's verdict is on disk. A listener works again when it
has answered its first ping, set up and reading. Each crash is the first of an actor that was well: one that keeps
crashing is made to wait, by design, and that wait is not what is measured here.
"""

import argparse
import dataclasses
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import track

import bootstrap
import supervisor
from adapters.redis.client import execute
from adapters.redis.errors import NotOwner
from adapters.redis.queue import Queue
from adapters.wall_clock import wall_clock_ms
from benchmarks.measuring import BUILD, Measure, percentile
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, x_options
from commands.simulated import CREDENTIALS, base_url, end_simulated_x, simulated_x
from messages.commands import PlaceBid
from messages.hints import QueueGrew
from process import Process
from settings import Settings, load
from supervision import Backoff, ChildStatus, InjectedCrash, Supervisor
from tests.harness.waiting import until

CRASHES = 100
DEADLINE_S = 30.0
POLL_S = 0.0005  # of what is measured
STEADY_S = 0.05  # how long an actor is left in peace between two crashes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crashes", type=int, default=CRASHES, help=f"of each actor (default {CRASHES})")
    crashes = parser.parse_args().crashes
    logging.basicConfig(level=logging.CRITICAL)  # each crash would be told with its stack
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        plan = DemoPlan(seed=1, days=1, day_seconds=600, bidders=100, first_opens_at_ms=wall_clock_ms() + START_MS)
        settings = demo_settings(load(None, {}), plan, data_dir, port=0)
        port, _ = simulated_x(data_dir, x_options(settings, plan))
        dependencies = bootstrap.Dependencies(base_url(port), CREDENTIALS, days_of(settings, plan))
        process = Process(settings, dependencies, partial(supervise, settings, 10 * crashes))
        try:
            process.start()
            try:
                measures = measure(process, bootstrap.auction_id(settings, 1), crashes)
            finally:
                process.supervisor.stop()
                process.supervisor.wait(DEADLINE_S)
                process.stop()
        finally:
            end_simulated_x(data_dir, port)
    for found in measures:
        print(f"{found.name}: {found.median:.1f} {found.unit}  {found.target}")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "crash.json").write_bytes(msgspec.json.encode(measures))
    return 0


def supervise(
    settings: Settings, max_restarts: int, actors: bootstrap.Actors, history_lost: Callable[[str], None]
) -> Supervisor:
    """The supervisor of the process, which may start an actor as often as it is crashed here, and never waits."""
    table = supervisor.child_table(actors, settings.supervision, lambda: found, history_lost)
    groups = [dataclasses.replace(group, max_restarts=max_restarts) for group in table]
    conditions = {kind: name for kind, name in supervisor.CONDITIONS.items() if kind is not InjectedCrash}
    found = Supervisor(groups, conditions, (NotOwner,), backoff=Backoff(stable_s=0.0))
    return found


def measure(process: Process, auction_id: str, crashes: int) -> list[Measure]:
    """Crashes the auction, then a listener, while the crowd goes on bidding."""
    client, keys = process.client, process.keys
    queue = Queue(client, keys)
    until(lambda: execute(client, "HGET", keys.day(1), "phase") == b"ACTIVE", "the auction opens")
    post_id = int(execute(client, "HGET", keys.day(1), "post_id"))

    def first_verdict(number: int) -> None:
        bid = late_bid(post_id, number)
        queue.append(auction_id, [bid])
        process.supervisor.send(auction_id, QueueGrew())
        member = b"%020d" % bid.post_id
        until(
            lambda: execute(client, "ZSCORE", keys.bids(auction_id), member) is not None,
            "the bid is decided",
            poll_s=POLL_S,
        )

    def first_ping(number: int) -> None:
        until(lambda: status(process, bootstrap.PUBLISHER).state == "READY", "the listener is ready", poll_s=POLL_S)

    return [
        *crash(process, auction_id, "auction", first_verdict, crashes),
        *crash(process, bootstrap.PUBLISHER, bootstrap.PUBLISHER, first_ping, crashes),
    ]


def crash(process: Process, name: str, title: str, works: Callable[[int], None], crashes: int) -> list[Measure]:
    """Crashes the actor of this name again and again; `works` returns when the successor has done something."""
    took_ms = []
    for number in track(range(crashes), f"crashing {title}", console=Console(stderr=True)):
        successor = status(process, name).incarnation + 1
        began_s = time.perf_counter()
        process.supervisor.crash(name)
        # What is sent from here on, the successor gets.
        until(partial(is_started, process, name, successor), "it is started again", poll_s=POLL_S)
        works(number)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        until(lambda: status(process, name).state == "READY", "it is ready again")
        time.sleep(STEADY_S)
    shares = {"p50": (0.5, ""), "p99": (0.99, "≤ 100"), "worst": (1.0, "")}
    return [
        Measure(
            name=f"{crashes} crashes of the {title}: working again, {share}",
            unit="ms",
            runs=[percentile(took_ms, at)],
            target=target,
        )
        for share, (at, target) in shares.items()
    ]


def late_bid(post_id: int, number: int) -> PlaceBid:
    """A bid on the auction that is decided and refused, whatever the crowd has bid; `number` makes it another one."""
    own_id = post_id + ((number + 1) << 22) + 4_000_000
    return PlaceBid(
        message_id=f"tweet:{own_id}",
        post_id=own_id,
        author_id=1,
        author_handle="benchmark",
        author_created_at_ms=0,
        replied_to_id=post_id,
        text="0.000001 ETH #AuctionDay",
        hashtags=("AuctionDay",),
        source="benchmark",
        found_at_ms=wall_clock_ms(),
    )


def is_started(process: Process, name: str, incarnation: int) -> bool:
    """Whether this incarnation of the actor lives, or lived."""
    return status(process, name).incarnation >= incarnation


def status(process: Process, name: str) -> ChildStatus:
    """How the actor of this name stands."""
    return next(child for child in process.supervisor.tree() if child.name == name)


if __name__ == "__main__":
    sys.exit(main())
