"""The hash chain of each writer: each entry of the log carries a hash of the entry before it and of its own bytes.

It says whether a log is what was written, and where not. It reads no store and no file: entries are handed in.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.entry import LogDamaged, LogEntry


@dataclass(frozen=True, slots=True)
class Head:
    """Where a writer's chain ends: how many events it has, and its hash."""

    sequence: int
    chain_hash: str


def first_hash(writer: str) -> str:
    """The hash that a writer's chain starts from: the SHA-256 of its name, in hex."""
    return hashlib.sha256(writer.encode()).hexdigest()


def next_hash(chain_hash: str, data: bytes) -> str:
    """The chain's hash after one more entry: the SHA-256 of the hash before (in hex) and the stored bytes."""
    return hashlib.sha256(chain_hash.encode() + data).hexdigest()


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
        end = ends.get(entry.writer) or Head(0, first_hash(entry.writer))
        what = _difference(entry, seq, end, every_writer)
        if what:
            return Difference(entry.first_seq, entry.writer, what)
        seq = entry.last_seq
        ends[entry.writer] = Head(end.sequence + entry.count, entry.chain_hash)
    for writer, head in (heads or {}).items():
        end = ends.get(writer) or Head(0, first_hash(writer))
        if end != head:
            what = f"the log ends at the writer's event {end.sequence}, its head says {head.sequence}"
            return Difference(seq, writer, what)
    return None


def _difference(entry: LogEntry, seq: int, end: Head, every_writer: bool) -> str:
    if entry.first_seq <= seq or (every_writer and entry.first_seq > seq + 1):
        return f"seq {seq + 1} is expected here"
    if entry.first_writer_sequence != end.sequence + 1:
        return f"the writer's event {end.sequence + 1} is expected here, not {entry.first_writer_sequence}"
    if entry.chain_hash != next_hash(end.chain_hash, entry.data):
        return "the chain does not fit the stored bytes"
    try:
        held = len(entry.events())
    except LogDamaged as fault:
        return f"its events cannot be read: {fault.__cause__}"
    return "" if held == entry.count else f"it holds {held} events and is counted as {entry.count}"
