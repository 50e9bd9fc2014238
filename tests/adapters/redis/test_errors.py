"""What a store answers instead of a commit, what the auction's actor does about it, and that every bid that was
received stands in the log once when it is over. Each row is met on a real server.
"""

import errno
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import redis

from actors.ports import StoreAccess
from adapters.redis.client import connect, execute, socket_url
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import NotOwner, OutcomeUnknown, StoreError, StoreUnavailable, WrongSequence
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease
from adapters.redis.log import LogReader
from adapters.redis.queue import START
from ledger.hash_chain import verify_chain
from messages.events import BidAccepted
from supervisor import CONDITIONS
from tests.adapters.redis.relay import Relay
from tests.harness.builders import OPENING, OPENS_MS, reply
from tests.harness.stage import Clock, Stage
from tests.harness.store import empty_store
from tests.harness.store_servers import answers, server_of
from tests.harness.supervised_house import running
from tests.harness.waiting import until

pytestmark = pytest.mark.requirement("RED-3", "BID-9")

ANSWER_S = 0.3
WAITS, RELOADS, STOPS = "WAITING_FOR_STORE", "dies and reloads", "stops the process"


@dataclass
class Place:
    """A server of the test's own, an auction on it that is open, and one bid that is decided."""

    server: EmbeddedServer
    stage: Stage
    received: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.auction = self.stage.auction()
        self.stage.queues.append("m-01", OPENING)
        self.bid()
        self.stage.step(self.auction)

    @property
    def client(self) -> Any:
        """Untyped: redis-py has typed its commands as if each could also answer a coroutine."""
        return self.stage.client

    def bid(self) -> None:
        """One more bid is received."""
        number = len(self.received) + 1
        command = reply(1_000 * number, number, f"0.{number + 1}")
        self.stage.queues.append("m-01", [command])
        self.received.append(command.post_id)

    def meets(self) -> Exception:
        """What the auction dies of, when it comes to decide."""
        with pytest.raises((StoreError, AssertionError)) as met:
            self.stage.step(self.auction)
        return met.value

    def recovers(self) -> None:
        """A successor begins, and all is as if nothing had happened."""
        self.stage.step(self.stage.auction())
        assert [event.post_id for event in self.stage.logged(BidAccepted)] == self.received
        assert self.stage.queues.read("m-01", START, 10) == []
        assert self.stage.current()["accepted"] == str(len(self.received))
        reader = LogReader(self.stage.client, self.stage.keys)
        assert verify_chain(reader.read(0, 100), reader.heads()) is None


def does(error: Exception) -> str:
    """What the supervisor makes of an actor that died of this."""
    if isinstance(error, NotOwner):
        return STOPS
    return next((condition for kind, condition in CONDITIONS.items() if isinstance(error, kind)), RELOADS)


@contextmanager
def on(server: EmbeddedServer, url: str, answer_s: float = ANSWER_S) -> Iterator[Place]:
    """The marathon `m` on the server at this URL, which is empty then."""
    with empty_store(url) as store:
        stage = Stage(store, Clock(OPENS_MS + 60_000))
        stage.access = access(url, store.token, answer_s)
        try:
            yield Place(server, stage)
        finally:
            stage.close()


def access(url: str, token: str, answer_s: float = ANSWER_S) -> StoreAccess:
    return StoreAccess(lambda: connect(url, answer_s), Keys("m"), token)


@pytest.fixture(scope="module")
def own_server() -> Iterator[EmbeddedServer]:
    with TemporaryDirectory(prefix="store-") as folder:
        server = EmbeddedServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def place(own_server: EmbeddedServer) -> Iterator[Place]:
    own_server.ensure()
    with on(own_server, own_server.url) as made:
        yield made


# ---- the faults: each gives back how it is healed

Healing = Callable[[], object]


@dataclass(frozen=True)
class Watching(StoreAccess):
    """Access to the store through journals that call `sends` when they are about to send."""

    sends: Callable[[], object] = lambda: None

    def journal(self, client: redis.Redis, writer: str) -> Journal:
        journal = super().journal(client, writer)
        send = journal.send

        def send_then(*args: Any) -> None:
            self.sends()
            send(*args)

        journal.send = send_then  # type: ignore[assignment, method-assign]
        return journal


def before_commit(place: Place, happens: Callable[[], object]) -> None:
    """This happens when a successor of the auction, which begins now, is about to commit."""
    usual = place.stage.access
    place.stage.access = Watching(usual.connect, usual.keys, usual.token, sends=happens)
    place.auction = place.stage.auction()
    place.stage.access = usual


