"""The newest entries of the log that this process has written, as they were before they were packed.

Its listeners read the log like everybody else, but what was written next door a moment ago need be neither fetched from
the server nor decoded again. An entry is remembered once the server has answered, under the seq that it was given: what
stands here is what stands in the log.
"""

import threading

from adapters.redis.entry import LogEntry

BYTES_KEPT = 2**24  # packed; decoded they take some four times as much


class Recent:
    """Entries by the seq of their first event. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._entries: dict[int, LogEntry] = {}
        self._bytes = 0
        self._adding = threading.Lock()

    def remember(self, entry: LogEntry) -> None:
        """Keep this entry, and forget the oldest; its events must not be changed any more."""
        with self._adding:
            known = self._entries.pop(entry.first_seq, None)
            self._entries[entry.first_seq] = entry
            self._bytes += len(entry.data) - (len(known.data) if known else 0)
            while self._bytes > BYTES_KEPT:
                self._bytes -= len(self._entries.pop(next(iter(self._entries))).data)

    def after(self, seq: int, count: int) -> list[LogEntry]:
        """Up to `count` entries that follow `seq` one after the other; none where the next one is not remembered."""
        found: list[LogEntry] = []
        while len(found) < count and (entry := self._entries.get(seq + 1)):
            found.append(entry)
            seq = entry.last_seq
        return found
