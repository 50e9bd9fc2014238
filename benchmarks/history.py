"""What a long history costs: time for a bid, memory for a bid, and the way back after kill -9.

Each run times bids that come in through the ingest, in a new house with a short history and then in those that have
long ones already, so that a machine that is slower for a minute is slower for all. At last the process with the longest
is killed again and again while its server lives on; the clock starts when its lease has ended, with a new process.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from adapters.redis.client import execute
from benchmarks.measuring import Measure, until
from benchmarks.running import RunningHouse, running_house

RECOVERY_S = 600.0


class Back(msgspec.Struct, frozen=True):
    """Seconds from the end of the lease until the successor was ready, and until it had decided a new bid."""

    ready_s: float
    deciding_s: float


def history(runs: int, sizes: Sequence[int], probe: int) -> list[Measure]:
    """The measures for all sizes, the first of which is the short one; a probe's bids add to the history."""
    short, *long = sizes
    bid_us: dict[int, list[float]] = {size: [] for size in sizes}
    memory_mb: dict[int, tuple[float, float]] = {}
    with ExitStack() as stack:
        houses = {size: stack.enter_context(running_house()) for size in long}
        for size, house in houses.items():
            house.fill(size)
            _bid_us(house, probe)  # the filling went past the ingest, which has to come to full speed too
            memory_mb[size] = house.memory_mb()
        for _ in range(runs):
            with running_house() as house:
                house.fill(short)
                bid_us[short].append(_bid_us(house, probe))
                memory_mb[short] = house.memory_mb()
            for size, house in houses.items():
                bid_us[size].append(_bid_us(house, probe))
        back = [_come_back(houses[long[-1]]) for _ in range(runs)]
    measures = []
    for size in sizes:
        name = f"history of {size:,}"
        ratios = [us / at_short for us, at_short in zip(bid_us[size], bid_us[short], strict=True)]
        target = "≤ 1.2" if size == long[-1] else ""
        process_mb, server_mb = memory_mb[size]
        measures += [
            Measure(name=f"{name}: a bid", unit="µs", runs=bid_us[size]),
            Measure(name=f"{name}: a bid against {short:,}", unit="×", runs=ratios, target=target),
            Measure(name=f"{name}: the process", unit="MB", runs=[process_mb]),
            Measure(name=f"{name}: its server", unit="MB", runs=[server_mb]),
        ]
    added = [
        (many - few) * 1024**2 / (long[-1] - short)
        for few, many in zip(memory_mb[short], memory_mb[long[-1]], strict=True)
    ]
    return [
        *measures,
        Measure(name="memory for a bid: the process", unit="B", runs=[added[0]]),
        Measure(name="memory for a bid: its server", unit="B", runs=[added[1]]),
        Measure(name="killed, from the lease's end: ready", unit="s", runs=[run.ready_s for run in back]),
        Measure(
            name="killed, from the lease's end: deciding", unit="s", runs=[run.deciding_s for run in back], target="≤ 2"
        ),
    ]


def _bid_us(house: RunningHouse, probe: int) -> float:
    """Microseconds for each of so many bids more."""
    size, lines = house.decided(), house.data_dir / "lines"
    house.war.write(lines, size, probe)
    fed = house.feed(lines)
    return (house.until_decided(size + probe) - fed.began_s) / probe * 1e6


def _come_back(house: RunningHouse) -> Back:
    decided = house.decided()
    lines = house.data_dir / "lines"
    house.war.write(lines, decided, 1)
    house.kill()
    until(lambda: not execute(house.client, "EXISTS", house.keys.lease), "the lease ends")
    began_s = time.monotonic()
    house.start()
    until(house.is_ready, "the successor is ready", RECOVERY_S)
    ready_s = time.monotonic() - began_s
    house.feed(lines)
    return Back(ready_s, house.until_decided(decided + 1) - began_s)