def setting(*there: str, back: tuple[str, ...]) -> Callable[[Place], Healing]:
    """The server is told something that keeps it from writing."""

    def fault(place: Place) -> Healing:
        place.client.execute_command(*there)
        return lambda: place.client.execute_command(*back)

    return fault


def paused(place: Place) -> Healing:
    """It does not answer in time; whether it has written then is not known."""
    place.client.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    return lambda: place.client.execute_command("CLIENT", "UNPAUSE")


def killed_in_the_commit(place: Place) -> Healing:
    """kill -9 while the commit is on its way."""
    process_id = place.server.process_id()
    assert process_id is not None
    before_commit(place, lambda: threading.Timer(ANSWER_S / 10, os.kill, (process_id, signal.SIGKILL)).start())
    place.client.execute_command("CLIENT", "PAUSE", 60_000, "WRITE")
    return place.server.ensure


def answer_lost(place: Place) -> Healing:
    """The commit happens, and the answer to it is lost. What the actor reads before is still answered."""
    straight, folder = place.stage.access, TemporaryDirectory(prefix="relay-")
    path = Path(folder.name) / "s.sock"
    relay = Relay(path, str(place.server.socket))
    client = connect(socket_url(str(path)), ANSWER_S)
    place.stage.access = StoreAccess(lambda: client, straight.keys, straight.token)

    def no_answers_any_more() -> None:
        relay.deaf = True

    before_commit(place, no_answers_any_more)
    pool = client.connection_pool
    for each in [pool.get_connection(), pool.get_connection()]:  # for the commit, and what is read meanwhile
        pool.release(each)

    def heal() -> None:
        place.stage.access = straight
        relay.close()
        folder.cleanup()

    return heal


def nobody_listens(path: Path) -> bool:
    """Whether a server is gone altogether; while it dies it still takes connections, and resets them."""
    with socket.socket(socket.AF_UNIX) as caller:
        return caller.connect_ex(str(path)) in (errno.ECONNREFUSED, errno.ENOENT)


def shut_down(place: Place) -> Healing:
    """Ended in good order; then there is nobody to connect to, and every connection is closed."""
    with closing(connect(place.server.url)) as client, socket.socket(socket.AF_UNIX) as newest:
        execute(client, "PING")
        newest.settimeout(10)
        newest.connect(str(place.server.socket))  # the last to connect, which is closed after all others
        with suppress(StoreError):
            execute(client, "SHUTDOWN", "NOW")
        with suppress(ConnectionResetError):
            assert newest.recv(1) == b""
    return place.server.ensure


def lease_taken(place: Place) -> Healing:
    lease = place.stage.store.lease
    Lease(place.stage.client, place.stage.keys, "another process", 60_000).take(steal=True)
    return lambda: lease.take(steal=True)


def another_incarnation(place: Place) -> Healing:
    """A successor of one that was given up as hung: the old one wakes up and wants to go on."""
    store = place.stage.store
    Journal(store.client, store.keys, store.token, "m-01").begin()
    return lambda: None


def other_memory(place: Place) -> Healing:
    """The store has another history of this auction than the actor remembers."""
    heads = place.stage.keys.heads
    head = place.client.hget(heads, "m-01")
    incarnation, sequence, chain_hash = head.split(b" ")
    place.client.hset(heads, "m-01", b" ".join((incarnation, sequence, chain_hash[::-1])))
    return lambda: place.client.hset(heads, "m-01", head)


