"""Segments: bids that a standing has not needed for long, packed away so that they cost next to nothing.

A segment is sealed once and never changed; when a fold has to go back behind its last bid, it is opened again. Where
segments are kept is not decided here.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import msgspec

from auction.fold import Bid, Link
from messages.codec import pack, unpack

# Small enough that those not packed away yet make no large checkpoint, and that unpacking one is no matter.
BIDS_A_SEGMENT = 8_192


class Columns(msgspec.Struct, array_like=True):
    """What a segment holds: its post ids, ascending, and whose posts they are, as 64-bit integers of the machine; the
    links of the chain of leaders among them, and all bids, packed."""

    ids: bytes
    bidders: bytes
    links: bytes
    bids: bytes


class Segment:
    """Bids in the order of their posts. Whether one is known, or whose it is, costs a look at a column; the rest stays
    packed."""

    def __init__(self, data: bytes) -> None:
        """From what `sealed` packed. Raises UnreadableMessage."""
        columns = unpack(data, Columns)
        self.data, self.digest = data, hashlib.sha256(data).digest()
        self.ids, self._bidders = array("q", columns.ids), array("q", columns.bidders)
        self._links, self._bids = columns.links, columns.bids

    @property
    def first_id(self) -> int:
        return self.ids[0]

    @property
    def last_id(self) -> int:
        return self.ids[-1]

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, post_id: int) -> bool:
        place = bisect_left(self.ids, post_id)
        return place < len(self.ids) and self.ids[place] == post_id

    def posts(self, from_id: int, to_id: int) -> Iterator[tuple[int, int]]:
        """The posts with ids in [from_id, to_id): id and bidder of each, in order."""
        part = slice(bisect_left(self.ids, from_id), bisect_left(self.ids, to_id))
        return zip(self.ids[part], self._bidders[part], strict=True)

    def links(self) -> list[Link]:
        """The part of the chain of leaders that lies within."""
        return unpack(self._links, list[Link])

    def bids(self) -> list[Bid]:
        """The bids as they were when they were sealed."""
        return unpack(self._bids, list[Bid])


def sealed(bids: Sequence[Bid], links: Sequence[Link]) -> Segment:
    """The segment of these bids, which stand in the order of their posts, and of those of them that led."""
    ids, bidders = array("q", [bid.post_id for bid in bids]), array("q", [bid.bidder_id for bid in bids])
    return Segment(pack(Columns(ids.tobytes(), bidders.tobytes(), pack(links), pack(bids))))
