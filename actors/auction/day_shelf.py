"""The stored days of auctions for readers: the newest checkpoint of each, and the segments that it names.

Unlike `day_store` it writes nothing. A few segments are kept in memory; any other is fetched from the store when
something in it is asked for.
"""

import hashlib
from functools import lru_cache, partial

import msgspec
import redis

from adapters.redis.checkpoint import newest_sound
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from auction.day_state import DayState
from auction.record import DayRecord
from auction.segments import Opened, Packed, Segment
from ledger.hash_chain import Head
from messages.codec import UnreadableMessage, unpack

SEGMENTS_KNOWN = 4_096  # segments whose ends are kept, some 500 bytes each


class NotAsWritten(UnreadableMessage):
    """A segment is damaged, or a newer one has replaced it meanwhile."""


class DayShelf:
    """The stored days of one marathon; for one thread at a time. All methods raise StoreUnavailable, OutcomeUnknown.

    The bids of `segments_packed` segments are kept, some 1.5 MB each, and the columns of `segments_open`, some 130 kB
    each.
    """

    def __init__(self, client: redis.Redis, keys: Keys, segments_packed: int, segments_open: int) -> None:
        self._client, self._keys = client, keys
        self._packed = lru_cache(segments_packed)(self._fetch)
        self._opened = lru_cache(segments_open)(self._open)
        self._segment = lru_cache(SEGMENTS_KNOWN)(self._know)

    def day(self, auction_id: str, head: Head) -> tuple[DayRecord, int, int] | None:
        """The day as of its newest sound checkpoint up to `head`, the seq after which to read on, and how many events
        of the auction the day holds; None without such a checkpoint.

        A later look into one of the day's segments raises NotAsWritten where the store has another one by then.
        """
        found = newest_sound(self._client, self._keys, auction_id, head, partial(self._read, auction_id))
        return (found[1], found[0].seq, found[0].sequence) if found else None

    def _read(self, auction_id: str, payload: bytes) -> DayRecord:
        # The facts about bidders serve only to decide bids.
        state = msgspec.structs.replace(unpack(payload, DayState), facts={})
        segments = [self._segment(auction_id, *numbered) for numbered in enumerate(state.segments)]
        return DayRecord(auction_id, state, segments)

    def forget(self) -> None:
        """Forget all segments, so that each is fetched again."""
        self._packed.cache_clear()
        self._opened.cache_clear()
        self._segment.cache_clear()

    def _know(self, auction_id: str, number: int, digest: bytes) -> Segment:
        fetch = partial(self._opened, auction_id, number, digest)
        return Segment(fetch(), fetch)

    def _open(self, auction_id: str, number: int, digest: bytes) -> Opened:
        packed = partial(self._packed, auction_id, number, digest)
        return Opened(packed().data, packed)

    def _fetch(self, auction_id: str, number: int, digest: bytes) -> Packed:
        key = self._keys.segment(auction_id, number)
        data = execute(self._client, "GET", key) or b""
        if hashlib.sha256(data).digest() != digest:
            raise NotAsWritten(f"{key} is not what the checkpoint says")
        return Packed(data)
