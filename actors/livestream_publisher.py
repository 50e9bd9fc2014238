"""The publisher: turns the log into frames for the viewers.

Viewers remember their own place in the feed. The checkpoint holds what a joining viewer has to know, so that a
restarted process need not read the whole log again.
"""

from actors.listener import LIMITS, Limits, LogListener, passing
from actors.ports import StoreAccess
from adapters.livestream.hub import FeedHub, FeedState
from ledger.entry import LogEntry
from messages.codec import pack, reader_of
from messages.events import AnyEvent, AuctionEvent, AuctionPrepared
from supervision import Context


class LivestreamPublisher(LogListener):
    """Reads the log from where the feed is, which outlives this actor; in a new process from the checkpoint on."""

    writer = "livestream_publisher"

    def __init__(self, context: Context, store: StoreAccess, feed: FeedHub, limits: Limits = LIMITS) -> None:
        super().__init__(context, store, limits)
        self._feed = feed
        self._events: list[tuple[int, AnyEvent]] = []
        self._passing: list[int] = []  # the seqs of leads that another one of the same commit follows

    def setup(self) -> None:
        super().setup()
        begun = self._journal.begin(reader_of(FeedState))
        if begun.checkpoint and not self._feed.seq:
            self._feed.resume(begun.checkpoint)
        self.position = self._checkpointed = self._feed.seq
        self._on_stage = self._feed.on_stage

    def on_entry(self, entry: LogEntry) -> None:
        if AuctionPrepared in entry.kinds:
            self._on_stage = entry.writer
        events = list(entry.events_after(self.position))
        # Events of an auction that has left the stage are not shown.
        if entry.writer == self._on_stage:
            self._events += events
            self._passing += passing(events)
        else:
            self._events += [(seq, event) for seq, event in events if not isinstance(event, AuctionEvent)]

    def on_batch_end(self) -> None:
        events, passed, self._events, self._passing = self._events, self._passing, [], []
        self._feed.publish(events, frozenset(passed))
        if self.position - self._checkpointed >= self._limits.events_between_checkpoints:
            self._journal.commit([], checkpoint=pack(self._feed.state()))
            self._checkpointed = self.position
