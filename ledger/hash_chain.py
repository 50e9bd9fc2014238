"""The hash chain of each writer: each entry of the log carries a hash of the entry before it and of its own bytes.

This module verifies that a log is as it was written and finds the first difference. It reads no store and no file: the
caller passes the entries.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.entry import LogDamaged, LogEntry


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a writer's hash chain: the number of the writer's events, and the last hash."""

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
    """The first place where a log differs from what was written."""

    seq: int
    writer: str
    what: str


def verify_chain(
    entries: Iterable[LogEntry], heads: Mapping[str, Head] | None = None, every_writer: bool = True
) -> Difference | None:
    """Verifies a log from its beginning; returns the first difference, or None. `heads` are the ends that the chains
    must have; they are read after the last entry. `every_writer` is False for the entries of one writer, whose seqs
    have gaps."""
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
    return "" if held == entry.count else f"the entry holds {held} events, but its count is {entry.count}"
