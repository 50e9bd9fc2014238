"""`audit`: every word of the log follows from what was seen, in the store and in an exported file; what does not is
named with its place.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.redis.log import LogReader
from adapters.redis.writes import BidHistories, HashSet
from auction.day import AuctionDay
from auction.day_view import day_view
from commands import audit
from commands.audit import audit_file
from ledger.entry import LogEntry
from ledger.export import read_export, write_export
from ledger.hash_chain import first_hash, next_hash
from messages.codec import pack_batch, unpack_events
from messages.commands import AuctionCommand
from messages.events import DayStarted, Observed
from tests.commands.line import Line
from tests.harness.builders import AUCTION, CLOSES_MS, OPENING, OPENS_MS, gone, reply, swept
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("RED-5")

BIDS: list[AuctionCommand] = [reply(1_000 * n, n, f"0.{n}", serial=n) for n in range(1, 9)]
LEADING = reply(9_000, 9, "0.9")
CHAT = reply(20_000, 30, "hello #AuctionDay")
BATCHES: list[list[AuctionCommand]] = [
    list(OPENING),
    BIDS[:4],
    [*BIDS[4:], LEADING, gone(reply(4_000, 4, "0.4", serial=4))],
    [CHAT],
]


@pytest.fixture
def day(marathon: Store) -> AuctionDay:
    """A day that was held to its end; the house has opened it, another writer has spoken between."""
    house, auction, day = marathon.journal("house"), marathon.journal(AUCTION), AuctionDay(AUCTION)
    house.begin()
    auction.begin()
    house.commit([DayStarted(message_id="start", at_ms=OPENS_MS, auction_id=AUCTION, day=1)])
    for number, batch in enumerate(BATCHES):
        events = day.decide(batch, OPENS_MS + 30_000)
        bids = [(1, event.post_id, event.bidder_id) for event in events if isinstance(event, Observed)]
        auction.commit(events, [BidHistories(marathon.keys.bids(AUCTION), marathon.keys.own_bids, "", bids)])
        house.commit([DayStarted(message_id=f"more:{number}", at_ms=OPENS_MS, auction_id=f"test-{number + 2}", day=2)])
    ended_ms = CLOSES_MS + 60_000
    events = [*day.tick(ended_ms), *day.decide([swept(ended_ms)], ended_ms)]
    auction.commit(events, [HashSet(marathon.keys.day(1), day_view(day))])
    return day


@pytest.fixture
def exported(day: AuctionDay, line: Line, tmp_path: Path) -> Path:
    """The day's own log as a file."""
    path = tmp_path / "day.log"
    assert line("log", "--export", str(path), "--auction", AUCTION).code == 0
    return path


def records(path: Path) -> list[Any]:
    with path.open("rb") as file:
        return list(msgpack.Unpacker(file))


# ---- in the store


@pytest.mark.usefixtures("day")
def test_a_log_that_follows_from_what_was_seen_is_ok(line: Line, marathon: Store) -> None:
    said = line("audit")
    last_seq = LogReader(marathon.client, marathon.keys).last_seq()
    assert (said.code, said.out) == (0, f"ok: {last_seq} events of 5 auctions follow from what was seen\n")
    assert json.loads(line("audit", "--auction", AUCTION, "--json").out)["ok"]
    assert line("audit", "--auction", "m-99").err == "auction-manager: there is no auction m-99 in the log\n"


@pytest.mark.usefixtures("day")
def test_a_state_that_the_log_does_not_make_is_named(line: Line, marathon: Store) -> None:
    marathon.client.hset(marathon.keys.day(1), "leader_handle", "mallory")
    said = line("audit")
    assert said.code == 1
    assert said.out.startswith(f"{AUCTION}: leader_handle is 'mallory' in the store, but the log makes it 'user9'")


@pytest.mark.usefixtures("day")
def test_a_bid_history_that_is_not_the_logs_is_found_out(line: Line, marathon: Store) -> None:
    assert line("audit").code == 0
    marathon.client.zpopmin(marathon.keys.bids(AUCTION))
    said = line("audit")
    assert said.code == 1
    assert said.out.startswith(f"{AUCTION}: auction:bids:{AUCTION} has ")


