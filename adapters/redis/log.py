"""Reading the log: its entries from any seq on, the heads of its chains, and whether the chains hold.

It writes nothing; `journal` does.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import redis

from adapters.redis.client import execute
from adapters.redis.entry import LogEntry
from adapters.redis.errors import LogDamaged
from adapters.redis.keys import Keys
from adapters.redis.recent import Recent

_LAST_PART = 2**64 - 1  # the largest second part of a stream id


@dataclass(frozen=True, slots=True)
class Head:
    """Where a writer's chain ends: how many events it has, and its hash."""

    sequence: int
    chain: str


class LogReader:
    """Reads one marathon's log; what is `recent` need not be fetched.

    Its methods raise StoreUnavailable, OutcomeUnknown (no answer) and LogDamaged.
    """

    def __init__(self, client: redis.Redis, keys: Keys, recent: Recent | None = None) -> None:
        self._client = client
        self._keys = keys
        self._recent = recent or Recent()

    def read(self, after_seq: int, count: int) -> list[LogEntry]:
        """Up to `count` entries, the first of which holds the event behind `after_seq` (and may begin before
        it).
        """
        if recent := self.recent(after_seq, count):
            return recent
        # An entry's id begins with its last seq: so the first id behind after_seq is the entry that holds the
        # next.
        found: list[tuple[bytes, dict[bytes, bytes]]] = execute(
            self._client, "XRANGE", self._keys.log, f"({after_seq}-{_LAST_PART}", "+", "COUNT", count
        )
        return [_entry(entry_id, fields) for entry_id, fields in found]

    def recent(self, after_seq: int, count: int) -> list[LogEntry]:
        """The same without asking the server: what this process has written itself a moment ago, if it follows."""
        return self._recent.after(after_seq, count)

    def last_seq(self) -> int:
        """The seq of the newest event; 0 in an empty log."""
        stored: bytes = execute(self._client, "GET", self._keys.seq) or b"0"
        if not stored.isdigit():
            raise LogDamaged(f"{self._keys.seq} is {stored!r:.40}")
        return int(stored)

    def heads(self) -> dict[str, Head]:
        """For each writer where its chain ends."""
        stored: dict[bytes, bytes] = execute(self._client, "HGETALL", self._keys.heads)
        heads = {}
        for writer, stored_head in stored.items():
            head = head_of(stored_head)
            if head is None:
                raise LogDamaged(f"the head of {writer!r:.80} is {stored_head!r:.80}")
            heads[writer.decode(errors="replace")] = head
        return heads


def head_of(stored: bytes) -> Head | None:
    """What is stored of a head; None where it is none."""
    found = re.fullmatch(rb"\S+ ([0-9]+) ([0-9a-f]+)", stored)
    return Head(int(found[1]), found[2].decode()) if found else None


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> LogEntry:
    last, count = (int(part) for part in entry_id.split(b"-"))
    try:
        return LogEntry(
            first_seq=last - count + 1,
            count=count,
            writer=fields[b"writer"].decode(),
            first_writer_sequence=int(fields[b"sequence"]),
            chain=fields[b"chain"].decode(),
            data=fields[b"events"],
        )
    except (KeyError, ValueError) as fault:
        raise LogDamaged(f"its entry {last}-{count} is none ({fault!r:.80})") from fault


def first_link(writer: str) -> str:
    """The hash that a writer's chain starts from: the SHA-256 of its name, in hex."""
    return hashlib.sha256(writer.encode()).hexdigest()


def next_link(chain: str, data: bytes) -> str:
    """The chain's hash after one more entry: the SHA-256 of the hash before (in hex) and the stored bytes."""
    return hashlib.sha256(chain.encode() + data).hexdigest()


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where the log is not what was written."""

    seq: int
    writer: str
    what: str


def verify_chain(
    entries: Iterable[LogEntry], heads: Mapping[str, Head] | None = None, every_writer: bool = True
) -> Difference | None:
    """The first difference in a log, read from its beginning, or None. `heads` is where the chains must end; it is
    asked for once the entries are read. Without `every_writer` there are gaps where others have written.
    """
    ends: dict[str, Head] = {}
    seq = 0
    for entry in entries:
        end = ends.get(entry.writer) or Head(0, first_link(entry.writer))
        what = _difference(entry, seq, end, every_writer)
        if what:
            return Difference(entry.first_seq, entry.writer, what)
        seq = entry.last_seq
        ends[entry.writer] = Head(end.sequence + entry.count, entry.chain)
    for writer, head in (heads or {}).items():
        end = ends.get(writer) or Head(0, first_link(writer))
        if end != head:
            what = f"the log ends at the writer's event {end.sequence}, its head says {head.sequence}"
            return Difference(seq, writer, what)
    return None


def _difference(entry: LogEntry, seq: int, end: Head, every_writer: bool) -> str:
    if entry.first_seq <= seq or (every_writer and entry.first_seq > seq + 1):
        return f"seq {seq + 1} is expected here"
    if entry.first_writer_sequence != end.sequence + 1:
        return f"the writer's event {end.sequence + 1} is expected here, not {entry.first_writer_sequence}"
    if entry.chain != next_link(end.chain, entry.data):
        return "the chain does not fit the stored bytes"
    try:
        held = len(entry.events())
    except LogDamaged as fault:
        return f"its events cannot be read: {fault.__cause__}"
    return "" if held == entry.count else f"it holds {held} events and is counted as {entry.count}"
