"""What a long history costs: time for a bid, memory for a bid, and the way back after kill -9.

Each run times bids that come in through the ingest, of each size of history one after the other, so that a machine that
is slower for a minute is slower for all. Always it is a new process that has them come in for the first time: the
shorter histories grow in it, the longest one it finds. For its predecessor is killed while the server lives on, and the
clock of the way back starts when the lease has ended, with the start of the successor.
"""

import time
from collections.abc import Sequence

import msgspec

from adapters.redis.client import execute
from benchmarks.measuring import Measure
from benchmarks.running import RunningHouse, running_house
from tests.harness.waiting import until

RECOVERY_S = 600.0


class Probed(msgspec.Struct, frozen=True):
    """One house after a probe: microseconds for each of its bids, and resident memory in MB."""

    bid_us: float
    process_mb: float
    server_mb: float


class Back(msgspec.Struct, frozen=True):
    """Seconds from the end of the lease until the successor was ready, and until it had decided a new bid."""

    ready_s: float
    deciding_s: float


def history(runs: int, sizes: Sequence[int], probe: int) -> list[Measure]:
    """The measures for all sizes, in ascending order; each probe adds to the longest history."""
    *shorter, longest = sizes
    probed: dict[int, list[Probed]] = {size: [] for size in sizes}
    back = []
    with running_house() as long:
        long.fill(longest)
        for _ in range(runs):
            for size in shorter:
                with running_house() as house:
                    house.fill(size)
                    probed[size].append(_probe(house, probe))
            back.append(_come_back(long))
            probed[longest].append(_probe(long, probe))
    short = probed[sizes[0]]
    measures = []
    for size, found in probed.items():
        name = f"history of {size:,}"
        ratios = [each.bid_us / at_short.bid_us for each, at_short in zip(found, short, strict=True)]
        measures += [
            Measure(name=f"{name}: a bid", unit="µs", runs=[each.bid_us for each in found]),
            Measure(
                name=f"{name}: a bid against {sizes[0]:,}",
                unit="×",
                runs=ratios,
                target="≤ 1.2" if size == longest else "",
            ),
            Measure(name=f"{name}: the process", unit="MB", runs=[each.process_mb for each in found]),
            Measure(name=f"{name}: its server", unit="MB", runs=[each.server_mb for each in found]),
        ]
    pairs = list(zip(short, probed[longest], strict=True))
    process_mb = [many.process_mb - few.process_mb for few, many in pairs]
    server_mb = [many.server_mb - few.server_mb for few, many in pairs]
    in_bytes = 1024**2 / (longest - sizes[0])
    return [
        *measures,
        Measure(name="memory for a bid: the process", unit="B", runs=[added * in_bytes for added in process_mb]),
        Measure(name="memory for a bid: its server", unit="B", runs=[added * in_bytes for added in server_mb]),
        Measure(name="killed, from the lease's end: ready", unit="s", runs=[run.ready_s for run in back]),
        Measure(
            name="killed, from the lease's end: deciding", unit="s", runs=[run.deciding_s for run in back], target="≤ 2"
        ),
    ]


def _probe(house: RunningHouse, bids: int) -> Probed:
    """Let so many bids more come in."""
    size, lines = house.decided(), house.data_dir / "lines"
    house.war.write(lines, size, bids)
    fed = house.feed(lines)
    took_s = house.until_decided(size + bids) - fed.began_s
    return Probed(took_s / bids * 1e6, *house.memory_mb())


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
