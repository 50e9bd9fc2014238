"""`repair`: what follows from the log is made again, the log is counted again, and what is lost is said."""

from collections.abc import Callable
from typing import Any

import pytest
import redis

from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from messages.events import DayStarted
from tests.commands.line import Line
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("RED-4", "HA-4")


@pytest.fixture
def ended(marathon: Store) -> Store:
    """Its process has ended, after some events of two writers."""
    for writer in ("house", "announcer"):
        journal = marathon.journal(writer)
        journal.begin()
        for day in (1, 2):
            journal.commit([DayStarted(message_id=f"{writer}:{day}", at_ms=1, auction_id="m-01", day=day)])
    marathon.client.set(marathon.keys.alive, 1)
    for reader in ("house", marathon.keys.awaiting_author):
        marathon.client.xadd(marathon.keys.queue(reader), {"batch": b"\x90"})
    marathon.client.delete(marathon.keys.lease)
    return marathon


def test_where_nothing_is_damaged_nothing_is_done(line: Line, ended: Store) -> None:
    before = contents(ended)
    assert line("repair").out == "nothing is damaged\n"
    assert contents(ended) == before


def test_a_process_that_is_at_work_is_not_disturbed(line: Line, marathon: Store) -> None:
    said = line("repair")
    assert (said.code, said.err) == (1, "auction-manager: a process is at work on m; end it first\n")


COUNTS: dict[str, Callable[[redis.Redis, Keys], Any]] = {
    "no seq": lambda client, keys: client.delete(keys.seq),
    "another seq": lambda client, keys: client.set(keys.seq, 99),
    "no number": lambda client, keys: client.set(keys.seq, b"\xff"),
    "a seq of another type": lambda client, keys: client.delete(keys.seq) and client.rpush(keys.seq, 1),
    "no heads": lambda client, keys: client.delete(keys.heads),
    "a head gone": lambda client, keys: client.hdel(keys.heads, "house"),
    "a head that is none": lambda client, keys: client.hset(keys.heads, "house", b"\xff"),
    "a head of another chain": lambda client, keys: client.hset(keys.heads, "house", b"0 2 ab"),
    "heads of another type": lambda client, keys: client.delete(keys.heads) and client.set(keys.heads, "x"),
}


@pytest.mark.parametrize("damage", COUNTS.values(), ids=COUNTS)
def test_a_sound_log_is_counted_again(line: Line, ended: Store, damage: Callable[[redis.Redis, Keys], Any]) -> None:
    log = LogReader(ended.client, ended.keys)
    heads, seq = log.heads(), log.last_seq()
    damage(ended.client, ended.keys)
    damaged = contents(ended)
    trial = line("repair", "--dry-run")
    assert (trial.code, "nothing was changed" in trial.out) == (0, True)
    assert contents(ended) == damaged
    assert "were made anew" in line("repair").out
    assert (log.heads(), log.last_seq()) == (heads, seq)
    assert line("repair").out == "nothing is damaged\n"
    assert ended.lease.take()
    assert ended.journal("house").begin().sequence == 2


@pytest.mark.parametrize("lost", ["first", "last"])
def test_events_that_are_lost_are_said_and_nothing_is_changed(line: Line, ended: Store, lost: str) -> None:
    entries: Any = ended.client.xrange(ended.keys.log)
    ended.client.xdel(ended.keys.log, entries[0 if lost == "first" else -1][0])
    damaged = contents(ended)
    said = line("repair")
    assert said.code == 1
    assert said.err.startswith("auction-manager: the log is damaged: ")
    assert said.err.endswith("only a copy of the data directory from before can help\n")
    assert contents(ended) == damaged


def contents(store: Store) -> dict[bytes, bytes | None]:
    return {key: store.client.dump(key) for key in store.client.scan_iter(count=1_000)}
