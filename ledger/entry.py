"""An entry of the log holds the events of one commit of one writer; `LogDamaged` is the error for an altered log.

`adapters/redis/log` and `export` read entries; `hash_chain` checks that each follows from the one before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from messages.codec import UnreadableMessage, unpack_events
from messages.events import AnyEvent


class LogDamaged(Exception):
    """Raised where the log lacks events or holds bytes that were never written. Trying again cannot help."""

    exit_code = 1  # "refused", not "gave up" (70): a process manager must not start the process again

    def __init__(self, what: str) -> None:
        super().__init__(f"the log is damaged: {what}; `auction-manager repair` says what can be done")


@dataclass(frozen=True)
class LogEntry:
    """An entry: the `count` events of one commit of one writer. They are numbered from `first_seq` on in the log and
    from `first_writer_sequence` on among the writer's own events; both numbers begin at 1. `chain_hash` is the hash of
    the writer's chain after this entry, `data` the packed events."""

    first_seq: int
    count: int
    writer: str
    first_writer_sequence: int
    chain_hash: str
    data: bytes
    decoded: Sequence[AnyEvent] | None = None  # the events, where the caller has them already

    @property
    def last_seq(self) -> int:
        return self.first_seq + self.count - 1

    @cached_property
    def kinds(self) -> frozenset[type]:
        """The types of the entry's events. Raises LogDamaged."""
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
        """The entry's events after `seq`, each with its own seq. Raises LogDamaged."""
        known = max(0, seq + 1 - self.first_seq)
        return enumerate(self.events()[known:], self.first_seq + known)
