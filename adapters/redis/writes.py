"""The writes that a commit may make beside its events: a closed set, of which the server can refuse none halfway.

Wrong values are found here, before anything is sent. The server checks the types of the keys.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.redis.functions import Value


def entry_of(data: bytes) -> tuple[Value, ...]:
    """The fields of an entry of a queue or of the dead letters: its data, and a checksum that shows any damage."""
    return "batch", data, "crc32", zlib.crc32(data)


def held_by(fields: Mapping[bytes, bytes]) -> bytes | None:
    """The data of an entry with these fields; None where it is damaged. Entries of older versions have no checksum."""
    data = fields.get(b"batch")
    if data is None or fields.get(b"crc32") not in (None, b"%d" % zlib.crc32(data)):
        return None
    return data


@dataclass(frozen=True, slots=True)
class Set:
    """The string under `key` becomes `value`."""

    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class HashSet:
    """These fields of the hash take these values; the others stay."""

    key: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class HashSetIf:
    """These fields of the hash take these values if `field` holds `expected` at the commit; no error if not."""

    key: str
    field: str
    expected: Value
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class BidHistories:
    """Each of these bids stands in the sorted set under `key` as its zero-padded post id, and at the end of its
    bidder's own list with `prefix` before it. `own` are the parts before and after the bidder's id in that list's key.
    Scores are whole numbers below 2^53 (ms, never an amount).

    One write for all bids of a commit, since there may be many thousands and hardly two of one bidder.
    """

    key: str
    own: tuple[str, str]
    prefix: str
    bids: Sequence[tuple[int, int, int]]
    """Score, post id and bidder id of each."""


@dataclass(frozen=True, slots=True)
class Append:
    """One more entry at the end of a stream (an input queue, an outbox, the dead letters)."""

    key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Trim:
    """The stream loses its entries up to and including this one."""

    key: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """The key is deleted, whatever it holds."""

    key: str


Write = Set | HashSet | HashSetIf | BidHistories | Append | Trim | Delete


def flatten(writes: Iterable[Write]) -> tuple[list[str], list[Value]]:
    """The keys and arguments that the function `commit` takes. Raises ValueError or TypeError for impossible values."""
    keys: list[str] = []
    args: list[Value] = []
    for write in writes:
        command, values = _values(write)
        if values or command == "DEL":
            keys.append(write.key)
            args += (command, len(values))
            args += values
    return keys, args


def _values(write: Write) -> tuple[str, list[Value]]:
    match write:
        case Set():
            return "SET", [write.value]
        case HashSet():
            return "HSET", [part for pair in write.fields.items() for part in pair]
        case HashSetIf():
            return "HSETIF", [write.field, write.expected, *(part for pair in write.fields.items() for part in pair)]
        case BidHistories():
            bids = "".join([f"{score:d} {post_id:020d} {bidder_id:d}\n" for score, post_id, bidder_id in write.bids])
            return "HISTORIES", [*write.own, write.prefix, bids] if bids else []
        case Append():
            return "XADD", ["*", *entry_of(write.data)]
        case Trim():
            return "XTRIM", ["MINID", following(write.entry_id)]
        case Delete():
            return "DEL", []


def following(entry_id: str) -> str:
    """The smallest id of a stream after this one. Raises ValueError for a malformed id."""
    main, _, part = entry_id.partition("-")
    return f"{int(main)}-{int(part) + 1}"
