"""An entry of the log: what one commit of one writer has added, and the error for a log that is not what was written.

`adapters/redis/log` and `export` read entries; `hash_chain` says whether they follow from each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from messages.codec import UnreadableMessage, unpack_events
from messages.events import AnyEvent


class LogDamaged(Exception):
    """The log lacks events that it must have, or holds what was never written. Trying again cannot help."""

    exit_code = 1  # refused, and not given up: a process manager is not to start it again

    def __init__(self, what: str) -> None:
        super().__init__(f"the log is damaged: {what}; `auction-manager repair` says what can be done")


@dataclass(frozen=True)
class LogEntry:
    """What one commit of one writer has added: `count` events, numbered from `first_seq` in the marathon and
    from `first_writer_sequence` in the writer's own chain, both from 1 on. `chain` is the chain's hash after
    it.
    """

    first_seq: int
    count: int
    writer: str
    first_writer_sequence: int
    chain_hash: str
    data: bytes
    decoded: Sequence[AnyEvent] | None = None  # where they are at hand

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1

    @cached_property
    def kinds(self) -> frozenset[type]:
        """Of which types its events are. Raises LogDamaged."""
        return frozenset(map(type, self.events()))

    def events(self) -> Sequence[AnyEvent]:
        """The events, decoded once. Raises LogDamaged."""
        return self._events

    @cached_property
    def _events(self) -> Sequence[AnyEvent]:
        if self.decoded is not None:
            return self.decoded
        try:
            return unpack_events(self.data)
        except UnreadableMessage as fault:
            raise LogDamaged(f"the events from seq {self.first_seq} on cannot be read: {fault}") from fault

    def events_after(self, seq: int) -> Iterator[tuple[int, AnyEvent]]:
        """The events behind `seq`, each with its own seq. Raises LogDamaged."""
        known = max(0, seq + 1 - self.first_seq)
        return enumerate(self.events()[known:], self.first_seq + known)
