"""The base class of all actors that listen to the log: reads its events from a position on, in order, batch by batch.

A `LogGrew` only makes the next read come sooner; each tick reads too. Subclasses say what an event means to them.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from actors.ports import StoreAccess
from adapters.redis.log import LogReader
from ledger.entry import LogDamaged, LogEntry
from messages.events import AnyEvent, BidAccepted, BidRefused, StandingsRevised
from messages.hints import LogGrew
from supervision import Actor, Context

LEADS = BidAccepted | StandingsRevised
"""The events that say who leads."""

VERDICTS = frozenset({BidAccepted, BidRefused})
"""The events about single bids: nearly all of a log, and ignored by listeners that follow days only."""


class Limits(NamedTuple):
    """How much a listener does at once."""

    entries_a_read: int = 64
    reads_a_turn: int = 16
    events_between_checkpoints: int = 10_000
    """After so many events a listener without other reasons to commit writes a checkpoint."""


LIMITS = Limits()


class LogListener(Actor):
    """An actor that takes in every event of the log after `position` (a marathon-wide seq), in order. It writes events
    itself as `writer`; the `setup` of a subclass finds out the position.

    Events of the types in `ignores` are passed over.
    """

    writer: ClassVar[str]
    ignores: frozenset[type] = frozenset()

    def __init__(self, context: Context, store: StoreAccess, limits: Limits = LIMITS) -> None:
        super().__init__(context)
        self.keys, self._store, self._limits = store.keys, store, limits
        self.position = 0
        self._kept_up = False  # whether a hint has brought something since the last tick

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, self.writer)
        self._log = LogReader(self._client, self.keys, self._store.recent)

    def teardown(self) -> None:
        self._client.close()

    def handle_batch(self, messages: list[object]) -> None:
        super().handle_batch(list(dict.fromkeys(messages)))  # equal hints that have come together say the same

    def handle(self, message: object) -> object:
        if not isinstance(message, LogGrew):
            return NotImplemented
        self._kept_up |= self._take_in(self._log.recent(self.position, self._limits.entries_a_read))
        return None

    def tick(self) -> None:
        # In a flood each `LogGrew` brings its entries out of this process's memory: the server would send them again.
        if not self._kept_up:
            self.catch_up()
        self._kept_up = False

    def catch_up(self) -> None:
        """Take in the log's events beyond `position`, by `reads_a_turn` reads at most; the next tick goes on."""
        for _ in range(self._limits.reads_a_turn):
            if not self._take_in(self._log.read(self.position, self._limits.entries_a_read)):
                return

    def _take_in(self, entries: Sequence[LogEntry]) -> bool:
        """Take in these entries, which follow `position`. Returns whether there were any. Raises LogDamaged."""
        for entry in entries:
            if entry.first_seq > self.position + 1:
                raise LogDamaged(f"event {self.position + 1} is missing")
            if not self.ignores >= entry.kinds:
                self.on_entry(entry)
            self.position = entry.last_seq
        if entries:
            self.on_batch_end()
        return bool(entries)

    def on_entry(self, entry: LogEntry) -> None:
        """Take in the events of one commit that lie beyond `position`."""
        for seq, event in entry.events_after(self.position):
            if type(event) not in self.ignores:
                self.on_event(entry.writer, seq, event)
                self.position = seq

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        """Take in one event that `writer` has written: an auction's id, or the name of another writer."""
        raise NotImplementedError

    def on_batch_end(self) -> None:
        """Called after each batch of entries: a subclass commits here, once, what follows from the batch."""


def passing(commit: Iterable[tuple[int, AnyEvent]]) -> list[int]:
    """The seqs of those leads in a commit that a later event of the same commit replaces: all but the last one."""
    return [seq for seq, event in commit if isinstance(event, LEADS)][:-1]
