"""Starts the simulated X as a process of its own, or finds the one that still runs in a data directory.

Like the real X, the simulated X goes on when the supervisor is killed. It ends when told, or by itself after a while
without requests. While it lives it holds the lock of its directory, so a second one never starts beside one that is
starting or slow to answer.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import loopback
import own_files
from loopback import NoAnswer

PORT_FILE, LOCK_FILE, LOG_FILE = "simulated-x.port", "simulated-x.lock", "simulated-x.log"
START_S = 30.0
ANSWER_S = 5.0
POLL_S = 0.02


class SimulatorFailed(Exception):
    """The simulator did not start or did not answer; the text names its log."""


def ensure_x(data_dir: Path, options: Sequence[str]) -> tuple[int, bool]:
    """Returns the port of the directory's simulated X, and whether this call has started it, with `options`.

    Raises SimulatorFailed or OSError, and then leaves no process running that it has started.
    """
    own_files.private_folder(data_dir)
    begun: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_S
    try:
        while (port := port_of(data_dir)) is None:
            if begun is None:
                begun = _start_alone(data_dir, options)
            if time.monotonic() > deadline or (begun is not None and begun.poll() is not None):
                raise SimulatorFailed(
                    f"the simulated X of {data_dir} does not answer; its log is {data_dir / LOG_FILE}"
                )
            time.sleep(POLL_S)
    except BaseException:
        if begun is not None:
            begun.kill()
            begun.wait()
        raise
    return port, begun is not None


def _start_alone(data_dir: Path, options: Sequence[str]) -> "subprocess.Popen[bytes] | None":
    """Starts a simulated X and returns its process, or None if one lives already."""
    lock = own_files.lock_file(data_dir / LOCK_FILE)
    try:
        if not own_files.try_lock(lock):
            return None
        port_file = data_dir / PORT_FILE
        port_file.unlink(missing_ok=True)  # left by a killed one
        root = str(Path(__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        with open(data_dir / LOG_FILE, "ab", opener=own_files.private) as log:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "simulator.x", "--port-file", str(port_file), *options],
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
        raise SimulatorFailed(f"the simulated X on port {port} does not answer: {fault}") from None
    if status != HTTPStatus.OK:
        raise SimulatorFailed(f"the simulated X answers {status} to {method} {path}: {content}")
    return content


def port_of(data_dir: Path) -> int | None:
    """Returns the port of the directory's simulated X, or None if none answers."""
    try:
        port = int((data_dir / PORT_FILE).read_text(encoding="utf-8"))
        ask_x(port, "GET", "/_sim/health")
    except (OSError, ValueError, SimulatorFailed):
        return None
    return port


def lives(data_dir: Path) -> bool:
    """Whether a simulated X of this directory is still running, answering or not. Raises OSError."""
    lock = own_files.lock_file(data_dir / LOCK_FILE)
    try:
        return not own_files.try_lock(lock)
    finally:
        os.close(lock)
