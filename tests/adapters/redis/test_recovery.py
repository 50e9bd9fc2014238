"""Recovery is the checkpoint and the tail of the log, and comes out as a full replay does."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import pytest
import redis

from adapters.redis.checkpoint import seal, unseal
from adapters.redis.client import execute
from adapters.redis.journal import TAIL_CHUNK
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from ledger.entry import LogDamaged, LogEntry
from ledger.hash_chain import Difference, Head, first_hash, verify_chain
from messages.codec import pack, reader_of, unpack
from messages.events import AnyEvent, DayStarted
from tests.adapters.redis.conftest import MakeEvent
from tests.harness.store import Store


def recover(store: Store, writer: str, use_checkpoint: bool = True) -> list[int]:
    """A writer whose state is the list of its days: from checkpoint and tail, or from the tail alone."""
    if not use_checkpoint:
        store.client.delete(store.keys.checkpoint(writer), store.keys.previous_checkpoint(writer))
    journal = store.journal(writer)
    begun = journal.begin()
    days = [] if begun.checkpoint is None else unpack(begun.checkpoint, list[int])
    days += [day_of(event) for _, event in journal.tail()]
    assert len(days) == begun.sequence
    return days


def day_of(event: AnyEvent) -> int:
    """The number that `MakeEvent` gave the event."""
    assert isinstance(event, DayStarted)
    return event.day


def write(store: Store, event: MakeEvent, writers: list[str], commits: int, seed: int) -> dict[str, list[int]]:
    """Commits of all writers, mixed, some with a checkpoint; what each has written."""
    chance = random.Random(seed)
    journals = {name: store.journal(name) for name in writers}
    written: dict[str, list[int]] = {name: [] for name in writers}
    for journal in journals.values():
        journal.begin()
    for _ in range(commits):
        name = chance.choice(writers)
        events = [event() for _ in range(chance.randrange(4))]
        written[name] += [each.day for each in events]
        journals[name].commit(events, checkpoint=pack(written[name]) if chance.random() < 0.2 else None)
    return written


@pytest.mark.requirement("RED-4")
@pytest.mark.parametrize("seed", range(5))
def test_checkpoint_and_tail_equal_a_full_replay(store: Store, event: MakeEvent, seed: int) -> None:
    written = write(store, event, ["house", "m-01", "m-02"], commits=150, seed=seed)
    for writer, days in written.items():
        assert recover(store, writer) == days
        assert recover(store, writer, use_checkpoint=False) == days


@pytest.mark.requirement("RED-4")
def test_the_event_right_behind_a_checkpoint_is_in_the_tail(store: Store, event: MakeEvent) -> None:
    journal, other = store.journal("m-01"), store.journal("house")
    journal.begin()
    other.begin()
    days = []
    for events in ([event()], [], [event(), event()], []):
        days += [each.day for each in events]
        journal.commit(events, checkpoint=pack(days))
        assert recover(store, "m-01") == days
        journal.begin()
        days.append((following := event()).day)
        journal.commit([following])
        other.commit([event()])
        assert recover(store, "m-01") == days
        journal.begin()


@pytest.mark.requirement("RED-4")
def test_the_tail_is_read_in_chunks_and_knows_each_seq(store: Store, event: MakeEvent) -> None:
    write(store, event, ["house", "m-01"], commits=4 * TAIL_CHUNK, seed=1)
    store.client.delete(store.keys.checkpoint("house"), store.keys.previous_checkpoint("house"))
    journal = store.journal("house")
    journal.begin()
    expected = [
        (seq, one)
        for entry in LogReader(store.client, store.keys).read(0, 10_000)
        if entry.writer == "house"
        for seq, one in enumerate(entry.events(), entry.first_seq)
    ]
    assert list(journal.tail()) == expected


@pytest.mark.requirement("RED-4")
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data.replace(b"checkpoint 1", b"checkpoint 2"),
    ],
    ids=["a changed byte", "cut short", "empty", "another version"],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_then_to_a_full_replay(
    store: Store, event: MakeEvent, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    journal = store.journal("m-01")
    journal.begin()
    for days in ([1], [1, 2], [1, 2, 3]):
        journal.commit([event()], checkpoint=pack(days))
    journal.commit([event()])
    current, previous = store.keys.checkpoint("m-01"), store.keys.previous_checkpoint("m-01")
    assert store.journal("m-01").begin(reader_of(list[int])).checkpoint == [1, 2, 3]
    assert not caplog.records

    store.client.set(current, damage(execute(store.client, "GET", current)))
    assert store.journal("m-01").begin(reader_of(list[int])).checkpoint == [1, 2]
    assert recover(store, "m-01") == [1, 2, 3, 4]
    assert f"{current} is passed over" in caplog.text

    store.client.set(previous, damage(execute(store.client, "GET", previous)))
    assert store.journal("m-01").begin().checkpoint is None
    assert recover(store, "m-01") == [1, 2, 3, 4]
    assert f"{previous} is passed over" in caplog.text


@pytest.mark.requirement("RED-4")
def test_a_checkpoint_that_is_ahead_of_the_log_is_passed_over(
    store: Store, event: MakeEvent, caplog: pytest.LogCaptureFixture
) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()])
    journal.commit([event()], checkpoint=pack([1, 2]))
    incarnation = execute(store.client, "HGET", store.keys.heads, "m-01").split(b" ")[0].decode()
    first, second = LogReader(store.client, store.keys).read(0, 2)
    store.client.xdel(store.keys.log, f"{second.last_seq}-{second.count}")
    store.client.hset(store.keys.heads, "m-01", f"{incarnation} 1 {first.chain_hash}")
    store.client.set(store.keys.seq, 1)
    assert recover(store, "m-01") == [1]
    assert "the log only at 1" in caplog.text


@pytest.mark.requirement("RED-4", "RED-5")
@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_log_that_lacks_an_event_is_not_recovered_from(store: Store, event: MakeEvent, lost: int) -> None:
    journal = store.journal("m-01")
    journal.begin()
    for _ in range(3):
        journal.commit([event()])
    entries = execute(store.client, "XRANGE", store.keys.log, "-", "+")
    store.client.xdel(store.keys.log, entries[lost][0])
    with pytest.raises(LogDamaged):
        recover(store, "m-01")


HEAD = b"0 2 " + 64 * b"a"
DAMAGED_LOGS = {
    "no seq": lambda client, keys: client.delete(keys.seq),
    "another seq": lambda client, keys: client.set(keys.seq, 2),
    "a seq that is no number": lambda client, keys: client.set(keys.seq, "x"),
    "a seq of another type": lambda client, keys: client.delete(keys.seq) and client.lpush(keys.seq, 3),
    "no heads": lambda client, keys: client.delete(keys.heads),
    "a head that is gone": lambda client, keys: client.hdel(keys.heads, "m-01"),
    "a head that is none": lambda client, keys: client.hset(keys.heads, "house", b"\xff"),
    "a head of another place": lambda client, keys: client.hset(keys.heads, "m-01", HEAD[:2] + b"1" + HEAD[3:]),
    "a head of another chain": lambda client, keys: client.hset(keys.heads, "m-01", HEAD),
    "heads of another type": lambda client, keys: client.delete(keys.heads) and client.set(keys.heads, "x"),
    "no log": lambda client, keys: client.delete(keys.log),
    "a log of another type": lambda client, keys: client.delete(keys.log) and client.set(keys.log, "x"),
    "no newest entry": lambda client, keys: client.xdel(keys.log, "3-1"),
    "one entry too many": lambda client, keys: client.xadd(keys.log, {"writer": "m-01"}, id="9-1"),
    "an entry without its fields": lambda client, keys: replaced(client, keys, {"no": "entry"}),
    "an entry with other events": lambda client, keys: replaced(client, keys, {b"events": b"\x90"}, keep=True),
    "an entry with another chain": lambda client, keys: replaced(client, keys, {b"chain": 64 * b"b"}, keep=True),
    "an entry of no number": lambda client, keys: replaced(client, keys, {b"sequence": b"x"}, keep=True),
}


def replaced(client: redis.Redis, keys: Keys, fields: dict[str, str] | dict[bytes, bytes], keep: bool = False) -> bool:
    """The newest entry of the log with these fields instead, or with these changed."""
    [(entry_id, held)] = execute(client, "XREVRANGE", keys.log, "+", "-", "COUNT", 1)
    client.xtrim(keys.log, maxlen=0)
    client.xadd(keys.log, (held if keep else {}) | fields, id=entry_id[:-1] + b"2")  # ids are never given out twice
    return True


@pytest.mark.requirement("RED-4", "RED-5")
@pytest.mark.parametrize("damage", DAMAGED_LOGS.values(), ids=DAMAGED_LOGS)
def test_whatever_is_wrong_with_the_log_its_writer_does_not_begin_anew(
    store: Store, event: MakeEvent, damage: Callable[[redis.Redis, Keys], object]
) -> None:
    for writer, days in (("house", 1), ("m-01", 2)):
        journal = store.journal(writer)
        journal.begin()
        for _ in range(days):
            journal.commit([event()])
    damage(store.client, store.keys)
    before = store.client.dump(store.keys.heads)
    with pytest.raises(LogDamaged, match="auction-manager repair") as refused:
        recover(store, "m-01")
    assert "\n" not in str(refused.value)
    if store.client.type(store.keys.heads) != b"hash":
        assert store.client.dump(store.keys.heads) == before


@pytest.mark.requirement("RED-4")
@pytest.mark.parametrize("payload", [b"", b"\xc1", pack("another shape"), pack([1, "2"]), pack({"days": [1]})])
def test_a_sound_checkpoint_of_another_shape_is_as_good_as_damaged(
    store: Store, event: MakeEvent, payload: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()], checkpoint=pack([1]))
    journal.commit([event()], checkpoint=payload)
    begun = store.journal("m-01").begin(reader_of(list[int]))
    assert begun.checkpoint == [1]
    assert f"{store.keys.checkpoint('m-01')} is passed over" in caplog.text


@pytest.mark.requirement("RED-4")
def test_a_checkpoint_of_another_history_or_type_is_passed_over(
    store: Store, event: MakeEvent, caplog: pytest.LogCaptureFixture
) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()], checkpoint=pack([1]))
    key = store.keys.checkpoint("m-01")
    sound = unseal(execute(store.client, "GET", key))
    store.client.set(key, seal(msgspec.structs.replace(sound, chain_hash=64 * "c")))
    assert recover(store, "m-01") == [1]
    assert "its event 1 is not the log's" in caplog.text
    store.client.delete(key)
    store.client.rpush(key, "no checkpoint")
    assert store.journal("m-01").begin().checkpoint is None


@pytest.mark.requirement("RED-4")
def test_a_checkpoint_that_knows_no_chain_is_taken_from_an_older_version(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()], checkpoint=pack([1]))
    key = store.keys.checkpoint("m-01")
    store.client.set(key, seal(msgspec.structs.replace(unseal(execute(store.client, "GET", key)), chain_hash="")))
    journal.commit([event()])
    assert recover(store, "m-01") == [1, 2]


@pytest.mark.requirement("RED-5")
def test_the_log_is_read_from_any_seq_on(store: Store, event: MakeEvent) -> None:
    journals = [store.journal(name) for name in ("a", "b")]
    for journal in journals:
        journal.begin()
    for size in (3, 1, 5):
        for journal in journals:
            journal.commit([event() for _ in range(size)])
    log = LogReader(store.client, store.keys)
    assert log.last_seq() == 18
    for after in range(18):
        entries = log.read(after, 100)
        read = [(seq, day_of(one)) for entry in entries for seq, one in entry.events_after(after)]
        assert read == [(n, n) for n in range(after + 1, 19)]
        assert entries[0].first_seq <= after + 1
        assert log.read(after, 1) == entries[:1]
    assert log.read(18, 10) == []


@pytest.mark.requirement("RED-5")
def test_a_sound_log_has_no_difference_and_each_change_is_found(store: Store, event: MakeEvent) -> None:
    write(store, event, ["house", "m-01"], commits=40, seed=3)
    log = LogReader(store.client, store.keys)
    entries, heads = log.read(0, 1_000), log.heads()
    assert verify_chain(entries, heads) is None
    for index, entry in enumerate(entries):
        for position in (0, len(entry.data) // 2, len(entry.data) - 1):
            changed = bytearray(entry.data)
            changed[position] ^= 1
            forged = [*entries[:index], replace(entry, data=bytes(changed)), *entries[index + 1 :]]
            assert verify_chain(forged) == Difference(
                entry.first_seq, entry.writer, "the chain does not fit the stored bytes"
            )
        assert verify_chain(entries[:index] + entries[index + 1 :], heads) is not None
    swapped = [replace(entry, writer={"house": "m-01", "m-01": "house"}[entry.writer]) for entry in entries]
    assert verify_chain(swapped) is not None


@pytest.mark.requirement("RED-5")
def test_events_that_were_miscounted_or_cannot_be_read_are_found(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event(), event()])
    (entry,) = LogReader(store.client, store.keys).read(0, 1)
    assert verify_chain([entry], {"m-01": Head(2, entry.chain_hash)}) is None
    assert "its count is 1" in difference([replace(entry, count=1)])
    assert "the log ends at" in difference([entry], {"m-01": Head(3, entry.chain_hash)})
    assert verify_chain([], {"m-01": Head(0, first_hash("m-01"))}) is None
    unreadable = b"\x91\xc1"
    chain = hashlib.sha256(first_hash("m-01").encode() + unreadable).hexdigest()
    assert "cannot be read" in difference([replace(entry, count=1, data=unreadable, chain_hash=chain)])


def difference(entries: Sequence[LogEntry], heads: dict[str, Head] | None = None) -> str:
    """What is found to be wrong with these entries."""
    found = verify_chain(entries, heads)
    assert found is not None
    return found.what
