"""The export is a log as a file: `log --export` writes it, and `audit --file` reads it without a server.

An export is a stream of MessagePack records: a title, each entry with its bytes as they are stored, and last the ends
of the hash chains with a checksum of all records before. This module finds faults of the format only and names their
byte; `hash_chain` verifies the chains.
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar

import msgpack
import msgspec

from ledger.entry import LogEntry
from ledger.hash_chain import Head

LONGEST_RECORD = 2**28
_KIND, _VERSION = "auction-manager log", 1
T = TypeVar("T")


class DamagedExport(ValueError):
    """Raised for a file that is no export or is incomplete; the text says where."""


class Title(msgspec.Struct, frozen=True, array_like=True):
    """The first record of an export. `auction_id` is empty where the export holds the entries of every writer."""

    kind: str
    version: int
    marathon_id: str
    auction_id: str


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    first_seq: int
    count: int
    writer: str
    first_writer_sequence: int
    chain_hash: str
    data: bytes


class _End(msgspec.Struct, frozen=True):
    heads: dict[str, tuple[int, str]]
    sha256: bytes


@dataclass
class Export:
    """An export that is being read. After the last of its entries, `heads` holds the ends of the hash chains, and
    `is_whole` says whether the checksum fits. The checksum covers the seqs of the log too, which the chains do not."""

    title: Title
    entries: Iterator[LogEntry]
    heads: dict[str, Head] = field(default_factory=dict)
    is_whole: bool = False


def write_export(file: BinaryIO, marathon_id: str, auction_id: str, entries: Iterable[LogEntry]) -> int:
    """Writes entries of the marathon's log, those of all writers or of one auction; returns their number of events."""
    heads, events, digest = dict[str, tuple[int, str]](), 0, hashlib.sha256()

    def write(record: object) -> None:
        packed = msgpack.packb(record)
        digest.update(packed)
        file.write(packed)

    write((_KIND, _VERSION, marathon_id, auction_id))
    for entry in entries:
        write((entry.first_seq, entry.count, entry.writer, entry.first_writer_sequence, entry.chain_hash, entry.data))
        heads[entry.writer] = (entry.first_writer_sequence + entry.count - 1, entry.chain_hash)
        events += entry.count
    write({"heads": heads, "sha256": digest.digest()})
    return events


def read_export(file: BinaryIO) -> Export:
    """Begins to read an export. Raises DamagedExport, as does reading its entries."""
    unpacker = msgpack.Unpacker(file, max_buffer_size=LONGEST_RECORD)
    record = _next(unpacker)
    title = _convert(record, Title, "record 1")
    if (title.kind, title.version) != (_KIND, _VERSION):
        raise DamagedExport(f"it is no export of a log: it begins with {title.kind!r:.40}, version {title.version}")
    export = Export(title, iter(()))
    export.entries = _entries(unpacker, export, hashlib.sha256(msgpack.packb(record)))
    return export


def _entries(unpacker: Any, export: Export, digest: Any) -> Iterator[LogEntry]:
    for number in itertools.count(2):
        where = f"record {number}, at byte {unpacker.tell()}"
        if isinstance(record := _next(unpacker, where), dict):
            break
        yield LogEntry(*msgspec.structs.astuple(_convert(record, _Entry, where)))
        digest.update(msgpack.packb(record))
    end, behind = _convert(record, _End, where), unpacker.tell()
    if unpacker.read_bytes(1):
        raise DamagedExport(f"there is more behind its last record, at byte {behind}")
    export.heads.update((writer, Head(*head)) for writer, head in end.heads.items())
    export.is_whole = end.sha256 == digest.digest()


def _next(unpacker: Any, where: str = "record 1") -> Any:
    try:
        return unpacker.unpack()
    except msgpack.OutOfData:
        raise DamagedExport(f"{where}: the file ends here, before its last record") from None
    except (msgpack.UnpackException, ValueError) as fault:
        raise DamagedExport(f"{where}: it cannot be read: {type(fault).__name__} {fault}".rstrip()) from fault


def _convert(record: Any, kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(record, kind)
    except msgspec.ValidationError as fault:
        raise DamagedExport(f"{where}: it is no part of an export: {fault}") from fault
