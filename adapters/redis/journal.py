"""The journal of a writer: the one way in which an actor changes the store, and the one from which it recovers.

Start and recovery are the same: `begin`, apply the checkpoint, apply `tail`. After any error but StoreUnavailable the
journal has to be begun again.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, cast, overload

import redis

from adapters.redis import functions
from adapters.redis.checkpoint import Checkpoint, newest_sound, seal
from adapters.redis.client import Sent
from adapters.redis.errors import StoreUnavailable
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.redis.recent import Recent
from adapters.redis.writes import Write, flatten
from ledger.entry import LogDamaged, LogEntry
from ledger.hash_chain import Head, first_hash, next_hash
from messages.base import Event
from messages.codec import pack_batch
from messages.events import AnyEvent

T = TypeVar("T")
TAIL_CHUNK = 64  # log entries read at once in recovery


class Begun(NamedTuple, Generic[T]):
    """What a writer has when it begins: its new `incarnation`, how many events its chain has, the seq of the
    marathon's newest event, and what was read of its newest sound checkpoint (None: replay from the beginning)."""

    incarnation: str
    sequence: int
    seq: int
    checkpoint: T | None


class _Unsettled(NamedTuple):
    """A commit on its way, and where the writer's chain ended before it."""

    call: Sent
    sequence_before: int
    hash_before: str
    data: bytes
    events: Sequence[Event]


