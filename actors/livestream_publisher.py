"""The publisher: turns the log into frames for the viewers. It keeps nothing: viewers hold their own place."""

from collections.abc import Callable

from actors.listener import LogListener
from actors.ports import StoreAccess
from messages.events import AnyEvent, AuctionEvent, AuctionPrepared
from supervision import Context

Publish = Callable[[list[tuple[int, AnyEvent]]], None]
"""Hands events, each with its seq, over to the hub on the event loop's thread; never waits."""


class LivestreamPublisher(LogListener):
    """Hears the log from its beginning, so that a restarted process shows what was shown."""

    def __init__(self, context: Context, store: StoreAccess, publish: Publish) -> None:
        super().__init__(context, store)
        self._store, self._publish = store, publish
        self._heard: list[tuple[int, AnyEvent]] = []
        self._on_stage = ""

    def setup(self) -> None:
        self._client = self._store.connect()
        self.listen(self._client)

    def teardown(self) -> None:
        self._client.close()

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        if isinstance(event, AuctionPrepared):
            self._on_stage = writer
        # A day that is still being settled must not speak into the one that has taken the stage.
        if writer == self._on_stage or not isinstance(event, AuctionEvent):
            self._heard.append((seq, event))

    def heard(self) -> None:
        heard, self._heard = self._heard, []
        self._publish(heard)
