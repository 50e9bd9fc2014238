"""The idle process: how long until it is ready, and how much memory it holds then. `make bench`.

It runs as its users run it: the shipped settings, the embedded server, the simulated X beside it. Memory is the
supervisor's own resident set; the server and the simulator are processes of their own and listed as such.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from adapters.redis.embedded import EmbeddedServer
from benchmarks.measuring import BUILD, Measure, resident_mb
from tests.harness import ROOT
from tests.harness.processes import begin, end, end_x, is_ready
from tests.harness.waiting import until

RUNS = 5
DEADLINE_S = 30.0
SETTLE_S = 3.0


class IdleRun(msgspec.Struct, frozen=True):
    """One start: seconds from the command to 200 on /readyz, and resident memory some seconds later, in MB."""

    ready_s: float
    supervisor_mb: float
    server_mb: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"starts (default {RUNS})")
    runs = [measure() for _ in range(parser.parse_args().runs)]
    measures = [
        Measure(name="idle: ready after", unit="s", runs=[run.ready_s for run in runs], target="≤ 2"),
        Measure(name="idle: the process", unit="MB", runs=[run.supervisor_mb for run in runs], target="≤ 150"),
        Measure(name="idle: its server", unit="MB", runs=[run.server_mb for run in runs]),
    ]
    for found in measures:
        print(f"{found.name:<18} median {found.median:.2f} {found.unit}   min {found.least:.2f}   max {found.most:.2f}")
    BUILD.mkdir(exist_ok=True)
    (BUILD / "idle.json").write_bytes(msgspec.json.encode(measures))
    return 0


def measure() -> IdleRun:
    """Start, wait until ready, look, stop."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        ports = {"AUCTION_MANAGER__HTTP__PUBLIC_PORT": "0", "AUCTION_MANAGER__HTTP__PRIVATE_PORT": "0"}
        began_s = time.monotonic()
        process = begin(
            [sys.executable, str(ROOT / "supervisor.py"), "run", "--data-dir", folder],
            env={**os.environ, **ports},
            stderr=subprocess.DEVNULL,
        )
        try:
            until(lambda: is_ready(data_dir) or process.poll() is not None, "the process is ready", DEADLINE_S)
            if process.poll() is not None:
                raise RuntimeError("the process has ended")
            ready_s = time.monotonic() - began_s
            time.sleep(SETTLE_S)  # what the start has left over is given back in the first seconds
            server = EmbeddedServer(data_dir)
            return IdleRun(ready_s, resident_mb(process.pid), resident_mb(server.process_id() or 0))
        finally:
            end(process, DEADLINE_S)
            end_x(data_dir)


if __name__ == "__main__":
    sys.exit(main())
