"""The reader of the log in the store: reads its entries from any seq on, and the heads of its hash chains.

It writes nothing (`journal` does), and does not verify the chains (`ledger/hash_chain` does).
"""

import re
from collections.abc import Iterator

import redis

from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.recent import Recent
from ledger.entry import LogDamaged, LogEntry
from ledger.hash_chain import Head

ENTRIES_A_READ = 256
_LAST_PART = 2**64 - 1  # the largest second part of a stream id


class LogReader:
    """Reads one marathon's log; entries in `recent` need not be fetched.

    Its methods raise StoreUnavailable, OutcomeUnknown (no answer) and LogDamaged.
    """

    def __init__(self, client: redis.Redis, keys: Keys, recent: Recent | None = None) -> None:
        self._client, self._keys, self._recent = client, keys, recent or Recent()

    def read(self, after_seq: int, count: int) -> list[LogEntry]:
        """Up to `count` entries, the first of which holds the event after `after_seq` (and may begin before it)."""
        if recent := self.recent(after_seq, count):
            return recent
        # An entry's id begins with its last seq: so the first id beyond after_seq is of the entry with the next event.
        found: list[tuple[bytes, dict[bytes, bytes]]] = execute(
            self._client, "XRANGE", self._keys.log, f"({after_seq}-{_LAST_PART}", "+", "COUNT", count
        )
        return [_entry(entry_id, fields) for entry_id, fields in found]

    def entries(self, after_seq: int = 0, up_to: int | None = None) -> Iterator[LogEntry]:
        """Every entry after `after_seq`, up to the one that holds the seq `up_to`; ends where the log does."""
        while (up_to is None or after_seq < up_to) and (read := self.read(after_seq, ENTRIES_A_READ)):
            for entry in read:
                if up_to is not None and entry.first_seq > up_to:
                    return
                yield entry
            after_seq = read[-1].last_seq

    def recent(self, after_seq: int, count: int) -> list[LogEntry]:
        """`read` without asking the server: what this process has just written; none where it is not remembered."""
        return self._recent.after(after_seq, count)

    def last_seq(self) -> int:
        """The seq of the newest event; 0 in an empty log."""
        stored: bytes = execute(self._client, "GET", self._keys.seq) or b"0"
        if not stored.isdigit():
            raise LogDamaged(f"{self._keys.seq} is {stored!r:.40}")
        return int(stored)

    def heads(self) -> dict[str, Head]:
        """The head of each writer's chain, by the writer's name."""
        stored: dict[bytes, bytes] = execute(self._client, "HGETALL", self._keys.heads)
        return {name.decode(errors="replace"): _sound_head(name, stored_head) for name, stored_head in stored.items()}

    def head(self, writer: str) -> Head | None:
        """Where the chain of this writer ends; None where it has written nothing."""
        stored: bytes | None = execute(self._client, "HGET", self._keys.heads, writer)
        return None if stored is None else _sound_head(writer.encode(), stored)


def head_of(stored: bytes) -> Head | None:
    """Read a stored head; None where it is malformed."""
    found = re.fullmatch(rb"\S+ ([0-9]+) ([0-9a-f]+)", stored)
    return Head(int(found[1]), found[2].decode()) if found else None


def _sound_head(writer: bytes, stored: bytes) -> Head:
    if (head := head_of(stored)) is None:
        raise LogDamaged(f"the head of {writer!r:.80} is {stored!r:.80}")
    return head


def _entry(entry_id: bytes, fields: dict[bytes, bytes]) -> LogEntry:
    last, count = (int(part) for part in entry_id.split(b"-"))
    try:
        return LogEntry(
            first_seq=last - count + 1,
            count=count,
            writer=fields[b"writer"].decode(),
            first_writer_sequence=int(fields[b"sequence"]),
            chain_hash=fields[b"chain"].decode(),
            data=fields[b"events"],
        )
    except (KeyError, ValueError) as fault:
        raise LogDamaged(f"its entry {last}-{count} is malformed ({fault!r:.80})") from fault
