"""The bridge to the host: what happens becomes a line that the character says, each at most once, in the log.

As long as no ElizaOS is configured the lines are our own (`auction.words`). Nothing said changes an auction.
"""

from collections.abc import Sequence

import msgspec

from actors.listener import LogListener
from actors.ports import Clock, StoreAccess
from auction.words import host_line
from messages.base import Event
from messages.codec import pack, reader_of
from messages.events import AnyEvent, BidAccepted, BidRefused, CharacterSpoke
from messages.hints import LogGrew
from supervision import Context

WRITER = "eliza_bridge"


class BridgeState(msgspec.Struct, array_like=True):
    """Up to where the log has been talked about."""

    position: int = 0


class ElizaBridge(LogListener):
    """Speaks about the log. Of the bids that were found together only the last is worth a line."""

    deaf_to = frozenset({BidRefused})

    def __init__(self, context: Context, store: StoreAccess, clock: Clock, listeners: Sequence[str]) -> None:
        super().__init__(context, store)
        self._store, self._clock, self._listeners = store, clock, listeners
        self._lines: list[CharacterSpoke] = []
        self._bid_line: CharacterSpoke | None = None

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        begun = self._journal.begin(reader_of(BridgeState))
        self.position = (begun.checkpoint or BridgeState()).position
        for _, line in self._journal.tail():  # there is one only behind a damaged checkpoint
            if isinstance(line, CharacterSpoke):
                self.position = max(self.position, line.about_seq)
        self.listen(self._client)

    def teardown(self) -> None:
        self._client.close()

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        text = host_line(event)
        if text is None:
            return
        line = CharacterSpoke(
            message_id=f"line:{seq}",
            correlation_id=event.message_id,
            at_ms=self._clock(),
            text=text,
            about_seq=seq,
        )
        if isinstance(event, BidAccepted):
            self._bid_line = line
        else:
            self._lines.append(line)

    def heard(self) -> None:
        lines: list[Event] = [*self._lines]
        if self._bid_line:
            lines.append(self._bid_line)
        self._lines, self._bid_line = [], None
        if lines:
            # Position and lines move in one commit, so that each fact is spoken of once whatever happens.
            lines.sort(key=lambda line: line.about_seq)  # type: ignore[attr-defined]
            self._journal.commit(lines, checkpoint=pack(BridgeState(self.position)))
            for name in self._listeners:
                self.context.send(name, LogGrew())
