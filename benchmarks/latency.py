"""How long a bid takes from its arrival until it is durable, and until a viewer has the frame that shows it.

Open loop: every bid has a time at which it is due, whether or not those before it are through; its latency counts from
that time, so that waiting is part of it. A viewer who cannot be given each frame in time gets a snapshot instead; a bid
is shown by the first frame whose seq has reached its own.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from adapters import process_file
from benchmarks.measuring import Measure, percentile
from benchmarks.running import RunningHouse, running_house
from benchmarks.witness import Seen
from tests.harness import ROOT

WITNESS_S = 30.0
SHARES = (0.5, 0.9, 0.99, 1.0)
TARGETS = {("frame", 1_000, 0.99): "≤ 25"}


class Latencies(msgspec.Struct, frozen=True):
    """All of one run, in ms, sorted: from due to durable, from due to shown."""

    durable: list[float]
    shown: list[float]


def latency(runs: int, rate: int, seconds: float) -> tuple[list[Measure], Latencies]:
    """Percentiles at one rate, and the last run as it was."""
    found = []
    for _ in range(runs):
        with running_house() as house:
            found.append(_measure(house, rate, max(1, round(rate * seconds))))
    measures = [
        Measure(
            name=f"{rate:,}/s: received to {what}, {'worst' if share == 1 else f'p{share * 100:g}'}",
            unit="ms",
            runs=[percentile(run.durable if what == "durable" else run.shown, share) for run in found],
            target=TARGETS.get((what, rate, share), ""),
        )
        for what in ("durable", "frame")
        for share in SHARES
    ]
    return measures, found[-1]


def _measure(house: RunningHouse, rate: int, count: int) -> Latencies:
    lines, out = house.data_dir / "lines", house.data_dir / "seen"
    house.war.write(lines, 0, count)
    with _witness(house, out):
        fed = house.feed(lines, rate)
        house.until_decided(count)
    seen = msgspec.msgpack.decode(out.read_bytes(), type=Seen)
    if len(seen.decided) != count:
        raise RuntimeError(f"{count} bids were offered, {len(seen.decided)} verdicts were seen")
    durable, shown = [], []
    frames = iter(seen.frames)
    seq, at_s = next(frames)
    for bid in sorted(seen.decided, key=lambda bid: bid.seq):
        due_s = fed.began_s + house.war.number(bid.post_id) / rate
        while seq < bid.seq:
            seq, at_s = next(frames, (sys.maxsize, float("inf")))
        durable.append((bid.at_s - due_s) * 1000)
        shown.append((at_s - due_s) * 1000)
    if shown[-1] == float("inf"):
        raise RuntimeError("the last bids were never shown to the viewer")
    return Latencies(sorted(durable), sorted(shown))


@contextmanager
def _witness(house: RunningHouse, out: Path) -> Iterator[None]:
    found = process_file.read(house.data_dir)
    assert found is not None, "a running house says where it listens"
    command = [sys.executable, "-m", "benchmarks.witness", "--feed", f"ws://127.0.0.1:{found.public_port}/livestream"]
    command += ["--store", house.url, "--marathon", house.keys.marathon_id, "--out", str(out)]
    witness = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
    assert witness.stdin is not None, "it is told to end through its standard input"
    assert witness.stdout is not None, "it says when it watches"
    try:
        if witness.stdout.readline() != b"watching\n":
            raise RuntimeError("the witness did not begin to watch")
        yield
        witness.stdin.close()
        if witness.wait(WITNESS_S) != 0:
            raise RuntimeError(f"the witness ended with {witness.returncode}")
    finally:
        witness.kill()
        witness.wait()
        witness.stdout.close()
