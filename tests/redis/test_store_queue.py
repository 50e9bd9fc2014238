"""What came in stays in order until it is decided, and what cannot be decided keeps its bytes."""

import asyncio

import pytest

from adapters.redis.client import connect_async, identity
from adapters.redis.errors import StoreUnavailable
from adapters.redis.queue import START, Backlog, DeadLetter, Queue, append_async
from adapters.redis.writes import Set, Trim
from messages.codec import UnreadableMessage, unpack_commands


@pytest.mark.requirement("QUE-1")
def test_reading_goes_on_behind_the_cursor(store, bid):
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
def test_the_commit_that_decides_an_entry_takes_it_out(store, bid, event):
    queue = Queue(store.client, store.keys)
    ids = [queue.append("m-01", [bid(n)]) for n in range(4)]
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()], [Trim(store.keys.queue("m-01"), ids[1]), Set("cursor", ids[1])])
    assert [entry_id for entry_id, _ in queue.read("m-01", START, 10)] == ids[2:]


@pytest.mark.requirement("QUE-3")
def test_the_backlog_is_counted_and_aged(store, bid):
    queue = Queue(store.client, store.keys)
    assert queue.backlog("m-01", START) == Backlog(0, 0)
    first = queue.append("m-01", [bid(1)])
    assert queue.backlog("m-01", first) == Backlog(0, 0)
    store.client.xadd(store.keys.queue("m-02"), {"batch": b""}, id="1-1")  # in 1970
    queue.append("m-02", [bid(2)])
    backlog = queue.backlog("m-02", START)
    assert backlog.entries == 2
    assert backlog.oldest_age_ms > 50 * 365 * 86_400_000


@pytest.mark.requirement("QUE-2")
def test_dead_letters_keep_their_bytes_and_can_be_listed_retried_and_discarded(store, event):
    queue = Queue(store.client, store.keys)
    poison = b"\x91\xc1\x00\xff not a message"
    entry_id = queue.append_packed("m-01", poison)
    ((_, data),) = queue.read("m-01", START, 1)
    with pytest.raises(UnreadableMessage):
        unpack_commands(data)
    letter = DeadLetter(auction_id="m-01", entry_id=entry_id, data=data, error="cannot be read", attempts=1, at_ms=5)
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([], [queue.dead_letter_write(letter), Trim(store.keys.queue("m-01"), entry_id)])
    again = queue.dead_letter(letter)

    listed = queue.dead_letters(START, 10)
    assert [each for _, each in listed] == [letter, letter]
    assert listed[0][1].data == poison
    assert queue.dead_letters(listed[0][0], 10) == listed[1:]
    queue.append_packed("m-01", listed[0][1].data)
    assert [data for _, data in queue.read("m-01", START, 10)] == [poison]
    assert queue.discard(again)
    assert not queue.discard(again)
    assert queue.dead_letters(START, 10) == listed[:1]


@pytest.mark.requirement("QUE-1", "RED-3")
def test_an_event_loop_appends_the_same_entries_and_gets_the_same_errors(store, bid):
    async def append(url):
        client = connect_async(url, timeout_s=2)
        try:
            await asyncio.gather(*(append_async(client, store.keys, "m-01", [bid(n)]) for n in range(20)))
        finally:
            await client.aclose()

    asyncio.run(append(store.url))
    entries = Queue(store.client, store.keys).read("m-01", START, 100)
    assert {unpack_commands(data)[0].post_id for _, data in entries} == set(range(20))
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        asyncio.run(append("unix:///nowhere/valkey.sock"))


@pytest.mark.requirement("RED-3", "HA-2")
def test_a_server_says_who_it_is(store):
    assert identity(store.client) == identity(store.client)
    assert len(identity(store.client).run_id) == 40
