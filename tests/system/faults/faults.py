"""What is done to a store, and how it is made good: the table of `make faults`."""

import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass

import redis

from adapters.redis.client import connect, execute
from tests.harness.waiting import until
from tests.system.faults.running import House
from tests.system.faults.stores import START_S, External, fill

LASTS_S = 8.0  # longer than the lease, and than a command is waited for

LOST = 5  # bids, at least, that a store loses of what it had acknowledged

Doing = Callable[[House], None]


@dataclass(frozen=True)
class Fault:
    """`do` the fault and, where it does not pass by itself, make it good (`heal`) when it has lasted for `lasts_s`.

    `says` is a word that `/status` must say of it meanwhile; empty where it passes too quickly to be seen. `alarm` is
    one that must sound. `ends` is the exit code of a process that must end, in words that hold `says`."""

    name: str
    do: Doing
    heal: Doing = lambda house: None
    lasts_s: float = LASTS_S
    says: str = ""
    alarm: str = ""
    ends: int | None = None
    on: tuple[str, ...] = ("embedded", "external")


def _tell(*command: str | int) -> Doing:
    return lambda house: house.store.tell(*command)


def _signal(number: signal.Signals) -> Doing:
    return lambda house: house.store.signal(number)


def _stopped(house: House) -> None:
    # Its id is not to be had from a server that stands still.
    number = house.store.process_id()
    house.store.signal(signal.SIGSTOP)
    threading.Timer(LASTS_S, os.kill, (number, signal.SIGCONT)).start()


def _kill(house: House) -> None:
    house.store.kill()


def _back(house: House) -> None:
    house.store.back()


def _shut_down(house: House) -> None:
    client = connect(house.store.url, START_S)
    client.shutdown(nosave=True)
    client.close()


def _slow(house: House) -> None:
    """Reads its files for some seconds when it comes back."""
    house.store.tell("EVAL", "for i = 1, 60000 do redis.call('SET', 'filler', i) end", 0)
    house.store.kill()
    house.store.back(**{"key-load-delay": "100"})


def _long_log(house: House) -> None:
    house.store.tell("EVAL", "for i = 1, 1000000 do redis.call('SET', 'filler', i) end", 0)
    house.store.kill()


def _loses_its_tail(house: House) -> None:
    """What it wrote last is not there when it comes back: a failover, a power loss."""
    log, decided = house.store.log_file, house.verdicts().total()
    size = log.stat().st_size
    until(lambda: house.verdicts().total() >= decided + LOST, "some more bids are decided", START_S, poll_s=0.1)
    house.store.kill()
    with log.open("r+b") as file:
        file.truncate(size)
    house.store.back()


def _password(house: House) -> None:
    client = connect(house.store.url, START_S)
    execute(client, "CONFIG SET", "requirepass", "another")
    execute(client, "CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
    client.close()
    house.store.password = "another"


def _no_password(house: House) -> None:
    house.store.tell("CONFIG SET", "requirepass", "")
    house.store.password = None


def _full_disk(house: House) -> None:
    house.filler = fill(house.store.folder)


def _room(house: House) -> None:
    house.filler.unlink()
    if isinstance(house.store, External) and not house.store.answers():
        house.store.back()


def _emptied(house: House) -> None:
    """Everything is gone, and is brought back from a copy by `_restored`."""
    client = connect(house.store.url, START_S)
    keys: list[bytes] = execute(client, "KEYS", "*")
    with client.pipeline(transaction=True) as pipeline:  # a copy of one moment
        for key in keys:
            pipeline.dump(key)
            pipeline.pttl(key)
        pipeline.flushall()
        *found, _ = pipeline.execute()
    dumps, lives_ms = found[::2], found[1::2]
    house.copy = {key: (dump, max(0, ms)) for key, dump, ms in zip(keys, dumps, lives_ms, strict=True) if dump}
    client.close()


def _restored(house: House) -> None:
    client: redis.Redis = connect(house.store.url, START_S)
    with client.pipeline(transaction=True) as pipeline:
        pipeline.flushall()
        for key, (value, ttl_ms) in house.copy.items():
            pipeline.restore(key, ttl_ms, value)
        pipeline.execute()
    client.close()


def _full_disk_later(house: House) -> None:
    house.store.tell("CONFIG SET", "appendfsync", "everysec")
    _full_disk(house)


def _room_later(house: House) -> None:
    house.filler.unlink()
    until(lambda: "ok" in str(house.store.tell("INFO", "persistence")["aof_last_write_status"]), "it writes", START_S)
    house.store.tell("CONFIG SET", "appendfsync", "always")


def _taken(house: House) -> None:
    for key in (house.keys.lease, house.keys.owner):
        house.store.tell("SET", key, "another process")


def _given_back(house: House) -> None:
    if house.store.answers():
        house.store.tell("DEL", house.keys.lease)
    house.start()


def _start_on_nothing(house: House) -> None:
    """The embedded server's log is put aside while nobody runs; what an external one holds is gone."""
    if isinstance(house.store, External):
        _emptied(house)
        house.end()
        house.store.tell("FLUSHALL")
    else:
        house.end()
        (house.data_dir / "appendonlydir").rename(house.data_dir / "aside")
    house.start()


def _start_on_a_copy(house: House) -> None:
    if isinstance(house.store, External):
        _restored(house)
        house.store.tell("DEL", house.keys.lease)
    else:
        shutil.rmtree(house.data_dir / "appendonlydir", ignore_errors=True)
        (house.data_dir / "aside").rename(house.data_dir / "appendonlydir")
    house.start()


FAULTS = (
    Fault("kill -9 of the server", _kill, _back, lasts_s=2.0),
    Fault("the server is stopped for 8 s", _stopped, says="not answer"),
    Fault("the server is shut down", _shut_down, _back, lasts_s=2.0),
    Fault(
        "memory full", _tell("CONFIG SET", "maxmemory", "1"), _tell("CONFIG SET", "maxmemory", "0"), says="maxmemory"
    ),
    Fault(
        "too few replicas",
        _tell("CONFIG SET", "min-replicas-to-write", "1"),
        _tell("CONFIG SET", "min-replicas-to-write", "0"),
        says="NOREPLICAS",
    ),
    Fault("read-only", _tell("REPLICAOF", "127.0.0.1", "1"), _tell("REPLICAOF", "NO", "ONE"), says="read only"),
    Fault("answers nobody for 8 s", _tell("CLIENT PAUSE", 8_000, "ALL"), says="not answer"),
    Fault("FUNCTION FLUSH", _tell("FUNCTION FLUSH"), lasts_s=0.0),
    Fault("the lease has ended", _tell("DEL", "lease:demo"), lasts_s=0.0),
    Fault("disk full", _full_disk, _room, says="full", on=("embedded",)),
    Fault("disk full, ends of it", _full_disk, _room, says="cannot be reached", on=("external",)),
    Fault("disk full, syncs later", _full_disk_later, _room_later, says="AOF", on=("external",)),
    Fault("reads a long log", _slow, says="loading", on=("external",)),
    Fault("reads a long log", _long_log, lasts_s=0.0, on=("embedded",)),
    Fault("another password", _password, _no_password, says="password", on=("external",)),
    Fault("loses its last bids", _loses_its_tail, lasts_s=0.0, alarm="history"),
    Fault("emptied (FLUSHALL), brought back", _emptied, _restored, says="knows nothing"),
    Fault("another process takes the marathon", _taken, _given_back, says="lease", ends=70),
    Fault("empty at a start", _start_on_nothing, _start_on_a_copy, says="--begin-anew", ends=1),
)