class Journal:
    """The journal of one writer in the process with this lease token. For one thread.

    `recent` remembers what the journal commits, for the listeners of the same process.
    """

    def __init__(self, client: redis.Redis, keys: Keys, token: str, writer: str, recent: Recent | None = None) -> None:
        self._client, self._keys, self._token, self._writer, self._recent = client, keys, token, writer, recent
        self._of_the_log = (keys.lease, keys.heads, keys.seq, keys.log)
        self._checkpoints = (keys.checkpoint(writer), keys.previous_checkpoint(writer))
        self._begun: Begun[Any] | None = None
        self._unsettled: _Unsettled | None = None
        self._sequence, self._chain_hash, self._seq = 0, "", 0
        self._from = self._beginning()

    def _beginning(self) -> Checkpoint:
        return Checkpoint(seq=0, sequence=0, payload=b"", chain_hash=first_hash(self._writer))

    @overload
    def begin(self) -> Begun[bytes]: ...

    @overload
    def begin(self, read: Callable[[bytes], T]) -> Begun[T]: ...

    def begin(self, read: Callable[[bytes], Any] = bytes) -> Begun[Any]:
        """Make this the only journal of its writer: earlier ones are refused from now on.

        `read` decodes a checkpoint's payload; where it raises UnreadableMessage (the shape is another, a segment is
        gone), the checkpoint counts as damaged. Raises NotOwner without the lease, LogDamaged, StoreUnavailable (also
        while the store lacks what it had acknowledged and nobody has seen to that yet), OutcomeUnknown.
        """
        self._begun = self._unsettled = None
        # Random rather than counted: a failover may lose the newest number, which would then be given out twice.
        incarnation = secrets.token_hex(8)
        args = [self._token, incarnation, self._writer, first_hash(self._writer)]
        sequence, chain_hash, self._seq = functions.call(self._client, "begin", self._of_the_log, args)
        self._sequence, self._chain_hash = int(sequence), chain_hash.decode()
        if self._recent:
            self._recent.compare(self._writer, self._sequence, self._chain_hash)
            if self._recent.lost:
                raise StoreUnavailable(f"the store has lost history: {self._recent.lost}")
        head = Head(self._sequence, self._chain_hash)
        sound = newest_sound(self._client, self._keys, self._writer, head, read)
        self._from, state = sound or (self._beginning(), None)
        self._begun = Begun(incarnation, self._sequence, self._seq, state)
        return self._begun

    def tail(self) -> Iterator[tuple[int, AnyEvent]]:
        """This writer's events after the checkpoint that `begin` gave, each with its seq. To be read before the first
        commit. Raises LogDamaged for a missing or changed one, StoreUnavailable, OutcomeUnknown."""
        log = LogReader(self._client, self._keys)
        seq, sequence, chain_hash = self._from.seq, self._from.sequence, self._from.chain_hash
        while sequence < self._sequence:
            entries = log.read(seq, TAIL_CHUNK)
            if not entries:
                raise LogDamaged(f"the log ends at event {sequence} of {self._writer}, which has {self._sequence}")
            for entry in entries:
                seq = entry.last_seq
                if entry.writer != self._writer or entry.first_writer_sequence <= sequence:
                    continue
                if entry.first_writer_sequence > sequence + 1:
                    raise LogDamaged(f"event {sequence + 1} of {self._writer} is not in the log any more")
                if chain_hash and next_hash(chain_hash, entry.data) != entry.chain_hash:
                    raise LogDamaged(f"event {sequence + 1} of {self._writer} is not what was written")
                yield from entry.events_after(0)
                sequence, chain_hash = sequence + entry.count, entry.chain_hash
        if chain_hash not in ("", self._chain_hash):
            raise LogDamaged(f"the head of {self._writer} does not fit its last event")

    def commit(self, events: Sequence[Event], writes: Iterable[Write] = (), checkpoint: bytes | None = None) -> int:
        """Add the events to the log and do the writes, all or nothing. Returns the seq of the marathon's last event.

        `checkpoint` is the writer's state after these events. Raises StoreUnavailable (nothing is written; the same
        commit may be tried again), OutcomeUnknown, NotOwner, WrongSequence, and DamagedState when a key holds another
        type than a write needs (nothing is written).
        """
        self.send(events, writes, checkpoint)
        return self.settle()

    def send(self, events: Sequence[Event], writes: Iterable[Write] = (), checkpoint: bytes | None = None) -> None:
        """Send a commit without waiting for its answer, which `settle` does, so that the writer can go on meanwhile.

        Only one commit is under way: before this one is sent, the answer to the commit before is waited for. Raises as
        `commit`. The error may be of the commit before, so after an error the writer must call `begin` again.
        """
        begun = self._begun
        if begun is None:
            raise RuntimeError(f"the journal of {self._writer} has to be begun before a commit")
        sequence = self._sequence + len(events)
        data = pack_batch(events) if events else b""
        chain_hash = next_hash(self._chain_hash, data) if events else self._chain_hash
        # The commit's own seq is not known before the server's answer; reading on from the seq before is as good.
        state = b"" if checkpoint is None else seal(Checkpoint(self._seq, sequence, checkpoint, chain_hash))
        keys, values = flatten(writes)
        self.settle()
        self._begun = None
        expected = (self._token, begun.incarnation, self._writer, self._sequence, self._chain_hash)
        added = (sequence, chain_hash, len(events), data, state)
        try:
            call = functions.begin_call(
                self._client, "commit", [*self._of_the_log, *self._checkpoints, *keys], [*expected, *added, *values]
            )
        except StoreUnavailable:
            self._begun = begun
            raise
        self._begun = begun
        self._unsettled = _Unsettled(call, self._sequence, self._chain_hash, data, events)
        self._sequence, self._chain_hash = sequence, chain_hash

    def settle(self) -> int:
        """Wait until the commit that was sent is written, if one is under way. Returns the marathon's seq then.

        Raises as `commit`.
        """
        if self._unsettled is None:
            return self._seq
        sent, self._unsettled = self._unsettled, None
        begun, self._begun = self._begun, None
        try:
            seq: int = sent.call.answer()
        except StoreUnavailable:
            self._begun, self._sequence, self._chain_hash = begun, sent.sequence_before, sent.hash_before
            raise
        self._begun, self._seq = begun, seq
        if self._recent and sent.events:
            events = cast(Sequence[AnyEvent], sent.events)  # only events of the log are committed
            count, first = len(events), sent.sequence_before + 1
            entry = LogEntry(seq - count + 1, count, self._writer, first, self._chain_hash, sent.data, events)
            self._recent.remember(entry)
        return seq
