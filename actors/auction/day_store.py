"""The stored form of an auction's day: a checkpoint of its state, and beside it segments with its older bids.

A checkpoint names its segments by their digests, and all of them are stored before it or with it. Where a stored
segment has another digest, the checkpoint is passed over, and more of the auction's log is replayed instead.
"""

import redis

from adapters.redis.client import execute
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.writes import Set, Write
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.segments import Opened, Segment
from messages.codec import UnreadableMessage, pack, unpack

# Segments sealed at once: one more than fills up meanwhile, so that what late finds have unpacked is sealed little by
# little.
SEGMENTS_AT_ONCE = 2


class DayStore:
    """The checkpoints and segments of one auction, as its actor writes them."""

    def __init__(self, client: redis.Redis, keys: Keys, auction_id: str, bids_a_segment: int) -> None:
        self._client, self._keys, self._auction_id, self._bids_a_segment = client, keys, auction_id, bids_a_segment
        self._named: list[bytes] = []  # digests of the segments that the stored checkpoint names
        self._written: dict[int, bytes] = {}  # the digest of the stored segment of each number

    def begin(self, journal: Journal) -> AuctionDay:
        """Begin this journal. Returns the day as of the newest sound checkpoint, from which the journal's tail goes on.

        Raises NotOwner, StoreUnavailable, OutcomeUnknown.
        """
        found = journal.begin(self._read).checkpoint
        if found is None:
            return AuctionDay(self._auction_id)
        state, segments = found
        self._named, self._written = state.segments, dict(enumerate(state.segments))
        return AuctionDay(self._auction_id, state, segments)

    def _read(self, payload: bytes) -> tuple[DayState, list[Segment]]:
        """The checkpoint's state and the segments that it names. Raises UnreadableMessage."""
        state = unpack(payload, DayState)
        return state, [self._segment(number, digest) for number, digest in enumerate(state.segments)]

    def _segment(self, number: int, digest: bytes) -> Segment:
        key = self._keys.segment(self._auction_id, number)
        segment = Segment(Opened(execute(self._client, "GET", key) or b""))
        if segment.digest != digest:
            raise UnreadableMessage(f"{key} is not the segment that it names")
        return segment

    def pack_away(self, day: AuctionDay) -> list[Write]:
        """Pack at most SEGMENTS_AT_ONCE segments of older bids, so that no checkpoint has to pack many. Returns the
        writes of those segments that may be stored now.

        A segment that the stored checkpoint names must not be replaced before the next checkpoint: that commit writes
        it then.
        """
        if day.standings:
            day.standings.seal(self._bids_a_segment, SEGMENTS_AT_ONCE)
        return self._unstored(day, len(self._named))

    def checkpoint(self, day: AuctionDay) -> tuple[bytes, list[Write]]:
        """The packed checkpoint of this day, and the writes of segments that belong into the same commit."""
        if day.standings:
            day.standings.seal(self._bids_a_segment)
        state = day.state()
        self._named = state.segments
        return pack(state), self._unstored(day, 0)

    def _unstored(self, day: AuctionDay, first: int) -> list[Write]:
        """The writes of the segments from number `first` on that are not stored yet."""
        writes: list[Write] = []
        for number, segment in enumerate(day.standings.segments if day.standings else []):
            if number >= first and self._written.get(number) != segment.digest:
                self._written[number] = segment.digest
                writes.append(Set(self._keys.segment(self._auction_id, number), segment.data))
        return writes
