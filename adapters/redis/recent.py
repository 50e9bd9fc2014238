"""The newest events that this process has written, as they were before they were packed.

Its listeners read the log like everybody else, but need not decode again what was in the next room a moment ago. An
entry is told by the hash of its chain, so what stands here is what stands in the log, or is never asked for.
"""

import threading
from collections.abc import Sequence

from messages.events import AnyEvent

BYTES_KEPT = 2**24  # packed; decoded they take some four times as much


class Recent:
    """Events by the chain's hash after them. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, Sequence[AnyEvent]]] = {}
        self._bytes = 0
        self._adding = threading.Lock()

    def remember(self, chain: str, size: int, events: Sequence[AnyEvent]) -> None:
        """Keep these events, `size` bytes when packed, and forget the oldest; they must not be changed any more."""
        with self._adding:
            self._bytes += size - self._entries.pop(chain, (0, ()))[0]
            self._entries[chain] = (size, events)
            while self._bytes > BYTES_KEPT:
                self._bytes -= self._entries.pop(next(iter(self._entries)))[0]

    def events(self, chain: str) -> Sequence[AnyEvent] | None:
        """The events of the entry with this hash, if they are remembered."""
        entry = self._entries.get(chain)
        return entry and entry[1]
