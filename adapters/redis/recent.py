"""The newest entries of the log that this process has written itself, decoded: listeners need not ask the store for
what was said a moment ago in the next room.

It holds only what is on disk, forgets the oldest, and is never the truth: what is not here is read from the log.
"""

import threading

from adapters.redis.log import LogEntry

BYTES_KEPT = 2**24  # packed; decoded they take some four times as much


class Recent:
    """Entries by the seq of their first event. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._entries: dict[int, LogEntry] = {}
        self._bytes = 0
        self._adding = threading.Lock()

    def add(self, entry: LogEntry) -> None:
        """Remember an entry that the store has acknowledged."""
        with self._adding:
            self._entries[entry.first_seq] = entry
            self._bytes += len(entry.data)
            while self._bytes > BYTES_KEPT:
                oldest = self._entries.pop(next(iter(self._entries)))
                self._bytes -= len(oldest.data)

    def read(self, after_seq: int, count: int) -> list[LogEntry]:
        """Up to `count` entries without a gap behind `after_seq`; none where the next one is not known here."""
        found: list[LogEntry] = []
        while len(found) < count and (entry := self._entries.get(after_seq + 1)):
            found.append(entry)
            after_seq = entry.last_seq
        return found
