"""Reading a log's texts ahead of deciding them again, in processes of their own.

Deciding is one bid after the other; reading what each of them says is most of the work and needs nothing but its text.
So whole chunks of the log go to the readers a few chunks before their turn. What they have not begun with by then, and
what is no whole chunk, whoever decides reads himself: the readers change how long it takes, and never what is found.
"""

import gc
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from auction.audit import Texts, read_texts
from ledger.entry import LogDamaged, LogEntry
from messages.codec import UnreadableMessage
from messages.events import AuctionPrepared

CHUNK_BYTES = 2**20  # packed
CHUNKS_AHEAD = 4  # for each reader
_PARENT_POLL_S = 1.0

Unread = tuple[bytes, str]  # an entry's data, and the hashtag of its auction


@dataclass
class _Chunk:
    """Entries that stand next to each other, and the error that broke the log off behind them."""

    entries: list[LogEntry]
    size: int = 0
    fault: Exception | None = None

    @property
    def is_whole(self) -> bool:
        return self.size >= CHUNK_BYTES


class Readers:
    """The processes; none is started before there is a whole chunk to read."""

    def __init__(self, processes: int | None = None) -> None:
        """As many as there are processors beside the one that decides, but at least one."""
        self._processes = processes or max(1, (os.cpu_count() or 1) - 1)
        # Forked, since a reader needs what is loaded here already and nothing else: none of our locks, no connection.
        context = multiprocessing.get_context("fork")
        self._pool = ProcessPoolExecutor(self._processes, context, initializer=_be_a_reader, initargs=(os.getpid(),))

    def __enter__(self) -> "Readers":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()  # what was sent is soon read

    def ahead(self, entries: Iterable[LogEntry], auction_id: str | None) -> Iterator[tuple[LogEntry, Texts | None]]:
        """The same entries, each with what its texts say where that was read: of this auction, or of all. What reading
        the entries raises is raised behind those that came before it.
        """
        hashtags: dict[str, str] = {}
        waiting: deque[tuple[_Chunk, Future[list[Texts | None]] | None]] = deque()
        for chunk in _chunks(entries):
            unread = [_unread(entry, hashtags, auction_id) for entry in chunk.entries]
            waiting.append((chunk, self._begin(unread) if chunk.is_whole else None))
            if len(waiting) > CHUNKS_AHEAD * self._processes:
                yield from _taken(*waiting.popleft())
        while waiting:
            yield from _taken(*waiting.popleft())

    def _begin(self, unread: list[Unread | None]) -> Future[list[Texts | None]] | None:
        with suppress(BrokenExecutor):  # a reader was killed
            return self._pool.submit(_read, unread)
        return None


def _chunks(entries: Iterable[LogEntry]) -> Iterator[_Chunk]:
    chunk = _Chunk([])
    try:
        for entry in entries:
            chunk.entries.append(entry)
            chunk.size += len(entry.data)
            if chunk.is_whole:
                yield chunk
                chunk = _Chunk([])
    except Exception as fault:  # it has its place in the log too, and what came before may differ
        chunk.fault = fault
    yield chunk


def _unread(entry: LogEntry, hashtags: dict[str, str], auction_id: str | None) -> Unread | None:
    """What a reader needs to read it, or None if there is nothing to read; the auction's hashtag is remembered."""
    if auction_id not in (None, entry.writer):
        return None
    if entry.writer not in hashtags:  # its first entry, or no auction
        with suppress(LogDamaged):
            prepared = (event for event in entry.events() if isinstance(event, AuctionPrepared))
            hashtags.update((entry.writer, event.rules.hashtag) for event in prepared)
    return (entry.data, hashtags[entry.writer]) if entry.writer in hashtags else None


def _taken(chunk: _Chunk, texts: Future[list[Texts | None]] | None) -> Iterator[tuple[LogEntry, Texts | None]]:
    read: Sequence[Texts | None] = [None] * len(chunk.entries)
    if texts and not texts.cancel():
        with suppress(Exception):  # whatever the reader died of or met, who decides will meet it in its place
            read = texts.result()
    yield from zip(chunk.entries, read, strict=True)
    if chunk.fault:
        raise chunk.fault


# ---- in the readers' processes


def _be_a_reader(parent_id: int) -> None:
    """Ctrl-C is for the parent, who ends its readers; and a parent that was killed ends them too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()  # texts refer to nothing
    threading.Thread(target=_end_with, args=(parent_id,), daemon=True).start()


def _end_with(parent_id: int) -> None:
    while os.getppid() == parent_id:
        time.sleep(_PARENT_POLL_S)
    os._exit(1)


def _read(batches: Sequence[Unread | None]) -> list[Texts | None]:
    return [batch and _texts(*batch) for batch in batches]


def _texts(data: bytes, hashtag: str) -> Texts | None:
    try:
        return read_texts(data, hashtag)
    except UnreadableMessage:  # whoever decides will say so, or this is a forger's field that no event has
        return None
