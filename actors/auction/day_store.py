"""How an auction's day is kept: a checkpoint of what it needs to go on, and beside it the segments with older bids.

A segment is written by the time that a checkpoint names it, by its digest. Where one is not what the checkpoint says,
both are left aside, and more of the auction's log is replayed instead.
"""

import redis

from adapters.redis.client import execute
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.writes import Set, Write
from auction.day import AuctionDay
from auction.record import DayState
from auction.segments import Opened, Segment
from messages.codec import UnreadableMessage, pack, unpack

# One more than a segment's time brings: who folds far back again and again must not pay for all of it each time.
SEGMENTS_AT_ONCE = 2


class DayStore:
    """The checkpoints of one auction."""

    def __init__(self, client: redis.Redis, keys: Keys, auction_id: str) -> None:
        self._client, self._keys, self._auction_id = client, keys, auction_id
        self._named: list[bytes] = []  # by the checkpoint in the store
        self._written: dict[int, bytes] = {}  # what is there under each number

    def begin(self, journal: Journal) -> AuctionDay:
        """Makes this journal the writer's; the day as of the checkpoint from which its tail goes on.

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
            raise UnreadableMessage(f"{key} is not what it names")
        return segment

    def pack_away(self, day: AuctionDay) -> list[Write]:
        """Seal a little of what lies far behind, so that no checkpoint has to seal much; what can be written of it now.

        What the checkpoint in the store names has to stay there until the next one, which brings the rest.
        """
        if day.standings:
            day.standings.seal(SEGMENTS_AT_ONCE)
        return self._news(day, len(self._named))

    def checkpoint(self, day: AuctionDay) -> tuple[bytes, list[Write]]:
        """What the journal is to keep of this day, and what has to be written in the same commit."""
        if day.standings:
            day.standings.seal()
        state = day.state()
        self._named = state.segments
        return pack(state), self._news(day, 0)

    def _news(self, day: AuctionDay, first: int) -> list[Write]:
        """The segments from this number on that are not in the store yet."""
        news: list[Write] = []
        for number, segment in enumerate(day.standings.segments if day.standings else []):
            if number >= first and self._written.get(number) != segment.digest:
                self._written[number] = segment.digest
                news.append(Set(self._keys.segment(self._auction_id, number), segment.data))
        return news
