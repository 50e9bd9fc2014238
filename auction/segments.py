"""Segments: bids that a standing has not needed for long, packed away so that they cost next to nothing.

A segment is sealed once and never changed; when a fold has to go back behind its last bid, it is opened again. Where
segments are kept is not decided here.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from auction.fold import Bid
from messages.codec import pack, unpack

BIDS_A_SEGMENT = 65_536


class Columns(msgspec.Struct, array_like=True):
    """What a segment holds: its post ids, ascending, as 64-bit integers of the machine, and its bids, packed."""

    ids: bytes
    bids: bytes


class Segment:
    """Bids in the order of their posts. Whether one is known costs a look at the ids; the rest stays packed."""

    def __init__(self, data: bytes) -> None:
        """From what `sealed` packed. Raises UnreadableMessage."""
        columns = unpack(data, Columns)
        self.data, self.digest = data, hashlib.sha256(data).digest()
        self.ids = array("q", columns.ids)
        self._bids = columns.bids

    @property
    def last_id(self) -> int:
        return self.ids[-1]

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, post_id: int) -> bool:
        place = bisect_left(self.ids, post_id)
        return place < len(self.ids) and self.ids[place] == post_id

    def bids(self) -> list[Bid]:
        """The bids as they were when they were sealed."""
        return unpack(self._bids, list[Bid])


def sealed(bids: Sequence[Bid]) -> Segment:
    """The segment of these bids, which stand in the order of their posts."""
    return Segment(pack(Columns(array("q", [bid.post_id for bid in bids]).tobytes(), pack(bids))))
