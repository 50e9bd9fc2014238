"""A house from outside: its process and its store. It can be fed, filled, looked at, killed and started again."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import redis

import bootstrap
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreUnavailable
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.redis.queue import Queue
from adapters.wall_clock import wall_clock_ms
from benchmarks.feeding import SOCKET, Fed, Order, feed, feeder_id
from benchmarks.house import house_plan, house_settings
from benchmarks.lines import War
from benchmarks.measuring import resident_mb
from commands.compressed import START_MS
from messages.events import BidAccepted, BidRefused
from tests.harness.processes import HouseProcess, end_x
from tests.harness.waiting import until

START_S, DECIDE_S = 60.0, 900.0
FILL_BATCH, FILL_AHEAD = 500, 400  # bids an entry, entries that may wait


class RunningHouse(HouseProcess):
    """One house in a folder of its own. For one thread."""

    def __init__(self, folder: Path, record: Path | None = None, ingest_process: bool = False) -> None:
        super().__init__(folder, folder / "house.log")
        self._opens_at_ms = wall_clock_ms() + START_MS
        self._options = ["--record", str(record)] if record else []
        self._options += ["--ingest-process"] if ingest_process else []
        settings = house_settings(folder, house_plan(self._opens_at_ms))
        self.auction_id = bootstrap.auction_id(settings, 1)
        self.keys = Keys(settings.marathon.id)
        self._server = EmbeddedServer(folder)  # only asked; the house itself starts and stops it
        self._client: redis.Redis | None = None

    def __enter__(self) -> "RunningHouse":
        try:
            self.start()
            self.until_open()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self.end()
        end_x(self.data_dir)

    # ---- coming and going

    def start(self) -> None:
        """Start the process, or its successor in the same directory."""
        self.begin("benchmarks.house", "--opens-at-ms", str(self._opens_at_ms), *self._options)

    def end(self) -> int:
        """End it in good order, the server with it; what does not end in time is killed, both. The exit code."""
        if self._client:
            self._client.close()
            self._client = None
        code = super().end() if self.process else 0
        self.kill_server()
        return code

    def kill_server(self) -> bool:
        """kill -9 of the server; the supervisor starts it again. Whether there was one that answered."""
        if (server := self._server.process_id()) is None:
            return False
        os.kill(server, signal.SIGKILL)
        return True

    def ingest_id(self) -> int | None:
        """The process of the ingest, where it has one of its own and obeys."""
        found = feeder_id(self.data_dir / SOCKET)
        return found if self.process and found != self.process.pid else None

    def kill_ingest(self) -> None:
        """kill -9 of the ingest's own process; returns when nobody can take its successor for it."""
        ingest = self.ingest_id()
        assert ingest is not None, "only an ingest with a process of its own can be killed alone"
        os.kill(ingest, signal.SIGKILL)
        until(lambda: self.ingest_id() != ingest, "the killed ingest is gone", START_S)

    def until_open(self) -> None:
        """Wait until the auction's post is confirmed and the process ready; whose bids these are is known then."""
        try:
            until(self.is_open, "the auction opens", START_S, poll_s=0.01)
            until(self.is_ready, "the process is ready", START_S, poll_s=0.01)
        except RuntimeError as fault:  # its log goes with its folder
            raise RuntimeError(f"{fault}; the house says: {self.words()}") from fault
        self.war = War(int(execute(self.client, "HGET", self.keys.day(1), "post_id")))

    def is_open(self) -> bool:
        """Whether bids count. Raises RuntimeError when the process has ended."""
        self.must_live()
        try:
            return bool(execute(self.client, "HGET", self.keys.day(1), "phase") == b"ACTIVE")
        except StoreUnavailable:  # it is not up yet; whatever else is wrong is not passed over
            return False

    # ---- the store

    @property
    def client(self) -> redis.Redis:
        """A client of our own on the house's server, whether or not there is one yet."""
        if self._client is None:
            self._client = connect(self._server.url)
        return self._client

    @property
    def url(self) -> str:
        return self._server.url

    def decided(self) -> int:
        """How many bids are decided, on disk."""
        return int(execute(self.client, "ZCARD", self.keys.bids(self.auction_id)))

    def waiting(self) -> int:
        """How many entries the queue holds that are not decided yet."""
        return int(execute(self.client, "XLEN", self.keys.queue(self.auction_id)))

    def verdicts(self) -> Iterator[BidAccepted | BidRefused]:
        """Every verdict, in the order of the log."""
        for entry in LogReader(self.client, self.keys).entries():
            yield from (event for event in entry.events() if isinstance(event, BidAccepted | BidRefused))

    def history(self) -> list[int]:
        """The post ids of the bid history, in its order."""
        members: list[bytes] = execute(self.client, "ZRANGE", self.keys.bids(self.auction_id), 0, -1)
        return [int(member) for member in members]

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory of the process and of its server."""
        assert self.process is not None, "only a started house has memory"
        return resident_mb(self.process.pid), resident_mb(self._server.process_id() or 0)

    # ---- bids

    def feed(self, lines: Path, rate: float = 0.0) -> Fed:
        """Bids as X's stream brings them, when somebody is there to take them; returns when the last was taken."""
        until(self._obeys, "the ingest obeys", START_S, poll_s=0.01)
        try:
            return feed(self.data_dir / SOCKET, Order(str(lines), rate))
        except (OSError, RuntimeError) as fault:
            raise RuntimeError(f"the house could not be fed: {fault}; it says: {self.words()}") from fault

    def _obeys(self) -> bool:
        self.must_live()
        return feeder_id(self.data_dir / SOCKET) is not None

    def fill(self, to: int) -> None:
        """Bids past the ingest, into the queue, until so many are decided: the quick way to a long history."""
        queue, now_ms = Queue(self.client, self.keys), wall_clock_ms()
        have = self.decided()
        for number, batch in enumerate(self.war.batches(have, to - have, FILL_BATCH, now_ms)):
            if number % 8 == 0:
                until(lambda: self.waiting() < FILL_AHEAD, "the queue is worked off", DECIDE_S, poll_s=0.01)
            queue.append(self.auction_id, batch)
        self.until_decided(to)

    def until_decided(self, count: int) -> float:
        """Wait until so many bids are decided; when that was (`time.monotonic`)."""
        until(lambda: self.decided() >= count, f"{count} bids are decided", DECIDE_S, poll_s=0.01)
        return time.monotonic()


@contextmanager
def running_house(record: Path | None = None, ingest_process: bool = False) -> Iterator[RunningHouse]:
    """A new house with an open auction, in a folder that goes with it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        RunningHouse(Path(folder), record, ingest_process) as house,
    ):
        yield house
