"""The idle process: how long until it is ready, and how much memory it holds then. `make bench`.

It runs as its users run it: the shipped settings, the embedded server, the simulated X beside it. Memory is the
supervisor's own resident set; the server and the simulator are processes of their own and listed as such.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec

from adapters.redis.embedded import EmbeddedServer
from simulator.launch import ask_x

ROOT = Path(__file__).parent.parent
RUNS = 5
DEADLINE_S = 30.0
SETTLE_S = 3.0


class IdleRun(msgspec.Struct, frozen=True):
    """One start: seconds from the command to 200 on /readyz, and resident memory some seconds later, in MB."""

    ready_s: float
    supervisor_mb: float
    server_mb: float


def main() -> int:
    runs = [measure() for _ in range(RUNS)]
    for name in IdleRun.__struct_fields__:
        figures = sorted(getattr(run, name) for run in runs)
        print(f"{name:<14} median {statistics.median(figures):8.2f}   min {figures[0]:8.2f}   max {figures[-1]:8.2f}")
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "idle.json").write_bytes(msgspec.json.encode(runs))
    return 0


def measure() -> IdleRun:
    """Start, wait until ready, look, stop."""
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        ports = {"AUCTION_MANAGER__HTTP__PUBLIC_PORT": "0", "AUCTION_MANAGER__HTTP__PRIVATE_PORT": "0"}
        began_s = time.monotonic()
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, str(ROOT / "supervisor.py"), "run", "--data-dir", folder],
            env={**os.environ, **ports},
            stderr=subprocess.DEVNULL,
        )
        try:
            while not _ready(data_dir):
                if time.monotonic() - began_s > DEADLINE_S or process.poll() is not None:
                    raise RuntimeError("the process does not become ready")
                time.sleep(0.01)
            ready_s = time.monotonic() - began_s
            time.sleep(SETTLE_S)  # what the start has left over is given back in the first seconds
            server = EmbeddedServer(data_dir)
            return IdleRun(ready_s, _resident_mb(process.pid), _resident_mb(server.process_id() or 0))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_S)
            ask_x(int((data_dir / "simulated-x.port").read_text()), "POST", "/_sim/stop", {})


def _ready(data_dir: Path) -> bool:
    try:
        port = json.loads((data_dir / "process.json").read_bytes())["private_port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def _resident_mb(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