# The table of what a store may answer. The first error is that of the one who is at work, the second that of the
# successor who begins while it lasts (None: there is nothing to wait for).
ROWS: dict[str, tuple[Callable[[Place], Healing], type[StoreError], type[StoreError] | None, str]] = {
    "full memory": (
        setting("CONFIG", "SET", "maxmemory", "1", back=("CONFIG", "SET", "maxmemory", "0")),
        StoreUnavailable,
        StoreUnavailable,
        WAITS,
    ),
    "read-only": (
        setting("REPLICAOF", "127.0.0.1", "1", back=("REPLICAOF", "NO", "ONE")),
        StoreUnavailable,
        StoreUnavailable,
        WAITS,
    ),
    "too few replicas": (
        setting("CONFIG", "SET", "min-replicas-to-write", "1", back=("CONFIG", "SET", "min-replicas-to-write", "0")),
        StoreUnavailable,
        StoreUnavailable,
        WAITS,
    ),
    "no answer in time": (paused, OutcomeUnknown, OutcomeUnknown, WAITS),
    "kill -9 in the commit": (killed_in_the_commit, OutcomeUnknown, StoreUnavailable, WAITS),
    "an answer lost": (answer_lost, OutcomeUnknown, StoreUnavailable, WAITS),
    "shut down": (shut_down, StoreUnavailable, StoreUnavailable, WAITS),
    "another has the lease": (lease_taken, NotOwner, NotOwner, STOPS),
    "another incarnation": (another_incarnation, NotOwner, None, STOPS),
    "another history": (other_memory, WrongSequence, None, RELOADS),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_the_store_answers_costs_no_bid_and_doubles_none(row: str, place: Place) -> None:
    fault, first, second, done = ROWS[row]
    place.bid()
    heal = fault(place)
    try:
        met = place.meets()
        assert (type(met), does(met)) == (first, done)
        assert "\n" not in str(met)
        if second is not None:
            until(lambda: place.server.alive() or nobody_listens(place.server.socket))
            with pytest.raises(second) as still:
                place.auction = place.stage.auction()
            assert does(still.value) == done
    finally:
        heal()
    place.recovers()
    place.bid()
    place.recovers()


# ---- disks, and files that are read for long: servers that are started for one test


@contextmanager
def full_disk(process_id: int, folder: Path) -> Iterator[None]:
    """No file of the server can grow by more than a few bytes."""
    size = sum(path.stat().st_size for path in folder.rglob("*.incr.aof"))
    before = resource.prlimit(process_id, resource.RLIMIT_FSIZE)
    resource.prlimit(process_id, resource.RLIMIT_FSIZE, (size + 10, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(process_id, resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_full_disk_of_a_server_that_syncs_later_is_waited_for(own_server: EmbeddedServer) -> None:
    with TemporaryDirectory(prefix="disk-") as name, server_of(Path(name), appendfsync="everysec") as (process, url):
        folder = Path(name)
        until(lambda: answers(url))
        with on(own_server, url) as place:
            place.bid()
            with full_disk(process.pid, folder):
                place.client.set("filler", "x" * 100)  # it notices with the first write that does not reach the disk
                until(lambda: place.client.info("persistence")["aof_last_write_status"] == "err")
                met = place.meets()
                assert (type(met), does(met)) == (StoreUnavailable, WAITS)
                assert "MISCONF" in str(met)
                with pytest.raises(StoreUnavailable):
                    place.auction = place.stage.auction()
            until(lambda: place.client.info("persistence")["aof_last_write_status"] == "ok")
            place.recovers()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_a_full_disk_ends_a_server_that_syncs_always_and_nothing_acknowledged_is_lost(
    own_server: EmbeddedServer,
) -> None:
    with TemporaryDirectory(prefix="disk-") as name:
        folder = Path(name)
        with server_of(folder) as (process, url):
            until(lambda: answers(url))
            with on(own_server, url) as place:
                place.bid()
                with full_disk(process.pid, folder):
                    met = place.meets()
                    assert (type(met), does(met)) == (OutcomeUnknown, WAITS)
                    process.wait(10)
                with pytest.raises(StoreUnavailable):
                    place.auction = place.stage.auction()
                with server_of(folder):
                    until(lambda: answers(url))
                    place.recovers()


def test_a_server_that_still_reads_its_files_is_waited_for(own_server: EmbeddedServer) -> None:
    with TemporaryDirectory(prefix="loading-") as name:
        folder = Path(name)
        with server_of(folder) as (process, url):
            until(lambda: answers(url))
            with on(own_server, url, 5.0) as place:  # while it reads, it answers now and then
                place.bid()
                with place.client.pipeline(transaction=False) as pipeline:
                    for number in range(6_000):
                        pipeline.set("filler", number)
                    pipeline.execute()
                place.client.shutdown(nosave=True)
                process.wait(10)
                with server_of(folder, key_load_delay="50"):
                    until((folder / "s.sock").exists)
                    met = place.meets()
                    assert (type(met), does(met)) == (StoreUnavailable, WAITS)
                    assert "loading" in str(met)
                    with pytest.raises(StoreUnavailable):
                        place.auction = place.stage.auction()
                    until(lambda: answers(url))
                    place.recovers()


# ---- the same with everybody at work


def test_whoever_waits_for_the_store_says_so_and_uses_up_nobodys_budget(tmp_path: Path) -> None:
    with running(tmp_path / "data") as house:
        until(lambda: house.phase() == "PENDING")
        before = house.incarnations()["m-01"]
        execute(house.client, "CONFIG", "SET", "maxmemory", "1")
        house.supervisor.crash("m-01")

        def child() -> Any:
            return next(child for child in house.supervisor.tree() if child.name == "m-01")

        until(lambda: child().incarnation > before + 6)
        assert child().state == "WAITING_FOR_STORE"
        assert "the store refuses to write" in child().last_error
        assert house.supervisor.wait(0) is None
        execute(house.client, "CONFIG", "SET", "maxmemory", "0")
        until(lambda: child().state == "READY")
