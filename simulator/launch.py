"""Starts a simulator as a process of its own, or finds the one that still runs in a data directory.

Like the real X or chain, a simulator goes on when the supervisor is killed. It ends when told, or by itself after a
while without requests. While it lives it holds its lock in the directory, so a second one never starts beside one that
is starting or slow to answer.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

import loopback
import own_files
from loopback import NoAnswer

START_S = 30.0
ANSWER_S = 5.0
POLL_S = 0.02


class Simulator(NamedTuple):
    """A kind of simulator: its module and the names of its files in a data directory."""

    module: str
    port_file: str
    lock_file: str
    log_file: str


X = Simulator("simulator.x", "simulated-x.port", "simulated-x.lock", "simulated-x.log")
CHAIN = Simulator("simulator.chain", "simulated-chain.port", "simulated-chain.lock", "simulated-chain.log")
PORT_FILE = X.port_file


class SimulatorFailed(Exception):
    """The simulator did not start or did not answer; the text names its log."""


def ensure(kind: Simulator, data_dir: Path, options: Sequence[str]) -> tuple[int, bool]:
    """Returns the port of the directory's simulator, and whether this call has started it, with `options`.

    Raises SimulatorFailed or OSError, and then leaves no process running that it has started.
    """
    own_files.private_folder(data_dir)
    begun: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_S
    try:
        while (port := port_of(data_dir, kind)) is None:
            if begun is None:
                begun = _start_alone(kind, data_dir, options)
            if time.monotonic() > deadline or (begun is not None and begun.poll() is not None):
                raise SimulatorFailed(
                    f"{kind.module} of {data_dir} does not answer; its log is {data_dir / kind.log_file}"
                )
            time.sleep(POLL_S)
    except BaseException:
        if begun is not None:
            begun.kill()
            begun.wait()
        raise
    return port, begun is not None


def _start_alone(kind: Simulator, data_dir: Path, options: Sequence[str]) -> "subprocess.Popen[bytes] | None":
    """Starts a simulator and returns its process, or None if one lives already."""
    lock = own_files.lock_file(data_dir / kind.lock_file)
    try:
        if not own_files.try_lock(lock):
            return None
        port_file = data_dir / kind.port_file
        port_file.unlink(missing_ok=True)  # left by a killed one
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        with open(data_dir / kind.log_file, "ab", opener=own_files.private) as log:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", kind.module, "--port-file", str(port_file), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(lock,),
                umask=own_files.PRIVATE_UMASK,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
    finally:
        os.close(lock)


def ask_x(port: int, method: str, path: str, body: Any = None, within_s: float = ANSWER_S) -> Any:
    """Sends a request to the simulator's control plane and returns its JSON answer. Raises SimulatorFailed."""
    try:
        status, content = loopback.exchange(port, method, path, body, within_s=within_s)
    except NoAnswer as fault:
        raise SimulatorFailed(f"the simulator on port {port} does not answer: {fault}") from None
    if status != HTTPStatus.OK:
        raise SimulatorFailed(f"the simulator answers {status} to {method} {path}: {content}")
    return content


def port_of(data_dir: Path, kind: Simulator = X) -> int | None:
    """Returns the port of the directory's simulator, of several the first, or None if none answers."""
    try:
        port = int((data_dir / kind.port_file).read_text(encoding="utf-8").partition("\n")[0])
        ask_x(port, "GET", "/_sim/health")
    except (OSError, ValueError, SimulatorFailed):
        return None
    return port


def ports_of(data_dir: Path, kind: Simulator) -> list[int]:
    """Returns the ports of all endpoints of the directory's simulator. Raises OSError if none runs."""
    return [int(line) for line in (data_dir / kind.port_file).read_text(encoding="utf-8").splitlines()]


def lives(data_dir: Path, kind: Simulator = X) -> bool:
    """Whether a simulator of this directory is still running, answering or not. Raises OSError."""
    lock = own_files.lock_file(data_dir / kind.lock_file)
    try:
        return not own_files.try_lock(lock)
    finally:
        os.close(lock)
