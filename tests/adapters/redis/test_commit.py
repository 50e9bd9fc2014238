"""A commit is all or nothing, by the one who owns the writer, on the state that he knows."""

import zlib
from contextlib import closing
from dataclasses import replace

import pytest
import redis

from adapters.redis import functions
from adapters.redis.client import connect, execute
from adapters.redis.errors import (
    DamagedState,
    HistoryLost,
    LeaseEnded,
    LibraryMissing,
    NotOwner,
    OutcomeUnknown,
    StoreUnavailable,
    WrongSequence,
)
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from adapters.redis.log import LogReader
from adapters.redis.recent import Recent
from adapters.redis.writes import Append, BidHistories, Delete, HashSet, HashSetIf, Set, Trim, Write
from ledger.entry import LogDamaged
from ledger.hash_chain import verify_chain
from messages.events import DayStarted
from tests.adapters.redis.conftest import MakeEvent
from tests.harness.store import Store, full_memory

OWN = ("users:", ":bids")


def everything(store: Store) -> dict[bytes | str, bytes | None]:
    """All keys with what they hold; the lease's remaining time left out."""
    return {key: store.client.dump(key) for key in sorted(store.client.keys("*"))}


@pytest.mark.requirement("RED-2", "RED-5", "BID-9")
def test_a_commit_writes_its_events_and_all_its_writes(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    seq = journal.commit(
        [event(), event()],
        [
            Set("text", b"\xff\x00"),
            HashSet("hash", {"a": b"1", "b": 2}),
            BidHistories("scores", OWN, "m-01:", [(1_700_000_000_000, 8, 1), (5, 7, 1)]),
            Append("stream", b"packed"),
        ],
        checkpoint=b"state",
    )
    assert seq == 2
    assert store.client.get("text") == b"\xff\x00"
    assert store.client.hgetall("hash") == {b"a": b"1", b"b": b"2"}
    assert store.client.zrange("scores", 0, -1, withscores=True) == [(b"%020d" % 7, 5.0), (b"%020d" % 8, 1.7e12)]
    assert [fields for _, fields in execute(store.client, "XRANGE", "stream", "-", "+")] == [
        {b"batch": b"packed", b"crc32": b"%d" % zlib.crc32(b"packed")}
    ]
    (entry,) = LogReader(store.client, store.keys).read(0, 10)
    assert (entry.first_seq, entry.count, entry.writer, entry.first_writer_sequence) == (1, 2, "m-01", 1)
    assert [each.day for each in entry.events() if isinstance(each, DayStarted)] == [1, 2]


@pytest.mark.requirement("RED-1")
def test_the_stage_is_written_only_by_whoever_stands_on_it(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    current = store.keys.current
    journal.commit([], [HashSetIf(current, "auction_id", "m-01", {"phase": "ACTIVE"})])
    assert store.client.hgetall(current) == {}
    journal.commit([], [HashSet(current, {"auction_id": "m-01", "phase": "ACTIVE"})])
    journal.commit([event()], [HashSetIf(current, "auction_id", "m-01", {"phase": "PROCESSING"})])
    journal.commit([event()], [HashSetIf(current, "auction_id", "m-02", {"phase": "COMPLETED"})])
    assert store.client.hgetall(current) == {b"auction_id": b"m-01", b"phase": b"PROCESSING"}


@pytest.mark.requirement("BID-11", "RED-1")
def test_a_bid_stands_in_the_history_of_its_auction_and_in_its_bidders_own(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    most = 2**64 - 1
    bids = [(5, 11, 1), (6, 12, most), (7, most, 1), (8, 14, 0), (9, 15, -2)]
    journal.commit([event()], [BidHistories("auction:bids:m-01", OWN, "m-01:", bids)])
    assert store.client.zrange("auction:bids:m-01", 0, -1, withscores=True) == [
        (b"%020d" % post_id, score) for score, post_id, _ in bids
    ]
    assert store.client.lrange("users:1:bids", 0, -1) == [b"m-01:%020d" % 11, b"m-01:%020d" % most]
    for bidder, post_id in ((most, 12), (0, 14), (-2, 15)):
        assert store.client.lrange(store.keys.user_bids(bidder), 0, -1) == [b"m-01:%020d" % post_id]


@pytest.mark.requirement("RED-2")
@pytest.mark.parametrize(
    "write",
    [
        Set("zset", b"1"),
        HashSet("string", {"a": b"1"}),
        HashSetIf("string", "a", "1", {"a": b"1"}),
        BidHistories("hash", OWN, "", [(1, 1, 1)]),
        BidHistories("scores", ("users:", ""), "", [(1, 1, 2), (1, 1, 1)]),
        BidHistories("scores", ("log", ""), "", [(1, 1, 1)]),
        Append("string", b"1"),
        Trim("hash", "1-1"),
        BidHistories("fresh", OWN, "", [(1, 1, 1)]),
        Append("log:m", b"1"),
        Delete("heads:m"),
    ],
)
def test_one_write_to_a_key_of_another_type_and_nothing_at_all_is_written(
    store: Store, event: MakeEvent, write: Write
) -> None:
    store.client.set("string", b"1")
    store.client.hset("hash", "a", b"1")
    store.client.zadd("zset", {b"a": 1})
    store.client.set("users:1", b"1")
    store.client.set("log1", b"1")
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()], checkpoint=b"first")
    before = everything(store)
    with pytest.raises(DamagedState):
        journal.commit([event()], [Set("other", b"2"), Set("fresh", b"1"), write, Set("last", b"3")], b"second")
    assert everything(store) == before


@pytest.mark.requirement("RED-2")
def test_a_key_of_the_log_with_another_type_lets_nothing_be_written(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    for key in (store.keys.log, store.keys.seq, store.keys.checkpoint("m-01")):
        store.client.hset(key, "not", b"ours")
        before = everything(store)
        with pytest.raises((DamagedState, LogDamaged)):
            journal.commit([event()], [Set("other", b"2"), BidHistories("bids", OWN, "", [(1, 1, 1)])], b"state")
        assert everything(store) == before
        store.client.delete(key)
        journal.begin()


@pytest.mark.requirement("RED-5")
@pytest.mark.parametrize("seq", [None, b"no number"])
def test_a_lost_seq_cannot_write_over_the_log(store: Store, event: MakeEvent, seq: bytes | None) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()])
    if seq is None:
        store.client.delete(store.keys.seq)
    else:
        store.client.set(store.keys.seq, seq)
    before = everything(store)
    with pytest.raises(LogDamaged):
        journal.commit([event()], [Set("other", b"2"), BidHistories("bids", OWN, "", [(1, 1, 1)])])
    assert everything(store) == before


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (Set("k", None), redis.DataError),  # type: ignore[arg-type]
        (BidHistories("k", OWN, "", [("much", 1, 1)]), ValueError),  # type: ignore[list-item]
        (Trim("k", "?"), ValueError),
    ],
)
def test_an_impossible_value_is_found_before_anything_is_sent(
    store: Store, event: MakeEvent, write: Write, error: type[Exception]
) -> None:
    journal = store.journal("m-01")
    journal.begin()
    before = everything(store)
    with pytest.raises(error):
        journal.commit([event()], [Set("other", b"1"), write])
    assert everything(store) == before


