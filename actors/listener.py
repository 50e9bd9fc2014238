"""What all listeners of the log share: reading it from a position on, in order, batch by batch.

A `LogGrew` is only a hint; the tick reads all the same. What is made of an event is the subclass's to say.
"""

import redis

from actors.ports import StoreAccess
from adapters.redis.log import LogEntry, LogReader
from messages.events import AnyEvent, BidAccepted, BidRefused
from messages.hints import LogGrew
from supervision import Actor, Context

ENTRIES_A_READ = 64
READS_A_TURN = 16

VERDICTS = frozenset({BidAccepted, BidRefused})
"""Nearly all of a log, and nothing to those who care for days rather than bids."""


class LogListener(Actor):
    """An actor that hears every event of the log after `position` (a marathon-wide seq), each in its order.

    What it is `deaf_to` is passed over.
    """

    deaf_to: frozenset[type] = frozenset()

    def __init__(self, context: Context, store: StoreAccess) -> None:
        super().__init__(context)
        self.keys, self._recent = store.keys, store.recent
        self.position = 0

    def listen(self, client: redis.Redis) -> None:
        """Begin to hear; to be called from `setup`, once `position` is known."""
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
        # What has grown next door is at hand; whether the server has more the tick will ask.
        if self._hear_some() == ENTRIES_A_READ:
            self.catch_up()
        return None

    def tick(self) -> None:
        self.catch_up()

    def catch_up(self) -> None:
        """Hear what the log has beyond `position`; bounded, the next tick goes on."""
        for _ in range(READS_A_TURN):
            if not self._hear_some():
                return

    def _hear_some(self) -> int:
        """Hear the next entries; how many there were."""
        entries = self._log.read(self.position, ENTRIES_A_READ)
        for entry in entries:
            if not self.deaf_to >= entry.kinds:
                self.hear_entry(entry)
            self.position = entry.last_seq
        if entries:
            self.heard()
        return len(entries)

    def hear_entry(self, entry: LogEntry) -> None:
        """What one commit has added, as far as it lies beyond `position`."""
        for seq, event in entry.events_after(self.position):
            if type(event) not in self.deaf_to:
                self.hear(entry.writer, seq, event)
                self.position = seq

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        """One event of the chain of `writer`: an auction's id, or the name of another writer."""
        raise NotImplementedError

    def heard(self) -> None:
        """A batch of events was heard: the place to commit what follows from it, once."""
