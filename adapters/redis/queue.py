"""The input queues: commands for an auction, on disk before their sender is told of it; and the dead letters.

Each queue has one reader, with a cursor of its own, which takes entries out by a `Trim` in the commit that decides
them. What cannot be decided is kept as a dead letter. A damaged entry reads as its packed fields: no batch, but a dead
letter.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import redis
import redis.asyncio

from adapters.redis import functions
from adapters.redis.client import Sent, execute
from adapters.redis.functions import Value
from adapters.redis.keys import Keys
from adapters.redis.translation import translated
from adapters.redis.writes import Append, entry_of, held_by
from messages.base import Command
from messages.codec import UnreadableMessage, pack, pack_batch, unpack

START = "0-0"  # the cursor before the first entry


class QueueLimits(NamedTuple):
    """Bounds of a queue, in bytes."""

    queue: int = 2**27
    """What may wait for one auction before its sources are slowed: twice the posts of X's busiest second, and no more
    than a server can spare."""
    entry: int = 2**20
    """A larger batch is appended as several entries, since an entry is read and decided as one."""


LIMITS = QueueLimits()


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be decided: the packed batch as it was, the auction and the entry that it came from (empty:
    none), the error, how often it was tried, and when it was kept (UTC ms)."""

    auction_id: str
    entry_id: str
    data: bytes
    error: str
    attempts: int
    at_ms: int


class Queue:
    """The input queues of one marathon. All methods raise StoreUnavailable and OutcomeUnknown; after the latter the
    same commands may be appended again, since a repeated command is known by its id."""

    def __init__(self, client: redis.Redis, keys: Keys, limits: QueueLimits = LIMITS) -> None:
        self._client, self._keys, self._limits = client, keys, limits

    def append(self, auction_id: str, commands: Sequence[Command]) -> str:
        """Append the commands, in order, as one packed batch or, beyond its limit, as several; they are on disk
        when this returns. Answers the (last) entry's id."""
        data = pack_batch(commands)
        if len(data) > self._limits.entry and len(commands) > 1:
            half = len(commands) // 2
            self.append(auction_id, commands[:half])
            return self.append(auction_id, commands[half:])
        return self.append_packed(auction_id, data)

    def append_packed(self, auction_id: str, data: bytes) -> str:
        """Append a batch that is packed already. Answers the entry's id."""
        entry_id: bytes = execute(self._client, *_append(self._keys.queue(auction_id), data))
        return entry_id.decode()

    def read(self, auction_id: str, after: str, count: int) -> list[tuple[str, bytes]]:
        """Up to `count` entries after the cursor `after` (START in the beginning): id and packed batch."""
        return self._read(self._keys.queue(auction_id), after, count)

    def begin_read(self, auction_id: str, after: str, count: int) -> "Reading":
        """`read` without waiting for the answer."""
        return Reading(Sent(self._client, *_range(self._keys.queue(auction_id), after, count)))

    def remove(self, auction_id: str, entry_ids: Sequence[str]) -> None:
        """Take these entries out; those that are gone already are no error."""
        if entry_ids:
            execute(self._client, "XDEL", self._keys.queue(auction_id), *entry_ids)

    def is_full(self, auction_id: str) -> bool:
        """Whether the queue holds more than its limit, by the server's estimate: its sources should wait."""
        size: int | None = execute(self._client, "MEMORY", "USAGE", self._keys.queue(auction_id))
        return (size or 0) > self._limits.queue

    # ---- dead letters

    def dead_letter(self, letter: DeadLetter) -> str:
        """Keep a dead letter. Answers its id. Within a commit: `dead_letter_write`."""
        letter_id: bytes = execute(self._client, *_append(self._keys.dead, pack(letter)))
        return letter_id.decode()

    def dead_letter_write(self, letter: DeadLetter) -> Append:
        """The write that keeps a dead letter within a commit, which takes its entry out of the queue too."""
        return Append(self._keys.dead, pack(letter))

    def dead_letters(self, after: str, count: int) -> list[tuple[str, DeadLetter]]:
        """Up to `count` dead letters after the one of the id `after`, each with its id."""
        return [(entry_id, _letter(entry_id, data)) for entry_id, data in self._read(self._keys.dead, after, count)]

    def letter(self, letter_id: str) -> DeadLetter | None:
        """The dead letter of this id; None where there is none."""
        found = _entries(execute(self._client, "XRANGE", self._keys.dead, letter_id, letter_id))
        return _letter(*found[0]) if found else None

    def settle(self, letter_id: str, queue_of: str, data: bytes) -> bool:
        """Take a dead letter out and append this packed batch to a queue, in one step. Returns False, with nothing
        appended, where there is no such letter (any more)."""
        streams = [self._keys.dead, self._keys.queue(queue_of)]
        return bool(functions.call(self._client, "settle_letter", streams, [letter_id, *entry_of(data)]))

    def _read(self, key: str, after: str, count: int) -> list[tuple[str, bytes]]:
        return _entries(execute(self._client, *_range(key, after, count)))


class Reading:
    """A read of a queue that is under way."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    def entries(self) -> list[tuple[str, bytes]]:
        """Wait for the entries; to be called once. Raises StoreUnavailable, OutcomeUnknown."""
        return _entries(self._sent.answer())


async def append_async(client: redis.asyncio.Redis, key: str, data: bytes) -> None:
    """Append what is packed already to a queue, or to the dead letters, on an asyncio loop. Raises as `Queue`."""
    untyped: Any = client
    with translated():
        await untyped.execute_command(*_append(key, data))


async def is_full_async(client: redis.asyncio.Redis, key: str, limits: QueueLimits = LIMITS) -> bool:
    """`Queue.is_full` for an asyncio loop, and for the dead letters as well."""
    with translated():
        size = await client.memory_usage(key)
    return (size or 0) > limits.queue


def _range(key: str, after: str, count: int) -> tuple[Value, ...]:
    return ("XRANGE", key, f"({after}", "+", "COUNT", count)


def _entries(found: list[tuple[bytes, dict[bytes, bytes]]]) -> list[tuple[str, bytes]]:
    read = ((entry_id.decode(), held_by(fields), fields) for entry_id, fields in found)
    return [(entry_id, pack(fields) if data is None else data) for entry_id, data, fields in read]


def _letter(entry_id: str, data: bytes) -> DeadLetter:
    """The dead letter that this entry holds; where it cannot be read, a dead letter of its bytes."""
    try:
        return unpack(data, DeadLetter)
    except UnreadableMessage as fault:
        error = f"this dead letter cannot be read: {fault}"
        at_ms = int(entry_id.partition("-")[0])
        return DeadLetter(auction_id="", entry_id=entry_id, data=data, error=error, attempts=0, at_ms=at_ms)


def _append(key: str, data: bytes) -> tuple[Value, ...]:
    return ("XADD", key, "*", *entry_of(data))
