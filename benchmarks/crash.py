"""Crash to working again, on a running system: the real store, the simulated X with its crowd. `make bench`.

An auction is crashed and given a bid: it works again when the bid's verdict is on disk. A listener works again when it
has answered its first ping, set up and reading. Each crash is the first of an actor that was well: one that keeps
crashing is made to wait, by design, and that wait is not what is measured here.
"""

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

import supervisor
from adapters.redis.client import execute
from adapters.redis.errors import NotOwner
from adapters.redis.queue import Queue
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, x_options
from commands.simulated import CREDENTIALS, base_url, end_simulated_x, simulated_x
from messages.commands import PlaceBid
from messages.hints import QueueGrew
from settings import load
from supervision import Backoff, ChildStatus, InjectedCrash, Supervisor

ROOT = Path(__file__).parent.parent
CRASHES = 100
DEADLINE_S = 30.0
STEADY_S = 0.05  # how long an actor is left in peace between two crashes
TARGET_MS = 100.0


class Recovery(msgspec.Struct, frozen=True):
    """From the crash to the first work of the successor, in ms, over so many crashes."""

    actor: str
    crashes: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def main() -> int:
    logging.basicConfig(level=logging.CRITICAL)  # each crash would be told with its stack
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        plan = DemoPlan(
            seed=1, days=1, day_seconds=600, bidders=100, first_opens_at_ms=supervisor.clock_ms() + START_MS
        )
        settings = demo_settings(load(None, {}), plan, data_dir, port=0)
        port = simulated_x(data_dir, x_options(settings, plan))
        surroundings = supervisor.Surroundings(base_url(port), CREDENTIALS, days_of(settings, plan))
        process = supervisor.Process(settings, surroundings)
        groups = [dataclasses.replace(group, max_restarts=10 * CRASHES) for group in process.groups()]
        conditions = {kind: name for kind, name in supervisor.CONDITIONS.items() if kind is not InjectedCrash}
        process.supervisor = Supervisor(groups, conditions, (NotOwner,), backoff=Backoff(stable_s=0.0))
        try:
            process.start()
            recoveries = measure(process, supervisor.auction_id(settings, 1))
        finally:
            process.supervisor.stop()
            process.supervisor.wait(DEADLINE_S)
            process.stop()
            end_simulated_x(data_dir, port)
    for recovery in recoveries:
        print(
            f"{recovery.actor:<20} {recovery.crashes} crashes   p50 {recovery.p50_ms:6.1f} ms   "
            f"p99 {recovery.p99_ms:6.1f} ms   worst {recovery.worst_ms:6.1f} ms   (target: p99 below {TARGET_MS:g} ms)"
        )
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "crash.json").write_bytes(msgspec.json.encode(recoveries))
    return 0


def measure(process: supervisor.Process, auction_id: str) -> list[Recovery]:
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
        until(lambda: execute(client, "ZSCORE", keys.bids(auction_id), member) is not None, "the bid is decided")

    def first_ping(number: int) -> None:
        until(lambda: status(process, supervisor.PUBLISHER).state == "READY", "the listener is ready")

    return [
        crash(process, auction_id, "auction", first_verdict),
        crash(process, supervisor.PUBLISHER, supervisor.PUBLISHER, first_ping),
    ]


def crash(process: supervisor.Process, name: str, title: str, works: Callable[[int], None]) -> Recovery:
    """Crashes the actor of this name again and again; `works` returns when the successor has done something."""
    took_ms = []
    for number in track(range(CRASHES), f"crashing {title}", console=Console(stderr=True)):
        successor = status(process, name).incarnation + 1
        began_s = time.perf_counter()
        process.supervisor.crash(name)
        # What is sent from here on, the successor gets.
        until(partial(is_started, process, name, successor), "it is started again")
        works(number)
        took_ms.append((time.perf_counter() - began_s) * 1000)
        until(lambda: status(process, name).state == "READY", "it is ready again")
        time.sleep(STEADY_S)
    took_ms.sort()
    return Recovery(title, CRASHES, took_ms[CRASHES // 2 - 1], took_ms[CRASHES * 99 // 100 - 1], took_ms[-1])


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
        found_at_ms=supervisor.clock_ms(),
    )


def is_started(process: supervisor.Process, name: str, incarnation: int) -> bool:
    """Whether this incarnation of the actor lives, or lived."""
    return status(process, name).incarnation >= incarnation


def status(process: supervisor.Process, name: str) -> ChildStatus:
    """How the actor of this name stands."""
    return next(child for child in process.supervisor.tree() if child.name == name)


def until(holds: Callable[[], object], what: str) -> None:
    """Waits for a condition. Raises RuntimeError when it does not come true."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"not within {DEADLINE_S:g} s: {what}")
        time.sleep(0.0005)


if __name__ == "__main__":
    sys.exit(main())
