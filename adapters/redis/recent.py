"""The newest entries of the log that this process has written, as they were before they were packed.

Its listeners read the log like everybody else, but what was written next door a moment ago need be neither fetched from
the server nor decoded again. An entry is remembered once the server has answered, under the seq that it was given: what
stands here is what stands in the log. So a store that has less than that has lost history, which is found out here too.
"""

import threading

from ledger.entry import LogEntry

BYTES_KEPT = 2**24  # packed; decoded they take some four times as much


class Recent:
    """Entries by the seq of their first event. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._entries: dict[int, LogEntry] = {}
        self._heads: dict[str, tuple[int, str]] = {}
        self._bytes = 0
        self._adding = threading.Lock()
        self.newest_seq = 0
        self.lost = ""
        """What the store lacks of what it had acknowledged; empty while it lacks nothing."""

    def remember(self, entry: LogEntry) -> None:
        """Keep this entry, and forget the oldest; its events must not be changed any more."""
        with self._adding:
            known = self._entries.pop(entry.first_seq, None)
            self._entries[entry.first_seq] = entry
            self._heads[entry.writer] = (entry.first_writer_sequence + entry.count - 1, entry.chain_hash)
            self.newest_seq = max(self.newest_seq, entry.last_seq)
            self._bytes += len(entry.data) - (len(known.data) if known else 0)
            while self._bytes > BYTES_KEPT:
                self._bytes -= len(self._entries.pop(next(iter(self._entries))).data)

    def compare(self, writer: str, sequence: int, chain_hash: str) -> None:
        """Notes in `lost` where this head of a writer's chain, as the store has it, lacks what was remembered."""
        had, had_hash = self._heads.get(writer, (0, ""))
        if sequence < had or (sequence == had and had and chain_hash != had_hash):
            self.lost = f"{writer} is at event {sequence} in the store, which had acknowledged event {had}"

    def compare_seq(self, seq: int, newest_seq: int) -> None:
        """Notes in `lost` that the log ends at `seq`, before `newest_seq`, which was remembered before it was asked."""
        if seq < newest_seq:
            self.lost = f"the log ends at {seq} in the store, which had acknowledged {newest_seq}"

    def forget(self) -> None:
        """Begin anew, with what the store has now."""
        with self._adding:
            self._entries.clear()
            self._heads.clear()
            self._bytes = self.newest_seq = 0
            self.lost = ""

    def after(self, seq: int, count: int) -> list[LogEntry]:
        """Up to `count` entries that follow `seq` one after the other; none where the next one is not remembered."""
        found: list[LogEntry] = []
        while len(found) < count and (entry := self._entries.get(seq + 1)):
            found.append(entry)
            seq = entry.last_seq
        return found