def test_what_is_written_while_the_store_is_compared_is_no_difference(
    line: Line, marathon: Store, day: AuctionDay, monkeypatch: pytest.MonkeyPatch
) -> None:
    auction = marathon.journal(AUCTION)
    auction.begin()

    def while_somebody_writes(audited: AuctionDay) -> dict[str, str]:
        events = day.decide([reply(21_000, 31, "hello #AuctionDay")], CLOSES_MS + 70_000)
        [post_id] = [event.post_id for event in events if isinstance(event, Observed)]
        bids = BidHistories(marathon.keys.bids(AUCTION), marathon.keys.own_bids, "", [(1, post_id, 31)])
        auction.commit(events, [bids, HashSet(marathon.keys.day(1), day_view(day))])
        return day_view(audited)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(audit, "day_view", while_somebody_writes)
        assert line("audit").out.startswith("ok: ")
    assert line("audit").out.startswith("ok: ")


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_log_that_lacks_an_entry_is_found_out(line: Line, marathon: Store, place: int) -> None:
    entries: Any = marathon.client.xrange(marathon.keys.log)
    marathon.client.xdel(marathon.keys.log, entries[place][0])
    said = line("audit")
    assert said.code == 1
    assert "is expected here" in said.out or "the log ends at" in said.out


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("writer", ["house", AUCTION])
def test_a_writer_whose_head_is_lost_is_named(line: Line, marathon: Store, writer: str) -> None:
    marathon.client.hdel(marathon.keys.heads, writer)
    said = line("audit")
    assert said.code == 1
    assert f"({writer}): the log ends at the writer's event" in said.out
    marathon.client.delete(marathon.keys.heads)
    assert line("audit").code == 1


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize("more", [-1, 1])
def test_a_log_that_does_not_end_where_it_was_counted_is_found_out(line: Line, marathon: Store, more: int) -> None:
    marathon.client.incrby(marathon.keys.seq, more)
    said = line("audit")
    assert said.code == 1
    assert "the log ends at" in said.out


# ---- as a file


@pytest.mark.usefixtures("day")
def test_the_whole_log_is_exported_and_audited_without_a_server(line: Line, marathon: Store, tmp_path: Path) -> None:
    path = tmp_path / "whole.log"
    last_seq = LogReader(marathon.client, marathon.keys).last_seq()
    assert line("log", "--export", str(path)).out == f"{last_seq} events are in {path}\n"
    in_the_store = line("audit").out
    marathon.client.flushall()
    assert line("audit", "--file", str(path)).out == in_the_store
    assert json.loads(line("audit", "--file", str(path), "--auction", AUCTION, "--json").out)["events"] == last_seq


def test_one_auction_is_exported_and_audited_by_itself(
    line: Line, marathon: Store, exported: Path, day: AuctionDay
) -> None:
    marathon.client.flushall()
    said = line("audit", "--file", str(exported))
    assert (said.code, said.out) == (0, f"ok: {events_in(exported)} events of 1 auctions follow from what was seen\n")
    assert audit_file(exported).days[AUCTION].state() == day.state()


def events_in(path: Path) -> int:
    return sum(record[1] for record in records(path)[1:-1])


def read(path: Path) -> list[LogEntry]:
    with path.open("rb") as file:
        return list(read_export(file).entries)


def write(path: Path, entries: Iterable[LogEntry]) -> None:
    """A file as a forger would write it: with chains, ends and a checksum that hold."""
    chain, made = first_hash(AUCTION), list[LogEntry]()
    for entry in entries:
        chain = next_hash(chain, entry.data)
        made.append(replace(entry, chain_hash=chain))
    with path.open("wb") as file:
        write_export(file, "m", AUCTION, made)


def forged(entry: LogEntry, change: Callable[[bytes], bytes]) -> LogEntry:
    return replace(entry, data=change(entry.data))


def doubled(data: bytes) -> bytes:
    events = unpack_events(data)
    return pack_batch([*events[:1], events[0], *events[2:]])


