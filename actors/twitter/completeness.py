"""The completeness of a conversation: which page of a search is asked for next, and up to which time every post is
proven to be found.

The stream alone proves nothing (X delivers late, twice, or not at all). A slice of time is proven by two equal looks, a
configured lag apart. Slices follow each other from the earliest on, so that what is proven stays so whatever happens
later; one with too many pages or too large a page is cut short, so that little is read again where a look fails.
What was looked at outlives a restart (`looks`, `go_on`); what two looks have proven does not, beyond the watermark: it
is looked at once more, so that a damaged store proves nothing.
Bookkeeping of one source of one conversation, without I/O: `reconciler` asks X. Times in UTC ms.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from messages.x_ids import posted_at_ms

PAGES_A_LOOK = 10  # of 100 posts
FEW_PAGES = 3  # after so many or fewer the next slice may be twice as long
LONGEST_SLICE_MS = 24 * 3_600_000
KEPT_LOOKS = 200  # outlive a restart; what was looked at beyond them is looked at anew


class Ask(msgspec.Struct, frozen=True):
    """A page of the posts made at or after `from_ms` and before `to_ms`; `token` is the page's, None of the first."""

    from_ms: int
    to_ms: int
    token: str | None = None


class Look(msgspec.Struct, frozen=True, array_like=True):
    """A slice of time and the last look at it: when it ended, and a digest of the posts that it has seen."""

    from_ms: int
    to_ms: int
    at_ms: int
    seen: str


def packed(looks: Mapping[str, Sequence[Look]]) -> bytes:
    """The looks at each source as they are stored: the SHA-256 of the rest in hex, a blank, JSON."""
    body = msgspec.json.encode(looks)
    return sha256(body).hexdigest().encode() + b" " + body


def unpacked(stored: bytes) -> dict[str, list[Look]]:
    """What `packed` was given. Raises ValueError where it is not what was stored, or of another version."""
    digest, _, body = stored.partition(b" ")
    if sha256(body).hexdigest().encode() != digest:
        raise ValueError("its checksum is wrong")
    try:
        return msgspec.json.decode(body, type=dict[str, list[Look]])
    except msgspec.MsgspecError as fault:
        raise ValueError(str(fault)) from fault


class Sweep:
    """The looks from `from_ms` on. Everything before `reached_ms` was looked at once, before `proven_ms` twice."""

    def __init__(self, lag_ms: int, from_ms: int) -> None:
        self.proven_ms = self.reached_ms = from_ms
        self._lag_ms = lag_ms
        self._slices: list[Look] = []  # up to `reached_ms`, without a gap
        self._proven: set[int] = set()  # where the slices begin whose last two looks were equal
        self._longest_ms = LONGEST_SLICE_MS
        self._next_page: Ask | None = None
        self._pages = 0
        self._seen: set[int] = set()  # on the pages so far

    def next(self, now_ms: int, to_ms: int) -> Ask | None:
        """The page to ask for, None where nothing is due. First looks reach `to_ms` at the most.

        What is due again comes first: it moves what a restart does not have to look at again.
        """
        if self._next_page:
            return self._next_page
        for each in self._slices:
            if each.from_ms not in self._proven and now_ms >= each.at_ms + self._lag_ms:
                return Ask(each.from_ms, each.to_ms)
        if to_ms <= self.reached_ms:
            return None
        return Ask(self.reached_ms, min(to_ms, self.reached_ms + self._longest_ms))

    def read(self, asked: Ask, post_ids: Iterable[int], token: str | None, now_ms: int) -> None:
        """Take in the page that was asked for: its posts, and the token of the page behind it."""
        if asked.token is None:
            self._pages, self._seen = 0, set()
        self._pages += 1
        # A source is free to answer with more than it was asked for.
        self._seen.update(post_id for post_id in post_ids if asked.from_ms <= posted_at_ms(post_id) < asked.to_ms)
        self._next_page = None
        if token is None:
            self._end_look(asked, now_ms)
        elif self._pages < PAGES_A_LOOK or not self.cut(asked, self._read_ms(asked) * 3 // 4):
            self._next_page = msgspec.structs.replace(asked, token=token)

    def begin_again(self) -> None:
        """The look that is under way cannot go on: its next page is not to be had."""
        self._next_page = None

    def cut(self, asked: Ask, longest_ms: int = LONGEST_SLICE_MS) -> bool:
        """From here on look at half as much at a time, and at `longest_ms` at most; False where a slice is one
        millisecond already. Later slices are looked at anew: that is rare, and simple."""
        length_ms = asked.to_ms - asked.from_ms
        if length_ms <= 1:
            return False
        self._next_page = None
        self._longest_ms = max(min(length_ms // 2, longest_ms), 1)
        self._keep([each for each in self._slices if each.to_ms <= asked.from_ms])
        self.reached_ms = asked.from_ms
        return True

    def _read_ms(self, asked: Ask) -> int:
        """How much time the pages read so far take up. X's begin with the newest post."""
        return asked.to_ms - posted_at_ms(min(self._seen)) if self._seen else LONGEST_SLICE_MS

    def looks(self, to_ms: int) -> list[Look]:
        """What a restart goes on from: the first looks at the slices that end by `to_ms`, as `go_on` takes them."""
        return [each for each in self._slices[:KEPT_LOOKS] if each.to_ms <= to_ms]

    def go_on(self, looks: Sequence[Look], since_ms: int, now_ms: int) -> None:
        """Take over the looks of an earlier process, at slices from `since_ms` on: each is looked at once more. Those
        that leave a gap or overlap, or that no process can have made by now, are left out with all that follow."""
        for each in looks:
            if each.to_ms <= self.reached_ms:
                continue
            # Only within the first slice may what is proven end.
            least_ms = self.reached_ms if self._slices else since_ms
            if not least_ms <= each.from_ms <= self.reached_ms or not each.to_ms <= each.at_ms <= now_ms:
                break
            self._slices.append(each)
            self.reached_ms = each.to_ms
            self._longest_ms = min(2 * (each.to_ms - each.from_ms), LONGEST_SLICE_MS)

    def forget_before(self, watermark_ms: int) -> None:
        """A restart goes on from the watermark: looks before it are not needed any more."""
        self._keep([each for each in self._slices if each.to_ms > watermark_ms])

    def _keep(self, slices: list[Look]) -> None:
        kept = {each.from_ms for each in slices}
        if self._next_page and self._next_page.from_ms < self.reached_ms and self._next_page.from_ms not in kept:
            self._next_page = None  # a mark of an earlier process has settled the slice during a second look
        self._slices = slices
        self._proven &= kept

    def _end_look(self, asked: Ask, now_ms: int) -> None:
        seen = sha256(b"".join(b"%d " % post_id for post_id in sorted(self._seen))).hexdigest()[:32]
        look = Look(asked.from_ms, asked.to_ms, now_ms, seen)
        if asked.from_ms == self.reached_ms:
            self._slices.append(look)
            self.reached_ms = asked.to_ms
            if self._pages <= FEW_PAGES:
                self._longest_ms = min(2 * self._longest_ms, LONGEST_SLICE_MS)
            return
        place, before = next((place, one) for place, one in enumerate(self._slices) if one.from_ms == asked.from_ms)
        # A slice whose two looks differ is not proven; the later look is then the one to be equalled.
        self._slices[place] = look
        if look.seen == before.seen:
            self._proven.add(look.from_ms)
        for each in self._slices:
            if each.from_ms not in self._proven:
                break
            self.proven_ms = max(self.proven_ms, each.to_ms)
