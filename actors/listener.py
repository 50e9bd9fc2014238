"""The base class of all actors that listen to the log: reads its events from a position on, in order, batch by batch.

A `LogGrew` only makes the next read come sooner; each tick reads too. Subclasses say what an event means to them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import redis

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
    """An actor that takes in every event of the log after `position` (a marathon-wide seq), in order.

    Events of the types in `ignores` are passed over.
    """

    ignores: frozenset[type] = frozenset()

    def __init__(self, context: Context, store: StoreAccess, limits: Limits = LIMITS) -> None:
        super().__init__(context)
        self.keys, self._recent, self._limits = store.keys, store.recent, limits
        self.position = 0
        self._kept_up = False  # whether a hint has brought something since the last tick

    def listen(self, client: redis.Redis) -> None:
        """Begin to listen; to be called from `setup`, once `position` is known."""
        self._log = LogReader(client, self.keys, self._recent)

    def last_seq(self) -> int:
        """The seq of the log's newest event: the first position of a listener that reads the present state instead of
        the past."""
        return self._log.last_seq()

    def handle_batch(self, messages: list[object]) -> None:
        super().handle_batch(list(dict.fromkeys(messages)))  # equal hints that have come together say the same

    def handle(self, message: object) -> object:
        if not isinstance(message, LogGrew):
            return NotImplemented
        self._kept_up |= self._take_in(self._log.recent(self.position, self._limits.entries_a_read))
        return None

    def tick(self) -> None:
        self.keep_up()

    def keep_up(self) -> None:
        """Read from the server, at a tick, unless a `LogGrew` has brought events since the last tick.

        In a flood each `LogGrew` brings its entries out of this process's memory: the server would send them once more.
        """
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
