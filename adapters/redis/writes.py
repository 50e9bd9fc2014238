"""What a commit may write beside its events: a closed set of plain writes, made so that the server cannot
refuse one.

Whatever is wrong with a write's values is found here, before anything is sent. The types of keys are the
server's to check.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adapters.redis.functions import Value

FIELD = "batch"  # the one field of every stream entry that is no log entry


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
class SortedAdd:
    """These members stand in the sorted set with these scores: whole numbers below 2^53 (ms, never an
    amount).
    """

    key: str
    members: Sequence[tuple[int, Value]]


@dataclass(frozen=True, slots=True)
class SortedAddEach:
    """Each member, with its score, stands in a sorted set of its own: (key, score, member). One write instead of many,
    since many thousands of bids come at once and hardly two of one bidder. `key` is one of the keys, any of them.
    """

    key: str
    members: Sequence[tuple[Value, int, Value]]


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


Write = Set | HashSet | HashSetIf | SortedAdd | SortedAddEach | Append | Trim | Delete


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
        case SortedAdd():
            values: list[Value] = []
            for score, member in write.members:
                values += (b"%d" % score, member)
            return "ZADD", values
        case SortedAddEach():
            each: list[Value] = []
            for key, score, member in write.members:
                each += (key, b"%d" % score, member)
            return "ZADDEACH", each
        case Append():
            return "XADD", ["*", FIELD, write.data]
        case Trim():
            return "XTRIM", ["MINID", following(write.entry_id)]
        case Delete():
            return "DEL", []


def following(entry_id: str) -> str:
    """The smallest id after this one. Raises ValueError when it is none."""
    main, _, part = entry_id.partition("-")
    return f"{int(main)}-{int(part) + 1}"
