"""Readers read what whole chunks of the log say, and change nothing else; they end with whoever has started them."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from auction import audit
from auction.audit import Texts
from auction.day import AuctionDay
from commands import reading_ahead
from commands.reading_ahead import CHUNKS_AHEAD, Readers
from ledger.entry import LogEntry
from messages.base import Refusal
from messages.codec import pack_batch
from messages.events import AnyEvent, BidWithdrawn, DayStarted
from tests.auction.builders import AUCTION, OPENING, OPENS_MS, RULES, gone, reply
from tests.commands import readers
from tests.commands.line import ROOT

pytestmark = pytest.mark.requirement("RED-5")

BID, TALK = reply(1_000, 1, "0.5"), reply(2_000, 2, "much #AuctionDay")


def entries() -> list[LogEntry]:
    day = AuctionDay(AUCTION)
    house = DayStarted(message_id="start", at_ms=OPENS_MS, auction_id=AUCTION, day=1)
    opening, bids, withdrawal = [day.decide(batch, OPENS_MS) for batch in ([*OPENING], [BID, TALK], [gone(BID)])]
    return [
        entry(pack_batch([house]), "house"),
        entry(pack_batch(opening)),
        entry(pack_batch(bids)),
        entry(b"\xc1"),
        entry(pack_batch(withdrawal)),
    ]


def entry(data: bytes, writer: str = AUCTION) -> LogEntry:
    return LogEntry(1, 1, writer, 1, "", data)


READ = Texts(RULES.hashtag, {1: Refusal.NO_AMOUNT})
NOTHING = Texts(RULES.hashtag, {})


def test_readers_tell_what_the_texts_of_an_auction_say(monkeypatch: pytest.MonkeyPatch) -> None:
    readers.wait_for(monkeypatch)
    log = entries()
    with Readers(2) as pool:
        assert list(pool.ahead(log, None)) == list(zip(log, [None, NOTHING, READ, None, NOTHING], strict=True))
        assert list(pool.ahead(log, AUCTION)) == list(pool.ahead(log, None))
        assert list(pool.ahead(log, "test-02")) == [(entry, None) for entry in log]


def test_texts_are_read_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    readers.wait_for(monkeypatch)
    here, read = os.getpid(), audit.read_bid
    # Whoever reads it here says so.
    monkeypatch.setattr(audit, "read_bid", lambda *args: Refusal.HELD if os.getpid() == here else read(*args))
    with Readers(1) as pool:
        assert [texts for _, texts in pool.ahead(entries(), None)][2] == READ


@pytest.mark.parametrize("end", [readers.die, readers.fail])
def test_a_reader_that_dies_or_fails_changes_nothing(monkeypatch: pytest.MonkeyPatch, end: Callable[..., Any]) -> None:
    readers.wait_for(monkeypatch)
    monkeypatch.setattr(reading_ahead, "_read", end)
    log = entries()
    with Readers(1) as pool:
        assert list(pool.ahead(log * 20, None)) == [(entry, None) for entry in log * 20]


def test_no_process_is_started_for_a_log_without_a_whole_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started"))
    log = entries()
    with Readers(2) as pool:
        assert list(pool.ahead(log, None)) == [(entry, None) for entry in log]


def test_what_the_readers_have_not_begun_with_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_ahead, "CHUNK_BYTES", 1)
    log = entries()
    with Readers(1) as pool:
        monkeypatch.setattr(pool._pool, "submit", lambda *task: Future())  # nobody begins with it
        assert list(pool.ahead(log, None)) == [(entry, None) for entry in log]


def test_only_so_much_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    readers.wait_for(monkeypatch)
    taken = 0

    def endless() -> Iterator[LogEntry]:
        nonlocal taken
        while True:
            taken += 1
            yield entries()[2]

    with Readers(1) as pool:
        ahead = pool.ahead(endless(), None)
        for done in range(1, 20):
            next(ahead)
            assert taken <= done + CHUNKS_AHEAD


def test_an_error_of_the_log_comes_behind_all_that_stood_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    readers.wait_for(monkeypatch)

    def broken() -> Iterator[LogEntry]:
        yield from entries()
        raise OSError("the disk")

    with Readers(1) as pool:
        ahead = pool.ahead(broken(), None)
        assert [next(ahead)[0] for _ in entries()] == entries()
        with pytest.raises(OSError, match="the disk"):
            next(ahead)


def test_fields_that_no_event_has_are_left_to_whoever_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    readers.wait_for(monkeypatch)
    fields = {"type": "BidWithdrawn", "message_id": "w", "at_ms": 1, "post_id": 1, "cause": "gone"}
    plain, odd = (entry(msgspec.msgpack.encode([fields | more])) for more in ({}, {"text": 5}))
    events: list[AnyEvent] = [BidWithdrawn(message_id="w", at_ms=1, post_id=1, cause="gone")]
    assert plain.events() == odd.events() == events
    log = [entries()[1], plain, odd]
    with Readers(1) as pool:
        assert [texts for _, texts in pool.ahead(log, None)] == [NOTHING, NOTHING, None]


def test_readers_end_with_a_parent_that_was_killed() -> None:
    script = """
import os, time
from commands.reading_ahead import Readers
readers = Readers(2)
print(readers._pool.submit(os.getpid).result(), *readers._pool._processes, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        started = {int(pid) for pid in parent.stdout.readline().split()}
        parent.kill()
        parent.wait()
        assert len(started) == 2
        deadline_s = time.monotonic() + 20
        while any(is_alive(pid) for pid in started):
            assert time.monotonic() < deadline_s, "a reader has outlived its parent"
            time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