@pytest.mark.requirement("RED-2")
def test_one_key_may_be_deleted_and_written_anew_as_another_type(store: Store, event: MakeEvent) -> None:
    store.client.set("key", b"1")
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([], [Delete("key"), HashSet("key", {"a": 1}), HashSet("key", {"b": 2})])
    assert store.client.hgetall("key") == {b"a": b"1", b"b": b"2"}


def test_a_commit_without_events_writes_and_leaves_the_log_alone(store: Store, event: MakeEvent) -> None:
    journal = store.journal("announcer")
    journal.begin()
    assert journal.commit([event()]) == 1
    assert journal.commit([], [Set("cursor", b"9"), HashSet("empty", {})], checkpoint=b"state") == 1
    assert journal.commit([event()]) == 2
    assert store.client.get("cursor") == b"9"
    assert len(LogReader(store.client, store.keys).read(0, 10)) == 2


@pytest.mark.requirement("HA-1", "RED-2")
def test_whoever_lost_the_lease_is_refused(store: Store, event: MakeEvent) -> None:
    journal = store.journal("house")
    journal.begin()
    assert not Lease(store.client, store.keys, "other", 60_000).take()
    assert Lease(store.client, store.keys, "other", 60_000).take(steal=True)
    before = everything(store)
    with pytest.raises(NotOwner, match="lease"):
        journal.commit([event()], [Set("other", b"1")])
    with pytest.raises(NotOwner, match="lease"):
        store.journal("house").begin()
    with pytest.raises(NotOwner):
        store.lease.keep()
    store.lease.release()
    assert everything(store) == before
    Lease(store.client, store.keys, "other", 60_000).release()
    with pytest.raises(NotOwner):
        store.lease.keep()
    with pytest.raises(LeaseEnded):
        journal.begin()


