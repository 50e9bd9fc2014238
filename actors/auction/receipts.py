"""The receipt reader: tells what is true of bids now, from the newest checkpoint of their day, its segments, and the
log since.

It writes nothing, and no actor waits for it. A verdict is computed when it is read, since a late find or an order may
have changed what the log says was decided. Only the days asked about last are kept, in some 32 MB however many bids
they have (a day whose checkpoints are damaged is kept packed, 90 bytes a bid).
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import redis

from actors.auction.day_shelf import DayShelf, NotAsWritten
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.receipts import Receipt, receipt_of
from auction.record import DayRecord
from auction.segments import BIDS_A_SEGMENT
from ledger.hash_chain import Head, first_hash
from messages.events import AuctionEvent

DAYS_KEPT = 2
LONGEST_S = 2.0
T = TypeVar("T")


class Limits(NamedTuple):
    """How much a reader keeps, and does for one question."""

    more_days_kept: int = 64
    """More than DAYS_KEPT days are kept as long as they have no more than `bids_kept` bids: where closes overlap, the
    reconciler asks for each open day at each of its turns, and a day that was forgotten is read again from the log."""
    bids_kept: int = 4 * BIDS_A_SEGMENT
    segments_packed: int = 4
    segments_open: int = 64
    bids_a_segment: int = BIDS_A_SEGMENT
    entries_a_read: int = 16
    longest_s: float = LONGEST_S
    """How long a question may take, and may wait for others; asked again, it goes on from there."""
    tail_most: int = 65_536
    """Events read after a checkpoint before a newer one is looked for: twice as many as lie between two checkpoints."""


LIMITS = Limits()


class StillReading(Exception):
    """The log is long and was not read to its end: ask again in a moment."""


class ReceiptReader:
    """Answers questions about the bids of one marathon; from any thread, one at a time. All methods raise
    StoreError."""

    def __init__(self, client: redis.Redis, keys: Keys, limits: Limits = LIMITS) -> None:
        self._limits, self._log = limits, LogReader(client, keys)
        self._shelf = DayShelf(client, keys, limits.segments_packed, limits.segments_open)
        self._asking = threading.Lock()
        self._days: dict[str, _Day] = {}
        self._begins: dict[str, int] = {}  # the seq before each auction's first entry, as far as the log was read
        self._read_to = 0  # the seq up to which the log was read without a gap

    def receipts(self, auction_id: str, post_ids: Sequence[int]) -> list[Receipt | None]:
        """The receipts of these posts as of now; None for a post without a verdict. Raises StillReading too."""

        def read(record: DayRecord) -> list[Receipt | None]:
            verdicts = [record.verdict(post_id) for post_id in post_ids]
            return [receipt_of(record, verdict) if verdict else None for verdict in verdicts]

        return self._read_day(auction_id, read)

    def contenders(self, auction_id: str) -> tuple[list[int], list[int]]:
        """The posts that could change the winner if they were deleted, and the withdrawn ones that could if they
        came back, as of now (`Standings.contenders`). Without bids that bind although their post is gone, and
        without injected ones, which X does not have. Raises StillReading too."""

        def read(day: DayRecord) -> tuple[list[int], list[int]]:
            standing, withdrawn = day.standings.contenders() if day.standings else ([], [])
            settled = day.bound | day.injected
            return [one for one in standing if one not in settled], [one for one in withdrawn if one not in settled]

        return self._read_day(auction_id, read)

    def gone(self, auction_id: str) -> list[int]:
        """The ids of the posts that are known to be gone from X as of now, in order. Raises StillReading too."""
        return self._read_day(auction_id, lambda day: sorted((day.tombstones | day.bound) - day.injected))

    def bidder(self, auction_id: str, post_id: int) -> int | None:
        """The id of the account that made this post; None where the post has no verdict. Raises StillReading too."""
        verdict = self._read_day(auction_id, lambda day: day.verdict(post_id))
        return verdict.bid.bidder_id if verdict else None

    def possible_winners(self, auction_id: str, most: int) -> dict[int, str]:
        """The bidders that a result may name as of now, with their known handles: those of the last `most` bids that
        led, and of the last `most` held bids, which an operator may still release. Without injected bids, for which
        X has no account. Raises StillReading too."""

        def read(day: DayRecord) -> dict[int, str]:
            if day.standings is None:
                return {}
            leader, held = day.standings.leader, sorted(day.standings.held)[-most:]
            leads = day.standings.lead_history[-most:] or ([leader] if leader else [])
            bids = [verdict.bid for one in held if (verdict := day.verdict(one))] + [lead.bid for lead in leads]
            return {bid.bidder_id: day.handle_of(bid) for bid in bids if bid.post_id not in day.injected}

        return self._read_day(auction_id, read)

    def _read_day(self, auction_id: str, read: Callable[[DayRecord], T]) -> T:
        if not self._asking.acquire(timeout=self._limits.longest_s):
            raise StillReading("other questions are being answered: please ask again")
        try:
            give_up_s = time.monotonic() + self._limits.longest_s
            for _ in ("as remembered", "read anew"):
                try:
                    return read(self._day(auction_id, give_up_s).record)
                except NotAsWritten:
                    self._days.pop(auction_id, None)
                    self._shelf.forget()
            raise StillReading(f"{auction_id} is being written: please ask again")
        finally:
            self._asking.release()

    def forget(self) -> None:
        """Forget all that was read: the store holds another log now."""
        with self._asking:
            self._days.clear()
            self._shelf.forget()
            self._begins.clear()
            self._read_to = 0

    def _day(self, auction_id: str, give_up_s: float) -> "_Day":
        head = self._log.head(auction_id) or Head(0, first_hash(auction_id))
        day = self._days.pop(auction_id, None)
        if day is None or day.sequence > head.sequence:
            begin = self._begins.get(auction_id, self._read_to)
            day = self._stored(auction_id, head) or _Day(DayRecord(auction_id), begin, 0)
        elif day.tail > self._limits.tail_most:
            stored = self._stored(auction_id, head)
            day, day.tail = stored if stored and stored.sequence > day.sequence - day.tail else day, 0
        self._days[auction_id] = day  # the day that was asked about last is forgotten last
        self._forget_days()
        try:
            while day.sequence < head.sequence:
                self._read(day)
                if day.sequence < head.sequence and time.monotonic() > give_up_s:
                    raise StillReading(f"the log of {auction_id} is being read: please ask again")
        finally:
            self._forget_days()  # of a day that is read there may be more bids by now, also where reading failed
        return day

    def _forget_days(self) -> None:
        days, limits = self._days, self._limits
        while len(days) > DAYS_KEPT and (
            len(days) > limits.more_days_kept or sum(day.bids for day in days.values()) > limits.bids_kept
        ):
            del days[next(iter(days))]

    def _stored(self, auction_id: str, head: Head) -> "_Day | None":
        stored = self._shelf.day(auction_id, head)
        return _Day(*stored) if stored else None

    def _read(self, day: "_Day") -> None:
        # Taken in together: a late find unpacks all segments after its place, and would do so again for each entry.
        events: list[AuctionEvent] = []
        for entry in self._log.read(day.position, self._limits.entries_a_read):
            if day.position <= self._read_to:
                self._begins.setdefault(entry.writer, entry.first_seq - 1)
                self._read_to = max(self._read_to, entry.last_seq)
            day.position = entry.last_seq
            if entry.writer == day.record.auction_id and entry.first_writer_sequence > day.sequence:
                events += [event for event in entry.events() if isinstance(event, AuctionEvent)]
        day.take_in(events, self._limits.bids_a_segment)


class _Day:
    """One auction up to `position` in the log, with `sequence` events of its own, of which `tail` were read from the
    log."""

    def __init__(self, record: DayRecord, position: int, sequence: int) -> None:
        self.record, self.position, self.sequence, self.tail = record, position, sequence, 0

    @property
    def bids(self) -> int:
        """How many bids were found in it, in segments too."""
        return len(self.record.unranked) + (self.record.standings.found if self.record.standings else 0)

    def take_in(self, events: Sequence[AuctionEvent], bids_a_segment: int) -> None:
        self.record.replay(events)
        self.record.facts.clear()
        if self.record.standings:
            self.record.standings.seal(bids_a_segment)
        self.sequence += len(events)
        self.tail += len(events)
