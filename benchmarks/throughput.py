"""How many bids a second: sustained, in a burst, and what the store alone would allow.

Each run is a new process with an empty store. The clock runs from the moment when the first line is due until the last
bid is decided on disk; then every bid is looked for, once and in its place, in the log and in the history.
"""

import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from adapters.redis import functions
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from benchmarks.measuring import Measure
from benchmarks.running import RunningHouse, running_house

TIMEOUT_S = 60.0
WHERE = {"one process": False, "the ingest in its own": True}
"""Where the ingest runs, and whether that is a process of its own."""


def sustained(runs: int, count: int) -> list[Measure]:
    """Bids a second, offered as fast as they are taken."""
    measures = []
    for where, ingest_process in WHERE.items():
        rates = []
        for _ in range(runs):
            with running_house(ingest_process=ingest_process) as house:
                rates.append(count / _decide(house, count))
        name = f"payload to durable decision, {count:,} bids, {where}"
        measures.append(Measure(name=name, unit="bids/s", runs=rates, target="≥ 40,000"))
    return measures


def burst(runs: int, count: int) -> list[Measure]:
    """Seconds until all bids that were offered within one second are decided."""
    measures = []
    for where, ingest_process in WHERE.items():
        took = []
        for _ in range(runs):
            with running_house(ingest_process=ingest_process) as house:
                took.append(_decide(house, count, rate=count))
        name = f"{count:,} bids within a second: all decided, {where}"
        measures.append(Measure(name=name, unit="s", runs=took, target="≤ 4"))
    return measures


def ceiling(runs: int, count: int) -> list[Measure]:
    """Bids a second when the commits of a recorded run are sent again, byte for byte, to an empty server."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        record = Path(folder) / "commits"
        with running_house(record, ingest_process=True) as house:
            _decide(house, count)
        rates = [count / _replay(record) for _ in range(runs)]
        sizes = float(sum(1 for _ in _commits(record)))
    return [
        Measure(name=f"the same commits, nothing decided, {count:,} bids", unit="bids/s", runs=rates),
        Measure(name="commits that this run took", unit="", runs=[sizes]),
    ]


def _decide(house: RunningHouse, count: int, rate: float = 0.0) -> float:
    """Seconds from the first line to the last decision. Raises RuntimeError when a bid is lost or misplaced."""
    lines = house.data_dir / "lines"
    house.war.write(lines, 0, count)
    fed = house.feed(lines, rate)
    took_s = house.until_decided(count) - fed.began_s
    check(house, count)
    return took_s


def check(house: RunningHouse, count: int) -> None:
    """Every bid stands in log and history, once, in canonical order. Raises RuntimeError."""
    offered = [house.war.post_id(number) for number in range(count)]
    for name, found in (
        ("the log", [verdict.post_id for verdict in house.verdicts()]),
        ("the history", house.history()),
    ):
        if found == offered:
            continue
        missing, doubled = set(offered) - set(found), len(found) - len(set(found))
        unordered = sum(earlier > later for earlier, later in pairwise(found))
        raise RuntimeError(f"{name}: {len(missing)} bids are missing, {doubled} doubled, {unordered} out of order")


def _replay(record: Path) -> float:
    """Seconds that these commits take."""
    commits = list(_commits(record))
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = EmbeddedServer(Path(folder))
        server.ensure()
        client = connect(server.url, TIMEOUT_S)
        try:
            functions.load(client)
            lease, heads = commits[0][0][:2]
            token, incarnation, writer, sequence, chain_hash = map(str, commits[0][1][:5])
            execute(client, "SET", lease, token)
            execute(client, "HSET", heads, writer, f"{incarnation} {sequence} {chain_hash}")
            began_s = time.monotonic()
            for keys, args in commits:
                functions.call(client, "commit", keys, args)
            return time.monotonic() - began_s
        finally:
            client.close()
            server.stop()


def _commits(record: Path) -> Iterator[tuple[list[str], list[functions.Value]]]:
    with record.open("rb") as file:
        while head := file.read(4):
            yield msgspec.msgpack.decode(file.read(int.from_bytes(head, "big")))
