"""Starting a simulator as a process of its own, and finding one that outlived whoever had started it.

The world outside does not stop when the supervisor is killed, and neither do simulators: they end when told, or by
themselves once nobody has talked to them for a while.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PORT_FILE = "simulated-x.port"
START_S = 30.0
ANSWER_S = 5.0
POLL_S = 0.02


class SimulatorFailed(Exception):
    """The simulator did not come up, or did not answer; the text says where its words are."""


def ensure_x(data_dir: Path, options: Sequence[str]) -> int:
    """The port of the simulated X of this directory, started with `options` unless it lives. Raises SimulatorFailed."""
    port_file, log_file = data_dir / PORT_FILE, data_dir / "simulated-x.log"
    if (port := _port(port_file)) is not None:
        return port
    data_dir.mkdir(parents=True, exist_ok=True)
    port_file.unlink(missing_ok=True)
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with log_file.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "simulator.x", "--port-file", str(port_file), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    deadline = time.monotonic() + START_S
    while (port := _port(port_file)) is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SimulatorFailed(f"the simulated X did not start; its words are in {log_file}")
        time.sleep(POLL_S)
    return port


def ask_x(port: int, method: str, path: str, body: Any = None) -> Any:
    """The JSON answer of the simulator's control plane. Raises SimulatorFailed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as fault:
        raise SimulatorFailed(f"the simulated X on port {port} does not answer: {fault}") from None
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise SimulatorFailed(f"the simulated X answers {answer.status} to {method} {path}: {content}")
    return content


def _port(port_file: Path) -> int | None:
    try:
        port = int(port_file.read_text(encoding="utf-8"))
        ask_x(port, "GET", "/_sim/health")
    except (OSError, ValueError, SimulatorFailed):
        return None
    return port
