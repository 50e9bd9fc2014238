"""What came in stays in order until it is decided, and what cannot be decided keeps its bytes."""

import asyncio
from typing import Protocol

import msgspec
import pytest

from adapters.redis.client import connect_async
from adapters.redis.errors import DamagedState, StoreUnavailable
from adapters.redis.queue import START, DeadLetter, Queue, QueueLimits, append_async
from adapters.redis.writes import Set, Trim
from messages.codec import pack_batch, unpack_commands
from messages.commands import PlaceBid
from tests.adapters.redis.conftest import MakeBid, MakeEvent
from tests.harness.store import Store, full_memory


@pytest.mark.requirement("QUE-1")
def test_reading_goes_on_behind_the_cursor(store: Store, bid: MakeBid) -> None:
    queue = Queue(store.client, store.keys)
    batches = [[bid(10 * n + i) for i in range(3)] for n in range(5)]
    ids = [queue.append("m-01", batch) for batch in batches]
    first = queue.read("m-01", START, 2)
    rest = queue.read("m-01", first[-1][0], 10)
    assert [entry_id for entry_id, _ in first + rest] == ids
    assert [unpack_commands(data) for _, data in first + rest] == batches
    assert queue.read("m-01", ids[-1], 10) == []
    assert queue.read("m-02", START, 10) == []


@pytest.mark.requirement("QUE-1", "BID-9")
def test_the_commit_that_decides_an_entry_takes_it_out(store: Store, bid: MakeBid, event: MakeEvent) -> None:
    queue = Queue(store.client, store.keys)
    ids = [queue.append("m-01", [bid(n)]) for n in range(4)]
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()], [Trim(store.keys.queue("m-01"), ids[1]), Set("cursor", ids[1])])
    assert [entry_id for entry_id, _ in queue.read("m-01", START, 10)] == ids[2:]


@pytest.mark.requirement("QUE-4")
def test_a_queue_is_full_by_its_bytes_until_they_are_decided(store: Store, bid: MakeBid) -> None:
    queue = Queue(store.client, store.keys, QueueLimits(queue=1_000_000))
    assert not queue.is_full("m-01")
    text = msgspec.structs.replace(bid(1), text="x" * 10_000)
    for number in range(200):
        if queue.is_full("m-01"):
            break
        last = queue.append("m-01", [msgspec.structs.replace(text, post_id=number)])
    assert 50 < number < 150, "the server's estimate is near enough"
    assert not queue.is_full("m-02")
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([], [Trim(store.keys.queue("m-01"), last)])
    assert not queue.is_full("m-01")


@pytest.mark.requirement("QUE-4")
def test_however_much_is_found_at_once_no_entry_is_long_and_the_order_stays(store: Store, bid: MakeBid) -> None:
    queue = Queue(store.client, store.keys, QueueLimits(entry=1_000))
    long = msgspec.structs.replace(bid(0), text="x" * 5_000)
    commands = [*map(bid, range(1, 40)), long, *map(bid, range(40, 50))]
    last = queue.append("m-01", commands)
    entries = queue.read("m-01", START, 100)
    assert entries[-1][0] == last
    assert [command for _, data in entries for command in unpack_commands(data)] == commands
    assert [len(data) > 1_000 for _, data in entries].count(True) == 1, "one that is long by itself"
    assert len(entries) < 25


class MakeLetter(Protocol):
    def __call__(self, data: bytes = ...) -> tuple[str, DeadLetter]: ...


@pytest.fixture
def letter(store: Store) -> MakeLetter:
    """Makes a dead letter of these bytes, as the auction m-01 would."""

    def make(data: bytes = b"\x91\xc1\x00\xff not a message") -> tuple[str, DeadLetter]:
        queue = Queue(store.client, store.keys)
        entry_id = queue.append_packed("m-01", data)
        made = DeadLetter(auction_id="m-01", entry_id=entry_id, data=data, error="unreadable", attempts=1, at_ms=5)
        journal = store.journal("m-01")
        journal.begin()
        journal.commit([], [queue.dead_letter_write(made), Trim(store.keys.queue("m-01"), entry_id)])
        letter_id, kept = queue.dead_letters(START, 10)[-1]
        assert kept == made
        return letter_id, made

    return make


@pytest.mark.requirement("QUE-2")
def test_dead_letters_keep_their_bytes_and_are_read_one_by_one_or_all(store: Store, letter: MakeLetter) -> None:
    queue = Queue(store.client, store.keys)
    made = [letter(b"first \xff"), letter(b"second")]
    assert queue.dead_letters(START, 10) == made
    assert queue.dead_letters(made[0][0], 10) == made[1:]
    assert queue.letter(made[1][0]) == made[1][1]
    assert queue.letter("1-1") is None
    assert queue.read("m-01", START, 10) == []


@pytest.mark.requirement("QUE-2")
def test_a_letter_goes_out_in_the_step_that_puts_its_batch_into_a_queue(store: Store, letter: MakeLetter) -> None:
    queue = Queue(store.client, store.keys)
    letter_id, made = letter()
    kept = letter()
    assert queue.settle(letter_id, "m-01", made.data)
    assert not queue.settle(letter_id, "m-01", made.data), "a second time there is nothing to put"
    assert [data for _, data in queue.read("m-01", START, 10)] == [made.data]
    assert queue.dead_letters(START, 10) == [kept]


@pytest.mark.requirement("QUE-2")
def test_a_letter_that_cannot_be_put_stays(store: Store, letter: MakeLetter) -> None:
    queue = Queue(store.client, store.keys)
    letter_id, made = letter()
    store.client.set(store.keys.queue("m-02"), "no stream")
    with pytest.raises(DamagedState):
        queue.settle(letter_id, "m-02", made.data)
    with full_memory(store.client), pytest.raises(StoreUnavailable):
        queue.settle(letter_id, "m-01", made.data)
    assert queue.dead_letters(START, 10) == [(letter_id, made)]


@pytest.mark.requirement("QUE-1", "RED-3")
def test_an_event_loop_appends_the_same_entries_and_gets_the_same_errors(store: Store, bid: MakeBid) -> None:
    async def append(url: str) -> None:
        client = connect_async(url, timeout_s=2)
        try:
            await asyncio.gather(
                *(append_async(client, store.keys.queue("m-01"), pack_batch([bid(n)])) for n in range(20))
            )
        finally:
            await client.aclose()

    asyncio.run(append(store.url))
    entries = Queue(store.client, store.keys).read("m-01", START, 100)
    assert {_post_id(data) for _, data in entries} == set(range(20))
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        asyncio.run(append("unix:///nowhere/valkey.sock"))


def _post_id(data: bytes) -> int:
    """The post of the bid that is alone in this batch."""
    (command,) = unpack_commands(data)
    assert isinstance(command, PlaceBid)
    return command.post_id