@pytest.mark.requirement("HA-1")
def test_an_ended_lease_lets_nobody_write_until_who_had_it_last_takes_it_again(store: Store, event: MakeEvent) -> None:
    journal = store.journal("house")
    journal.begin()
    store.client.delete(store.keys.lease)
    with pytest.raises(LeaseEnded):
        journal.commit([event()])
    with pytest.raises(LeaseEnded):
        store.journal("house").begin()
    assert store.lease.keep() == 0
    assert 0 < store.client.pttl(store.keys.lease) <= 600_000
    journal.begin()
    assert journal.commit([event()]) == 1
    assert store.lease.keep() == 1


@pytest.mark.requirement("HA-1")
def test_a_lease_ends_by_itself_and_keeping_holds_it_also_while_the_memory_is_full(store: Store) -> None:
    assert 0 < store.client.pttl(store.keys.lease) <= 600_000
    with full_memory(store.client):
        short = Lease(store.client, store.keys, store.token, ttl_ms=1_000)
        short.keep()
        assert 0 < store.client.pttl(store.keys.lease) <= 1_000
        store.client.delete(store.keys.lease)
        short.keep()
        assert 0 < store.client.pttl(store.keys.lease) <= 1_000


@pytest.mark.requirement("HA-1")
def test_a_store_that_was_emptied_gives_nobody_the_lease_again(store: Store) -> None:
    store.client.flushall()
    with pytest.raises(HistoryLost):
        store.lease.keep()
    assert not store.client.exists(store.keys.lease)


@pytest.mark.requirement("RED-2")
def test_a_server_that_has_lost_the_library_gets_it_again(store: Store, event: MakeEvent) -> None:
    journal = store.journal("house")
    journal.begin()
    store.client.function_flush()
    with pytest.raises(LibraryMissing):
        journal.commit([event()])
    store.client.function_flush()
    journal.begin()
    assert journal.commit([event()]) == 1


@pytest.mark.requirement("RED-2")
def test_another_release_loads_its_functions_beside_those_of_the_owner(store: Store, event: MakeEvent) -> None:
    journal = store.journal("house")
    journal.begin()
    functions.load(store.client, "another")
    functions.load(store.client, "another")
    its_release = functions.name("release_lease", "another")
    assert execute(store.client, "FCALL", its_release, 1, store.keys.lease, "not the owner's token") == 0
    assert journal.commit([event()]) == 1


@pytest.mark.requirement("HA-1", "SUP-2")
def test_the_old_incarnation_of_a_writer_is_refused(store: Store, event: MakeEvent) -> None:
    hung, also_hung, successor = (store.journal("m-01") for _ in range(3))
    incarnations = {each.begin().incarnation for each in (hung, also_hung, successor)}
    assert len(incarnations) == 3
    with pytest.raises(NotOwner, match="incarnation"):
        hung.commit([event()])
    with pytest.raises(NotOwner, match="incarnation"):
        also_hung.commit([], [Set("other", b"1")], checkpoint=b"old")
    assert successor.commit([event()]) == 1
    assert not store.client.exists("other", store.keys.checkpoint("m-01"))


