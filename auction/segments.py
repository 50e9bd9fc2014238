"""Segments: bids that a standing has not needed for long, packed away so that they cost next to nothing.

A segment is sealed once and never changed; when a fold has to go back behind its last bid, it is opened again. Where
segments are kept is not decided here: one that was read from somewhere may be left there, and opened whenever it is
looked into.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec

from auction.fold import Bid, Lead
from messages.codec import UnreadableMessage, pack, unpack

# Small enough that those not packed away yet make no large checkpoint, and that unpacking one is no matter.
BIDS_A_SEGMENT = 8_192


class Columns(msgspec.Struct, array_like=True):
    """What a segment holds: its post ids, ascending, whose posts they are, and the ids of those that led, as 64-bit
    integers of the machine; the leads of the chain of leaders among them, and all bids, packed."""

    ids: bytes
    bidders: bytes
    leaders: bytes
    leads: bytes
    bids: bytes


class Packed:
    """A segment's bytes, and its bids and leads one by one, for who wants a few of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @cached_property
    def bids(self) -> list[msgspec.Raw]:
        return unpack(unpack(self.data, Columns).bids, list[msgspec.Raw])

    @cached_property
    def leads(self) -> list[msgspec.Raw]:
        return unpack(unpack(self.data, Columns).leads, list[msgspec.Raw])


class Opened:
    """A segment's columns, and where the rest of it is got from."""

    def __init__(self, data: bytes, packed: Callable[[], Packed] | None = None) -> None:
        """From what `sealed` packed; it is kept here unless `packed` gives it back. Raises UnreadableMessage."""
        columns = unpack(data, Columns)
        self.digest = hashlib.sha256(data).digest()
        self.ids, self.bidders = array("q", columns.ids), array("q", columns.bidders)
        self.leaders = array("q", columns.leaders)
        self.packed = packed or (lambda: Packed(data))
        if not self.ids:
            raise UnreadableMessage("a segment holds at least one bid")


class Segment:
    """Bids in the order of their posts. Whether one is known or has led, or whose it is, costs a look at a column; the
    rest stays packed."""

    def __init__(self, opened: Opened, fetch: Callable[[], Opened] | None = None) -> None:
        """With `fetch`, it is not kept open here, but opened by that whenever it is looked into."""
        self.digest, self.first_id, self.last_id = opened.digest, opened.ids[0], opened.ids[-1]
        self.accepted, self._found = len(opened.leaders), len(opened.ids)
        self._open = fetch or (lambda: opened)

    def __len__(self) -> int:
        return self._found

    def __contains__(self, post_id: int) -> bool:
        return _place(self._open().ids, post_id) is not None

    @property
    def data(self) -> bytes:
        """What `sealed` packed."""
        return self._open().packed().data

    @property
    def leaders(self) -> Sequence[int]:
        """The posts of the bids within that have led, in order."""
        return self._open().leaders if self.accepted else ()

    def has_led(self, post_id: int) -> bool:
        """Whether this bid has led."""
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
        """The part of the chain of leaders that lies within."""
        return unpack(unpack(self.data, Columns).leads, list[Lead])

    def bids(self) -> list[Bid]:
        """The bids as they were when they were sealed."""
        return unpack(unpack(self.data, Columns).bids, list[Bid])

    def bid(self, post_id: int) -> Bid | None:
        """One of them, without unpacking the others."""
        opened = self._open()
        place = _place(opened.ids, post_id)
        return None if place is None else unpack(bytes(opened.packed().bids[place]), Bid)

    def last_lead(self, before_id: int) -> Lead | None:
        """The last lead of the chain within that is earlier than this post."""
        if not self.accepted:
            return None
        opened = self._open()
        place = bisect_left(opened.leaders, before_id)
        return unpack(bytes(opened.packed().leads[place - 1]), Lead) if place else None


def sealed(bids: Sequence[Bid], leads: Sequence[Lead]) -> Segment:
    """The segment of these bids, which stand in the order of their posts, and of those of them that led."""
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
