"""What all listeners of the log share: reading it from a position on, in order, batch by batch.

A `LogGrew` is only a hint; the tick reads all the same. What is made of an event is the subclass's to say.
"""

from collections.abc import Iterable, Sequence

import redis

from actors.ports import StoreAccess
from adapters.redis.log import LogReader
from ledger.entry import LogDamaged, LogEntry
from messages.events import AnyEvent, BidAccepted, BidRefused, StandingsRevised
from messages.hints import LogGrew
from supervision import Actor, Context

ENTRIES_A_READ = 64
READS_A_TURN = 16

LEADS = BidAccepted | StandingsRevised
"""What says who leads."""

VERDICTS = frozenset({BidAccepted, BidRefused})
"""Nearly all of a log, and nothing to those who care for days rather than bids."""


class LogListener(Actor):
    """An actor that takes in every event of the log after `position` (a marathon-wide seq), each in its order.

    Events of the types in `ignores` are passed over.
    """

    ignores: frozenset[type] = frozenset()

    def __init__(self, context: Context, store: StoreAccess) -> None:
        super().__init__(context)
        self.keys, self._recent = store.keys, store.recent
        self.position = 0
        self._kept_up = False  # whether a hint has brought something since the last tick

    def listen(self, client: redis.Redis) -> None:
        """Begin to listen; to be called from `setup`, once `position` is known."""
        self._log = LogReader(client, self.keys, self._recent)

    def last_seq(self) -> int:
        """The seq that the log has reached: where a listener begins that reads the state first."""
        return self._log.last_seq()

    def handle_batch(self, messages: list[object]) -> None:
        # Hints that have come together say the same.
        others = [message for message in messages if not isinstance(message, LogGrew)]
        if len(others) < len(messages):
            self.handle(LogGrew())
        super().handle_batch(others)

    def handle(self, message: object) -> object:
        if not isinstance(message, LogGrew):
            return NotImplemented
        self._kept_up |= self._take_in(self._log.recent(self.position, ENTRIES_A_READ))
        return None

    def tick(self) -> None:
        self.keep_up()

    def keep_up(self) -> None:
        """To be called at each tick: asks the server where no hint has brought anything since the last one.

        In a flood a hint brings each entry out of this process's memory: a read of the server would fetch it once more.
        """
        if not self._kept_up:
            self.catch_up()
        self._kept_up = False

    def catch_up(self) -> None:
        """Take in what the log has beyond `position`; bounded, the next tick goes on."""
        for _ in range(READS_A_TURN):
            if not self._take_in(self._log.read(self.position, ENTRIES_A_READ)):
                return

    def _take_in(self, entries: Sequence[LogEntry]) -> bool:
        """Take in these entries, which follow `position`. Whether there were any. Raises LogDamaged."""
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
        """What one commit has added, as far as it lies beyond `position`."""
        for seq, event in entry.events_after(self.position):
            if type(event) not in self.ignores:
                self.on_event(entry.writer, seq, event)
                self.position = seq

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        """Take in one event that `writer` has written: an auction's id, or the name of another writer."""
        raise NotImplementedError

    def on_batch_end(self) -> None:
        """Called after each batch of entries: the place to commit once what follows from it."""


def passing(commit: Iterable[tuple[int, AnyEvent]]) -> list[int]:
    """The seqs of those events of a commit that say who leads, and not as it stands after the commit: only the last one
    does."""
    return [seq for seq, event in commit if isinstance(event, LEADS)][:-1]