def backwards(data: bytes) -> bytes:
    return pack_batch(list(reversed(unpack_events(data))))


@pytest.mark.parametrize(
    ("forge", "says"),
    [
        (lambda e: [*e[:2], forged(e[2], lambda d: d.replace(b"0.6 ETH", b"9.6 ETH")), *e[3:]], "the log says"),
        (lambda e: [*e[:1], forged(e[1], doubled), *e[2:]], "the log says"),
        (lambda e: e[1:], "the writer's event 1 is expected here"),
        (lambda e: [e[0], e[2], e[1], *e[3:]], "is expected here"),
        (lambda e: [forged(e[0], backwards), *e[1:]], "seq 2 (test-01): "),
    ],
    ids=["an edited bid", "a doubled verdict", "without its beginning", "reordered", "impossible"],
)
def test_a_forger_who_repairs_the_chain_is_found_out_by_deciding_again(
    exported: Path, line: Line, forge: Callable[[list[LogEntry]], list[LogEntry]], says: str
) -> None:
    write(exported, forge(read(exported)))
    said = line("audit", "--file", str(exported))
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith("seq ")
    assert says in said.out


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda e, h: [*e[:2], e[3], e[2], *e[4:], h], "is expected here, not"),
        (lambda e, h: [*e[:2], *e[3:], h], "is expected here, not"),
        (lambda e, h: [*e[:-1], h], "the log ends at the writer's event"),
        (lambda e, h: e, "the file ends here, before its last record"),
        (lambda e, h: [*e, h, h], "there is more behind its last record"),
        (lambda e, h: [*e[:1], ["a", "b"], *e[1:], h], "record 3, at byte"),
        (lambda e, h: [*e, {AUCTION: "?"}], "it is no part of an export"),
        (lambda e, h: [[e[0][0] - 1, *e[0][1:]], *e[1:], h], "the numbers of its entries are not what was exported"),
    ],
    ids=[
        "reordered",
        "one left out",
        "the last left out",
        "cut off",
        "something behind",
        "not an entry",
        "no end",
        "renumbered",
    ],
)
def test_a_damaged_file_is_found_out_with_the_place(
    exported: Path, line: Line, damage: Callable[[list[Any], Any], list[Any]], says: str
) -> None:
    title, *entries, end = records(exported)
    exported.write_bytes(b"".join(msgpack.packb(record) for record in [title, *damage(entries, end)]))
    said = line("audit", "--file", str(exported))
    assert (said.code, said.err) == (1, "")
    assert says in said.out


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_byte_of_a_file_can_be_changed_or_cut_off_unseen(exported: Path, data: st.DataObject) -> None:
    whole = exported.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1), label="place")
    damaged = exported.with_suffix(".damaged")
    flipped = bytes([whole[place] ^ data.draw(st.integers(1, 255), label="bits")])
    damaged.write_bytes(whole[:place] + flipped + whole[place + 1 :])
    found = audit_file(damaged)
    assert found.difference, "a changed byte"
    assert "\n" not in found.difference
    damaged.write_bytes(whole[:place])
    assert audit_file(damaged).difference, "cut off"


@pytest.mark.parametrize("content", [b"", b"\x00", b"\xc1", b"{}", b"not an export", msgpack.packb(["x", 1, "m", ""])])
def test_what_is_no_export_is_told_in_one_line(line: Line, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    said = line("audit", "--file", str(path))
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith(f"{path}: ")
    assert said.out.count("\n") == 1


@pytest.mark.usefixtures("day")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audit", "--file", "nowhere"], "auction-manager: nowhere: No such file or directory"),
        (["log", "--auction", AUCTION], "--auction needs --export"),
        (["log", "--export", "new", "--auction", "m-99"], "there is no auction m-99 in the log"),
        (["log", "--export", "."], "auction-manager: .: File exists"),
    ],
)
def test_wrong_usage_is_one_line(line: Line, arguments: list[str], says: str) -> None:
    said = line(*arguments)
    assert (said.code, said.out) == (1, "")
    assert says in said.err
    assert said.err.count("\n") == 1
