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
    """What a segment holds: its post ids, ascending, whose posts they are, and the ids of those that led, as 64-bit
    integers of the machine; the links of the chain of leaders among them, and all bids, packed."""

    ids: bytes
    bidders: bytes
    leaders: bytes
    links: bytes
    bids: bytes


class Segment:
    """Bids in the order of their posts. Whether one is known or has led, or whose it is, costs a look at a column; the
    rest stays packed."""

    def __init__(self, data: bytes) -> None:
        """From what `sealed` packed. Raises UnreadableMessage."""
        columns = unpack(data, Columns)
        self.data, self.digest = data, hashlib.sha256(data).digest()
        self.ids, self._bidders = array("q", columns.ids), array("q", columns.bidders)
        self.leaders = array("q", columns.leaders)

    @property
    def first_id(self) -> int:
        return self.ids[0]

    @property
    def last_id(self) -> int:
        return self.ids[-1]

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, post_id: int) -> bool:
        return _holds(self.ids, post_id)

    def has_led(self, post_id: int) -> bool:
        """Whether this bid has led."""
        return _holds(self.leaders, post_id)

    def posts(self, from_id: int, to_id: int) -> Iterator[tuple[int, int]]:
        """The posts with ids in [from_id, to_id): id and bidder of each, in order."""
        part = slice(bisect_left(self.ids, from_id), bisect_left(self.ids, to_id))
        return zip(self.ids[part], self._bidders[part], strict=True)

    def links(self) -> list[Link]:
        """The part of the chain of leaders that lies within."""
        return unpack(unpack(self.data, Columns).links, list[Link])

    def bids(self) -> list[Bid]:
        """The bids as they were when they were sealed."""
        return unpack(unpack(self.data, Columns).bids, list[Bid])


def sealed(bids: Sequence[Bid], links: Sequence[Link]) -> Segment:
    """The segment of these bids, which stand in the order of their posts, and of those of them that led."""
    ids, bidders = array("q", [bid.post_id for bid in bids]), array("q", [bid.bidder_id for bid in bids])
    leaders = array("q", [link.bid.post_id for link in links])
    columns = Columns(ids.tobytes(), bidders.tobytes(), leaders.tobytes(), pack(links), pack(bids))
    return Segment(pack(columns))


def _holds(ascending: "array[int]", post_id: int) -> bool:
    place = bisect_left(ascending, post_id)
    return place < len(ascending) and ascending[place] == post_id
