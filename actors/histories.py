"""The bids of auctions as of now, for whoever reads them: replayed from the log when somebody asks, and kept up to date
from then on. It writes nothing, and no actor waits for it.

A verdict is computed when it is read: the log says what was decided then, a late find or an order may have changed it
since. A day that nobody asked for lately is forgotten, and replayed again when somebody does.
"""

import threading
import time
from collections.abc import Sequence

import redis

from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from auction.fold import Verdict
from auction.receipts import Receipt, receipt_of
from auction.record import DayRecord
from auction.replies import recall
from messages.events import (
    AuctionEvent,
    AuctionPaused,
    AuctionResumed,
    BidAccepted,
    BidderBarred,
    BidderUnbarred,
    BidHeld,
    BidInvalidated,
    BidRefused,
    BidReleased,
    BidWithdrawn,
    EndExtended,
    StandingsRevised,
)

DAYS_KEPT = 4
ENTRIES_A_READ = 256
LONGEST_S = 2.0  # that one question may take; the next one goes on from there
FOLDED_AGAIN_S = 1.0  # at least between two folds of a whole day: they are what costs


# What may change the verdict on a bid that was decided before.
_CHANGES = (
    AuctionPaused,
    AuctionResumed,
    BidderBarred,
    BidderUnbarred,
    BidHeld,
    BidInvalidated,
    BidReleased,
    BidWithdrawn,
    EndExtended,
    StandingsRevised,
)


class StillReading(Exception):
    """The log is long and was not read to its end: ask again in a moment."""


class Histories:
    """Answers for one marathon; from any thread, one question at a time. Raises StoreError."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._log = LogReader(client, keys)
        self._asking = threading.Lock()
        self._days: dict[str, _Day] = {}
        self._begins: dict[str, int] = {}  # behind which seq an auction's first entry stands, as far as was read
        self._read_to = 0

    def receipts(self, auction_id: str, post_ids: Sequence[int]) -> list[Receipt | None]:
        """What is true of these posts as of now; None for one that got no verdict. Raises StillReading too."""
        with self._asking:
            day = self._day(auction_id)
            return [day.receipt(post_id) for post_id in post_ids]

    def forget(self) -> None:
        """Read everything anew: the log is not the one of before."""
        with self._asking:
            self._days.clear()
            self._begins.clear()
            self._read_to = 0

    def _day(self, auction_id: str) -> "_Day":
        head = self._log.heads().get(auction_id)
        day = self._days.pop(auction_id, None) or _Day(auction_id, self._begins.get(auction_id, self._read_to))
        self._days[auction_id] = day  # the last asked for is the last to be forgotten
        while len(self._days) > DAYS_KEPT:
            del self._days[next(iter(self._days))]
        give_up_s = time.monotonic() + LONGEST_S
        while head and day.sequence < head.sequence:
            if time.monotonic() > give_up_s:
                raise StillReading(f"the log of {auction_id} is being read: please ask again")
            self._read(day)
        day.fold_again()
        return day

    def _read(self, day: "_Day") -> None:
        events: list[AuctionEvent] = []
        for entry in self._log.read(day.position, ENTRIES_A_READ):
            self._begins.setdefault(entry.writer, entry.first_seq - 1)
            day.position = entry.last_seq
            if entry.writer == day.record.auction_id:
                day.sequence += entry.count
                events += [event for event in entry.events() if isinstance(event, AuctionEvent)]
        self._read_to = max(self._read_to, day.position)
        day.take_in(events)


class _Day:
    """One auction, replayed up to `position` in the log: `sequence` events of its own."""

    def __init__(self, auction_id: str, position: int) -> None:
        self.record = DayRecord(auction_id)
        self.position, self.sequence = position, 0
        self._verdicts: dict[int, Verdict] = {}
        self._outdated, self._folded_s = False, 0.0

    def take_in(self, events: Sequence[AuctionEvent]) -> None:
        self.record.replay(events)
        newest = max(self._verdicts, default=0)
        for event in events:
            if isinstance(event, BidAccepted | BidRefused):
                reason, required = (event.reason, event.required_wei) if isinstance(event, BidRefused) else (None, None)
                self._verdicts[event.post_id] = Verdict(recall(event), reason, required)
                self._outdated |= event.post_id < newest
                newest = max(newest, event.post_id)
            else:
                self._outdated |= isinstance(event, _CHANGES)

    def fold_again(self) -> None:
        """What was decided may read otherwise by now; what was never part of the standing stays as it was told."""
        if not self._outdated or not self.record.standings or time.monotonic() < self._folded_s + FOLDED_AGAIN_S:
            return
        self._verdicts.update((verdict.bid.post_id, verdict) for verdict in self.record.standings.verdicts())
        self._outdated, self._folded_s = False, time.monotonic()

    def receipt(self, post_id: int) -> Receipt | None:
        verdict = self._verdicts.get(post_id)
        return receipt_of(self.record, verdict) if verdict else None
