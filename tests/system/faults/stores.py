"""The stores that faults are done to: the embedded server of a house, and one of its own beside it."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis

from adapters.redis.client import connect, execute, socket_url
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreError
from tests.harness.store_servers import begin_server, socket_of
from tests.harness.waiting import until

START_S = 60.0


class TestedStore:
    """A server, and what can be done to it from outside. `folder` is where its files are."""

    __test__ = False  # for pytest, which takes its name for that of a test
    kind = ""
    password: str | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def url(self) -> str:
        raise NotImplementedError

    def process_id(self) -> int:
        raise NotImplementedError

    def back(self, **options: str) -> None:
        """Whoever has to start it again does so; here, where that is not the house."""

    def tell(self, *command: str | bytes | int) -> Any:
        """The answer to one command, on a connection of its own."""
        client = connect(self.url, 60.0, self.password)
        try:
            return execute(client, *command)
        finally:
            client.close()

    def answers(self) -> bool:
        with suppress(StoreError, redis.RedisError, OSError):
            return bool(self.tell("PING"))
        return False

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process_id(), number)

    def kill(self) -> None:
        """kill -9, and it is gone."""
        number = self.process_id()
        os.kill(number, signal.SIGKILL)
        until(lambda: not _lives(number), "the server is gone", START_S)

    @property
    def log_file(self) -> Path:
        """Its append-only file as it grows."""
        return max(self.folder.glob("appendonlydir/*.incr.aof"), key=lambda path: path.stat().st_mtime)


class Embedded(TestedStore):
    """The one that a house starts, and starts again."""

    kind = "embedded"

    @property
    def url(self) -> str:
        return EmbeddedServer(self.folder).url

    def process_id(self) -> int:
        found = EmbeddedServer(self.folder).process_id()
        assert found is not None, "the embedded server does not answer"
        return found


class External(TestedStore):
    """One of its own, as `redis.url` names it; who has killed it starts it again with `back`."""

    kind = "external"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.back()

    @property
    def url(self) -> str:
        return socket_url(socket_of(self.folder))

    def process_id(self) -> int:
        assert self._process is not None, "it was never started"
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None, "it was never started"
        self._process.kill()
        self._process.wait(START_S)

    def back(self, **options: str) -> None:
        if self._process is not None:
            self._process.wait(START_S)
        self._process = begin_server(self.folder, **options)
        if not options:
            until(self.answers, "the server answers", START_S)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


def _lives(process_id: int) -> bool:
    """Whether it is there and is more than a zombie that its parent has not looked after yet."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def fill(folder: Path) -> Path:
    """A file that takes all the room of this disk."""
    filler = folder / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 4096)
    return filler


def wait(seconds: float) -> None:
    """How long a fault lasts is part of it."""
    time.sleep(seconds)
