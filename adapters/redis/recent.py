"""The recent entries: the newest entries of the log that this process has written, not packed yet.

Listeners read the log, but an entry that their own process has just written need neither be fetched from the server nor
decoded. An entry is remembered once the server has acknowledged it, under its seq. So a store that has less than these
entries has lost history, which is found out here too.
"""

import threading

from ledger.entry import LogEntry


class Recent:
    """The recent entries by the seq of their first event. All methods may be called from any thread."""

    bytes_kept = 2**24
    """The bytes of entries that are kept, as packed; decoded they take some four times as much."""

    def __init__(self) -> None:
        self._entries: dict[int, LogEntry] = {}
        self._heads: dict[str, tuple[int, str]] = {}
        self._bytes = 0
        self._adding = threading.Lock()
        self.newest_seq = 0
        self.lost = ""
        """What the store has lost of what it had acknowledged, in words; empty where it has lost nothing."""

    def remember(self, entry: LogEntry) -> None:
        """Keep this entry, and forget the oldest ones beyond `bytes_kept`; its events must not be changed any more."""
        with self._adding:
            known = self._entries.pop(entry.first_seq, None)
            self._entries[entry.first_seq] = entry
            self._heads[entry.writer] = (entry.first_writer_sequence + entry.count - 1, entry.chain_hash)
            self.newest_seq = max(self.newest_seq, entry.last_seq)
            self._bytes += len(entry.data) - (len(known.data) if known else 0)
            while self._bytes > self.bytes_kept:
                self._bytes -= len(self._entries.pop(next(iter(self._entries))).data)

    def compare(self, writer: str, sequence: int, chain_hash: str) -> None:
        """Set `lost` where a writer's head in the store is behind the remembered one, or has another hash."""
        had, had_hash = self._heads.get(writer, (0, ""))
        if sequence < had or (sequence == had and had and chain_hash != had_hash):
            self.lost = f"{writer} is at event {sequence} in the store, which had acknowledged event {had}"

    def compare_seq(self, seq: int, newest_seq: int) -> None:
        """Set `lost` where the store's log ends at `seq`, before the `newest_seq` that was read here earlier."""
        if seq < newest_seq:
            self.lost = f"the log ends at {seq} in the store, which had acknowledged {newest_seq}"

    def forget(self) -> None:
        """Forget everything: the store's present log is the one to go on with."""
        with self._adding:
            self._entries.clear()
            self._heads.clear()
            self._bytes = self.newest_seq = 0
            self.lost = ""

    def after(self, seq: int, count: int) -> list[LogEntry]:
        """Up to `count` entries after `seq`, without a gap; none where the next one is not remembered."""
        found: list[LogEntry] = []
        while len(found) < count and (entry := self._entries.get(seq + 1)):
            found.append(entry)
            seq = entry.last_seq
        return found
