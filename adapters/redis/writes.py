"""What a commit may write beside its events: a closed set of plain writes, made so that the server cannot
refuse one.

Whatever is wrong with a write's values is found here, before anything is sent. The types of keys are the
server's to check.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.redis.functions import Value


def entry_of(data: bytes) -> tuple[Value, ...]:
    """The fields of a stream entry that is no log entry: what it holds, and a checksum that shows any damage."""
    return "batch", data, "crc32", zlib.crc32(data)


def held_by(fields: Mapping[bytes, bytes]) -> bytes | None:
    """What an entry with these fields holds; None where it is not what was written. Older versions wrote no sum."""
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
    """The same, if `field` holds `expected` in the server's eyes at this moment; otherwise nothing, and no error."""

    key: str
    field: str
    expected: Value
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class BidHistories:
    """Each of these bids stands in the sorted set under `key` as its zero-padded post id, and at the end of its
    bidder's own list with `prefix` before it. `own` is what stands before and behind the bidder's id in that list's
    key. Scores are whole numbers below 2^53 (ms, never an amount).

    One write instead of many, since many thousands of bids come at once and hardly two of one bidder.
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
    """The stream loses its entries up to and with this one: they are done with."""

    key: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """The key is gone, whatever it held."""

    key: str


Write = Set | HashSet | HashSetIf | BidHistories | Append | Trim | Delete


def flatten(writes: Iterable[Write]) -> tuple[list[str], list[Value]]:
    """The keys and arguments that the function `commit` takes. Raises ValueError or TypeError for impossible
    values.
    """
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
    """The smallest id after this one. Raises ValueError when it is none."""
    main, _, part = entry_id.partition("-")
    return f"{int(main)}-{int(part) + 1}"
