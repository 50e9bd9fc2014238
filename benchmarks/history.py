"""What a long history costs: time for a bid, memory for a bid, and the way back after kill -9.

One house grows through the sizes; at each, bids come in through the ingest and are timed. At the last size the process
is killed while its server lives on; the clock starts when its lease has ended, with the start of a successor.
"""

import time
from collections.abc import Sequence

import msgspec

from adapters.redis.client import execute
from benchmarks.measuring import Measure, until
from benchmarks.running import RunningHouse, running_house

RECOVERY_S = 600.0


class Grown(msgspec.Struct, frozen=True):
    """One house at one size of its history: microseconds for each bid of the probe, and resident memory in MB."""

    size: int
    bid_us: float
    process_mb: float
    server_mb: float


class Back(msgspec.Struct, frozen=True):
    """Seconds from the end of the lease until the successor was ready, and until it had decided a new bid."""

    ready_s: float
    deciding_s: float


def history(runs: int, sizes: Sequence[int], probe: int) -> list[Measure]:
    """The measures for all sizes; the probe's bids are of the history that follows."""
    grown: list[list[Grown]] = []
    back: list[Back] = []
    for _ in range(runs):
        with running_house() as house:
            grown.append([_grow(house, size, probe) for size in sizes])
            back.append(_come_back(house))
    pairs = [(run[0], run[-1]) for run in grown]
    measures = []
    for place, size in enumerate(sizes):
        at_size = [run[place] for run in grown]
        base = [run[0].bid_us for run in grown]
        name = f"history of {size:,}"
        measures += [
            Measure(name=f"{name}: a bid", unit="µs", runs=[found.bid_us for found in at_size]),
            Measure(
                name=f"{name}: a bid against {sizes[0]:,}",
                unit="×",
                runs=[found.bid_us / first for found, first in zip(at_size, base, strict=True)],
                target="≤ 1.2" if place == len(sizes) - 1 else "",
            ),
            Measure(name=f"{name}: the process", unit="MB", runs=[found.process_mb for found in at_size]),
            Measure(name=f"{name}: its server", unit="MB", runs=[found.server_mb for found in at_size]),
        ]
    return [
        *measures,
        Measure(
            name="memory for a bid: the process",
            unit="B",
            runs=[_bytes(few.process_mb, many.process_mb, sizes) for few, many in pairs],
        ),
        Measure(
            name="memory for a bid: its server",
            unit="B",
            runs=[_bytes(few.server_mb, many.server_mb, sizes) for few, many in pairs],
        ),
        Measure(name="killed, from the lease's end: ready", unit="s", runs=[run.ready_s for run in back]),
        Measure(
            name="killed, from the lease's end: deciding", unit="s", runs=[run.deciding_s for run in back], target="≤ 2"
        ),
    ]


def _grow(house: RunningHouse, size: int, probe: int) -> Grown:
    house.fill(size)
    lines = house.data_dir / "lines"
    house.war.write(lines, size, probe)
    fed = house.feed(lines)
    took_s = house.until_decided(size + probe) - fed.began_s
    return Grown(size, took_s / probe * 1e6, *house.memory_mb())


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


def _bytes(few_mb: float, many_mb: float, sizes: Sequence[int]) -> float:
    """What each bid between the first and the last size has added."""
    return (many_mb - few_mb) * 1024**2 / (sizes[-1] - sizes[0])