@pytest.mark.requirement("RED-5")
def test_a_memory_that_is_not_the_stores_is_refused(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    journal.begin()
    journal.commit([event()])
    head: bytes = execute(store.client, "HGET", store.keys.heads, "m-01")
    incarnation, _, chain = head.split(b" ")
    for other in (b"2 " + chain, b"0 " + chain, b"1 " + chain[::-1]):
        store.client.hset(store.keys.heads, "m-01", incarnation + b" " + other)
        before = everything(store)
        with pytest.raises(WrongSequence, match="m-01 is at"):
            journal.commit([event()], [Set("other", b"1")])
        assert everything(store) == before
        store.client.hset(store.keys.heads, "m-01", head)
        incarnation = journal.begin().incarnation.encode()
        head = execute(store.client, "HGET", store.keys.heads, "m-01")


def test_a_journal_wants_to_be_begun_first_and_again_after_an_error(store: Store, event: MakeEvent) -> None:
    journal = store.journal("m-01")
    with pytest.raises(RuntimeError, match="begun"):
        journal.commit([event()])
    journal.begin()
    store.journal("m-01").begin()
    with pytest.raises(NotOwner):
        journal.commit([event()])
    with pytest.raises(RuntimeError, match="begun"):
        journal.commit([event()])


@pytest.mark.requirement("RED-2")
def test_the_record_second_of_x_fits_into_one_commit(store: Store, event: MakeEvent) -> None:
    posts = 143_199
    patient = connect(store.url, timeout_s=60)  # the machine may be busy
    journal = Journal(patient, store.keys, store.token, "m-01")
    journal.begin()
    bids = BidHistories("bids", OWN, "m-01:", [(n, n, n % 3_000) for n in range(posts)])
    users = HashSet("users", {f"u{n}": n for n in range(posts)})
    journal.commit([event()], [bids, users])
    assert store.client.zcard("bids") == posts
    assert store.client.zscore("bids", b"%020d" % (posts - 1)) == posts - 1
    assert store.client.llen("users:2999:bids") == posts // 3_000
    assert store.client.hlen("users") == posts
    assert store.client.hget("users", f"u{posts - 1}") == b"%d" % (posts - 1)
    patient.close()


@pytest.mark.requirement("RED-2")
def test_post_ids_and_amounts_stay_bytes(store: Store) -> None:
    journal = store.journal("m-01")
    journal.begin()
    amount = b"115792089237316195423570985008687907853269984665640564039457584007913129639935"
    journal.commit([], [Set("amount", amount), BidHistories("bids", OWN, "", [(1, 2**53 + 1, 1)])])
    assert store.client.get("amount") == amount
    assert store.client.zrange("bids", 0, -1) == [b"00009007199254740993"]


# ---- what the store answers when it does not do it


@pytest.mark.requirement("RED-3")
@pytest.mark.parametrize(
    ("fault", "healing"),
    [
        (("CONFIG SET", "maxmemory", "1"), ("CONFIG SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG SET", "min-replicas-to-write", "1"), ("CONFIG SET", "min-replicas-to-write", "0")),
    ],
    ids=["out of memory", "read-only", "too few replicas"],
)
def test_a_store_that_cannot_write_says_so_and_the_same_commit_succeeds_later(
    store: Store, event: MakeEvent, fault: tuple[str, ...], healing: tuple[str, ...]
) -> None:
    journal = store.journal("m-01")
    journal.begin()
    one = event()
    execute(store.client, *fault)
    try:
        with pytest.raises(StoreUnavailable, match="the store refuses to write"):
            journal.commit([one], [Set("other", b"1")])
        assert not store.client.exists("other", store.keys.log)
    finally:
        execute(store.client, *healing)
    assert journal.commit([one], [Set("other", b"1")]) == 1


@pytest.mark.requirement("RED-3")
def test_a_commit_that_is_not_answered_has_an_unknown_outcome_and_happens_once(store: Store, event: MakeEvent) -> None:
    hasty = connect(store.url, timeout_s=1)
    journal = Journal(hasty, store.keys, store.token, "m-01")
    journal.begin()
    try:
        execute(store.client, "CLIENT", "PAUSE", 60_000, "WRITE")
        try:
            raise ConnectionRefusedError("an earlier failure, which is being handled")
        except ConnectionRefusedError:
            with pytest.raises(OutcomeUnknown):
                journal.commit([event()])
    finally:
        execute(store.client, "CLIENT", "UNPAUSE")
        hasty.close()
    # What was sent may still arrive: beginning again both counts it and keeps it from arriving later.
    journal = store.journal("m-01")
    begun = journal.begin()
    assert begun.sequence in (0, 1)
    assert len(LogReader(store.client, store.keys).read(0, 10)) == begun.sequence
    assert journal.commit([event()]) == begun.sequence + 1


@pytest.mark.requirement("RED-3")
@pytest.mark.parametrize("url", ["unix:///nowhere/valkey.sock", "redis://127.0.0.1:1"])
def test_a_server_that_is_not_there_has_certainly_written_nothing(url: str) -> None:
    client = connect(url, timeout_s=0.5)
    try:
        with pytest.raises(StoreUnavailable, match="cannot be reached") as refused:
            Lease(client, Keys("m"), new_token(), 1_000).take()
        assert "\n" not in str(refused.value)
    finally:
        client.close()


@pytest.mark.requirement("RED-3", "CFG-3")
def test_a_store_with_a_password_takes_those_who_know_it(store: Store) -> None:
    store.client.config_set("requirepass", "open sesame")
    try:
        with pytest.raises(StoreUnavailable, match="another password"), closing(connect(store.url)) as stranger:
            functions.load(stranger)
        with closing(connect(store.url, password="open sesame")) as known:
            functions.load(known)
    finally:
        with closing(connect(store.url, password="open sesame")) as known:
            known.config_set("requirepass", "")


@pytest.mark.requirement("RED-5")
def test_what_was_written_here_is_read_without_the_server_until_it_is_forgotten(store: Store, event: MakeEvent) -> None:
    known = Recent()
    journal = Journal(store.client, store.keys, store.token, "m-01", known)
    journal.begin()
    written = [[event(), event()], [event()]]
    for events in written:
        journal.commit(events)
    reader, stranger = LogReader(store.client, store.keys, known), LogReader(store.client, store.keys)
    assert [entry.events() for entry in reader.read(0, 9)] == written
    assert all(entry.events() is events for entry, events in zip(reader.read(0, 9), written, strict=True))
    assert [replace(entry, decoded=None) for entry in reader.read(0, 9)] == stranger.read(0, 9)
    # From within an entry, and where somebody else has written, the server is asked.
    assert reader.read(1, 9) == stranger.read(1, 9)
    other = Journal(store.client, store.keys, store.token, "m-02")
    other.begin()
    other.commit([event()])
    journal.commit([event()])
    assert [entry.last_seq for entry in reader.read(0, 9)] == [2, 3]
    assert [entry.last_seq for entry in reader.read(3, 9)] == [4, 5]
    known.bytes_kept = 10
    journal.commit([event()])
    assert [entry.decoded for entry in reader.read(0, 9)] == [None] * 5
    assert [len(entry.events()) for entry in reader.read(0, 9)] == [2, 1, 1, 1, 1]
    [entry, *_] = stranger.read(0, 9)
    assert entry.events() is entry.events(), "it is decoded once"
    again = Recent()
    again.bytes_kept = 3 * len(entry.data)
    for _ in range(9):
        again.remember(entry)
    assert again.after(0, 9) == [entry], "an entry that is remembered again counts once"


@pytest.mark.requirement("RED-2")
def test_commits_on_their_way_are_settled_one_after_the_other(store: Store, event: MakeEvent) -> None:
    journal = Journal(store.client, store.keys, store.token, "m-01")
    journal.begin()
    assert journal.settle() == 0
    journal.send([event(), event()])
    journal.send([event()])
    assert journal.settle() == journal.settle() == 3
    assert journal.commit([event()]) == 4
    log = LogReader(store.client, store.keys)
    assert verify_chain(log.read(0, 9), log.heads()) is None


@pytest.mark.requirement("RED-2")
def test_a_commit_on_its_way_that_was_not_written_may_be_sent_again(store: Store, event: MakeEvent) -> None:
    journal = Journal(store.client, store.keys, store.token, "m-01")
    journal.begin()
    journal.commit([event()])
    with full_memory(store.client):
        journal.send([event()])
        with pytest.raises(StoreUnavailable):
            journal.send([event()])
    assert journal.commit([event(), event()]) == 3
    log = LogReader(store.client, store.keys)
    assert verify_chain(log.read(0, 9), log.heads()) is None


@pytest.mark.requirement("RED-2")
def test_a_commit_on_its_way_is_refused_when_it_is_settled_and_nothing_was_written(
    store: Store, event: MakeEvent
) -> None:
    journal, successor = (Journal(store.client, store.keys, store.token, "m-01") for _ in range(2))
    journal.begin()
    successor.begin()
    journal.send([event()])
    with pytest.raises(NotOwner):
        journal.settle()
    assert LogReader(store.client, store.keys).read(0, 9) == []
    assert successor.commit([event()]) == 1
