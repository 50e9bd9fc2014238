"""Processes that are started and ended from outside, and what they leave in a data directory."""

import ctypes
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import loopback
from adapters import process_file
from adapters.redis.embedded import EmbeddedServer
from commands.simulated import end_simulated_chain, end_simulated_x
from simulator.launch import CHAIN, port_of
from tests.harness import ROOT

PR_SET_PDEATHSIG = 1  # prctl(2)
END_S = 60.0


def begin(command: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
    """A process that is asked to end (SIGTERM) when this one ends, in whatever way. Linux. From the main thread."""
    libc = ctypes.CDLL(None)
    bind = partial(libc.prctl, PR_SET_PDEATHSIG, signal.SIGTERM)
    return subprocess.Popen(command, preexec_fn=bind, **options)  # noqa: PLW1509


def end(process: "subprocess.Popen[bytes]", within_s: float) -> None:
    """Ask the process to end (SIGTERM), and kill it where it is still there after `within_s` seconds."""
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def is_ready(data_dir: Path) -> bool:
    """Whether the process of this data directory says that it is."""
    found = process_file.read(data_dir)
    try:
        return found is not None and loopback.exchange(found.private_port, "GET", "/readyz", within_s=1)[0] == 200
    except loopback.NoAnswer:
        return False


def end_x(data_dir: Path) -> None:
    """Ends the simulated X of this directory, where it lives."""
    if (port := port_of(data_dir)) is not None:
        end_simulated_x(data_dir, port)


def end_world(data_dir: Path) -> None:
    """Ends the simulators and the embedded server that a killed process has left behind."""
    server = EmbeddedServer(data_dir)
    if server.alive():
        server.ensure()
        server.stop()
    end_x(data_dir)
    if (port := port_of(data_dir, CHAIN)) is not None:
        end_simulated_chain(data_dir, port)


class HouseProcess:
    """A house in a process of its own, from outside. It ends when its standard input does; its log is a file."""

    def __init__(self, data_dir: Path, log: Path) -> None:
        self.data_dir = data_dir
        self.process: subprocess.Popen[bytes] | None = None
        self._log = log

    def begin(self, module: str, *options: str) -> None:
        """Starts the process, or its successor on the same data directory."""
        command = [sys.executable, "-m", module, "--data-dir", str(self.data_dir), *options]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=log)

    def end(self) -> int:
        """Ends it in good order, and kills it where it has not ended in time; the exit code."""
        assert self.process is not None, "it was never started"
        self._close_input()
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait(END_S)

    def kill(self) -> None:
        """Kills the process (SIGKILL). Its store server and the simulated X live on."""
        assert self.process is not None, "it was never started"
        self.process.kill()
        self.process.wait(END_S)
        self._close_input()

    def _close_input(self) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()

    def must_live(self) -> None:
        """Raises RuntimeError where the process has ended."""
        if self.process is not None and self.process.poll() is not None:
            raise RuntimeError(f"the house has ended with {self.process.returncode}: {self.words()}")

    def is_ready(self) -> bool:
        """Whether the process says that it is. Raises RuntimeError where it has ended."""
        self.must_live()
        return is_ready(self.data_dir)

    def words(self) -> str:
        """The last line of the log."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"


def input_has_ended() -> Callable[[], bool]:
    """For a `HouseProcess`: tells whether its standard input has ended."""
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    return over.is_set
