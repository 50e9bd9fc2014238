"""Segments hold the older bids of a day in packed form, so that they take little memory and no room in checkpoints.

A segment is packed once and never changed. All of it is unpacked only when a fold goes back before the segment's last
bid. The caller decides where the bytes are kept: in memory, or in the store, from which each use fetches them.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec

from auction.fold import Bid, Lead
from messages.codec import UnreadableMessage, pack, unpack

# Small enough that the bids not packed yet make no large checkpoint, and that unpacking one segment is quick.
BIDS_A_SEGMENT = 8_192


class Columns(msgspec.Struct, array_like=True):
    """The content of a segment. `ids` (of its posts, ascending), `bidders` (of these posts) and `leaders` (ids of the
    posts that led) are 64-bit integers of the machine; `leads` (the segment's part of the lead history) and `bids` are
    packed."""

    ids: bytes
    bidders: bytes
    leaders: bytes
    leads: bytes
    bids: bytes


class Packed:
    """A segment's bytes, split into single packed bids and leads, of which a reader can unpack a few."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def bids(self) -> list[msgspec.Raw]:
        return unpack(unpack(self.data, Columns).bids, list[msgspec.Raw])

    @cached_property
    def leads(self) -> list[msgspec.Raw]:
        return unpack(unpack(self.data, Columns).leads, list[msgspec.Raw])


class Opened:
    """A segment's unpacked columns, and the function `packed`, which returns its packed bids and leads."""

    def __init__(self, data: bytes, packed: Callable[[], Packed] | None = None) -> None:
        """Unpacks the columns of `data`, the bytes of a segment. `data` is kept in memory unless `packed` is given,
        which fetches them again. Raises UnreadableMessage."""
        columns = unpack(data, Columns)
        self.digest = hashlib.sha256(data).digest()
        self.ids, self.bidders = array("q", columns.ids), array("q", columns.bidders)
        self.leaders = array("q", columns.leaders)
        self.packed = packed or (lambda: Packed(data))
        if not self.ids:
            raise UnreadableMessage("a segment holds at least one bid")


class Segment:
    """A segment: bids in the order of their post ids. Whether a post is in it, who made the post and whether its bid
    led is read from the columns; the bids themselves stay packed."""

    def __init__(self, opened: Opened, fetch: Callable[[], Opened] | None = None) -> None:
        """With `fetch`, the columns are not kept in memory: each use calls `fetch` for them."""
        self.digest, self.first_id, self.last_id = opened.digest, opened.ids[0], opened.ids[-1]
        self.accepted, self._found = len(opened.leaders), len(opened.ids)
        self._open = fetch or (lambda: opened)

    def __len__(self) -> int:
        return self._found

    def __contains__(self, post_id: int) -> bool:
        return _place(self._open().ids, post_id) is not None

    @property
    def data(self) -> bytes:
        """The bytes of the segment, as `sealed` packed them."""
        return self._open().packed().data

    @property
    def leaders(self) -> Sequence[int]:
        """The ids of the segment's posts whose bids have led, ascending."""
        return self._open().leaders if self.accepted else ()

    def has_led(self, post_id: int) -> bool:
        """Whether the bid of this post has led."""
        return self.accepted > 0 and _place(self._open().leaders, post_id) is not None

    def posts(self, from_id: int, to_id: int) -> Iterator[tuple[int, int]]:
        """The posts with ids in [from_id, to_id): id and bidder of each, in order."""
        opened = self._open()
        part = slice(bisect_left(opened.ids, from_id), bisect_left(opened.ids, to_id))
        return zip(opened.ids[part], opened.bidders[part], strict=True)

    def posts_of(self, bidder_id: int, from_id: int, to_id: int) -> Iterator[int]:
        """The ids in [from_id, to_id) of this bidder's posts, in order."""
        opened = self._open()
        place, end = 8 * bisect_left(opened.ids, from_id), 8 * bisect_left(opened.ids, to_id)
        # Searched as bytes: comparing number by number takes twenty times as long.
        bidder, bidders = array("q", [bidder_id]).tobytes(), opened.bidders.tobytes()
        while (place := bidders.find(bidder, place, end)) >= 0:
            if place % 8 == 0:
                yield opened.ids[place // 8]
            place += 1

    def leads(self) -> list[Lead]:
        """The segment's part of the lead history."""
        return unpack(unpack(self.data, Columns).leads, list[Lead])

    def bids(self) -> list[Bid]:
        """All bids of the segment, as they were when it was packed."""
        return unpack(unpack(self.data, Columns).bids, list[Bid])

    def bid(self, post_id: int) -> Bid | None:
        """The bid of this post, unpacked without the others; None where the segment has no such post."""
        opened = self._open()
        place = _place(opened.ids, post_id)
        return None if place is None else unpack(bytes(opened.packed().bids[place]), Bid)

    def last_lead(self, before_id: int) -> Lead | None:
        """The segment's last lead whose post id is below `before_id`, or None."""
        if not self.accepted:
            return None
        opened = self._open()
        place = bisect_left(opened.leaders, before_id)
        return unpack(bytes(opened.packed().leads[place - 1]), Lead) if place else None


def sealed(bids: Sequence[Bid], leads: Sequence[Lead]) -> Segment:
    """Packs these bids, given in the order of their post ids, and their leads into a segment."""
    ids, bidders = array("q", [bid.post_id for bid in bids]), array("q", [bid.bidder_id for bid in bids])
    leaders = array("q", [lead.bid.post_id for lead in leads])
    columns = Columns(ids.tobytes(), bidders.tobytes(), leaders.tobytes(), pack(leads), pack(bids))
    return Segment(Opened(pack(columns)))


def last_id(segment: Segment) -> int:
    """The key by which segments are ordered and searched."""
    return segment.last_id


def lead_before(post_id: int, segments: Sequence[Segment]) -> Lead | None:
    """The last lead within these segments that is earlier than this post."""
    for segment in reversed(segments[: bisect_left(segments, post_id, key=last_id) + 1]):
        if lead := segment.last_lead(post_id):
            return lead
    return None


def _place(ascending: "array[int]", post_id: int) -> int | None:
    place = bisect_left(ascending, post_id)
    return place if place < len(ascending) and ascending[place] == post_id else None
