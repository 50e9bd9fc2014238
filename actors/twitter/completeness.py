"""The completeness of a conversation: which page of a search to ask for next, and before which time every post is
proven to be found.

The stream alone proves nothing: X delivers late, twice, or not at all. A slice of time is proven complete once two
complete readings of it (looks), a configured lag apart, have shown the same posts. Slices are proven from the earliest
on, so that nothing later takes a proof back. A slice with too many pages or too large a page is cut short, so that a
failed look repeats little.

Looks are stored for a restart (`looks`, `go_on`), but proofs beyond the watermark are not: a restart looks at those
slices once more, so that a damaged store proves nothing. A `Sweep` is the bookkeeping of one source of one
conversation, without I/O: `reconciler` asks X. Times in UTC ms.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import msgspec

from messages.x_ids import posted_at_ms

PAGES_A_LOOK = 10  # of 100 posts
FEW_PAGES = 3  # a look with so many or fewer doubles the length of the next slice
LONGEST_SLICE_MS = 24 * 3_600_000
# A settlement is swept once in so many intervals: it lasts for days, and several may share X's window with an open day.
SETTLING_INTERVALS = 5
KEPT_LOOKS = 200  # stored for a restart, which looks at later slices anew


class Ask(msgspec.Struct, frozen=True):
    """The request for one page of the posts made at or after `from_ms` and before `to_ms`; `token` names the page, None
    the first one."""

    from_ms: int
    to_ms: int
    token: str | None = None


class Look(msgspec.Struct, frozen=True, array_like=True):
    """The last complete reading of a slice of time: when it ended (`at_ms`), and a digest of the ids of the posts that
    it has seen."""

    from_ms: int
    to_ms: int
    at_ms: int
    seen: str


def packed(looks: Mapping[str, Sequence[Look]]) -> bytes:
    """The looks at each source as they are stored: the SHA-256 of the JSON in hex, a blank, the JSON."""
    body = msgspec.json.encode(looks)
    return sha256(body).hexdigest().encode() + b" " + body


def unpacked(stored: bytes) -> dict[str, list[Look]]:
    """The looks that `packed` was given. Raises ValueError for stored bytes that are damaged or of another version."""
    digest, _, body = stored.partition(b" ")
    if sha256(body).hexdigest().encode() != digest:
        raise ValueError("its checksum is wrong")
    try:
        return msgspec.json.decode(body, type=dict[str, list[Look]])
    except msgspec.MsgspecError as fault:
        raise ValueError(str(fault)) from fault


class Sweep:
    """The looks at one source from `from_ms` on. Everything before `reached_ms` was looked at once; everything before
    `proven_ms` is proven complete."""

    def __init__(self, lag_ms: int, from_ms: int) -> None:
        self.proven_ms = self.reached_ms = from_ms
        self._lag_ms = lag_ms
        self._slices: list[Look] = []  # up to `reached_ms`, without a gap
        self._proven: set[int] = set()  # the beginnings of the slices whose last two looks were equal
        self._longest_ms = LONGEST_SLICE_MS
        self._next_page: Ask | None = None
        self._pages = 0
        self._seen: set[int] = set()  # the posts on the pages of the present look

    def next(self, now_ms: int, to_ms: int) -> Ask | None:
        """The page to ask for next; None where nothing is due. First looks go as far as `to_ms` at most.

        Second looks that are due come before first looks, because they move the watermark, from which a restart goes
        on.
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
        """Take in the answer to `asked`: the ids of its posts, and the token of the next page (None: the look is
        complete)."""
        if asked.token is None:
            self._pages, self._seen = 0, set()
        self._pages += 1
        # A source may answer with posts from outside the slice.
        self._seen.update(post_id for post_id in post_ids if asked.from_ms <= posted_at_ms(post_id) < asked.to_ms)
        self._next_page = None
        if token is None:
            self._end_look(asked, now_ms)
        elif self._pages < PAGES_A_LOOK or not self.cut(asked, self._read_ms(asked) * 3 // 4):
            self._next_page = msgspec.structs.replace(asked, token=token)

    def begin_again(self) -> None:
        """Give up the look under way, whose next page X does not give; it begins again with its first page."""
        self._next_page = None

    def cut(self, asked: Ask, longest_ms: int = LONGEST_SLICE_MS) -> bool:
        """Halve the slices from this one on, to `longest_ms` at most. Returns False where the slice is one
        millisecond already. Looks at later slices are dropped, which is simple and rarely happens."""
        length_ms = asked.to_ms - asked.from_ms
        if length_ms <= 1:
            return False
        self._next_page = None
        self._longest_ms = max(min(length_ms // 2, longest_ms), 1)
        self._keep([each for each in self._slices if each.to_ms <= asked.from_ms])
        self.reached_ms = asked.from_ms
        return True

    def _read_ms(self, asked: Ask) -> int:
        """How much time (ms) the pages read so far cover, from the slice's end back: X shows the newest posts first."""
        return asked.to_ms - posted_at_ms(min(self._seen)) if self._seen else LONGEST_SLICE_MS

    def looks(self, to_ms: int) -> list[Look]:
        """The first KEPT_LOOKS looks, of slices that end by `to_ms`, to be stored for `go_on` after a restart."""
        return [each for each in self._slices[:KEPT_LOOKS] if each.to_ms <= to_ms]

    def go_on(self, looks: Sequence[Look], since_ms: int, now_ms: int) -> None:
        """Take over the looks of an earlier process, at slices from `since_ms` on; each slice is looked at once more. A
        look that leaves a gap, overlaps the one before or lies in the future ends that, and is dropped with all that
        follow."""
        for each in looks:
            if each.to_ms <= self.reached_ms:
                continue
            # The first look may begin before the proven time; each further one begins where the one before ends.
            least_ms = self.reached_ms if self._slices else since_ms
            if not least_ms <= each.from_ms <= self.reached_ms or not each.to_ms <= each.at_ms <= now_ms:
                break
            self._slices.append(each)
            self.reached_ms = each.to_ms
            self._longest_ms = min(2 * (each.to_ms - each.from_ms), LONGEST_SLICE_MS)

    def forget_before(self, watermark_ms: int) -> None:
        """Drop the looks before the watermark, from which a restart goes on."""
        self._keep([each for each in self._slices if each.to_ms > watermark_ms])

    def _keep(self, slices: list[Look]) -> None:
        kept = {each.from_ms for each in slices}
        if self._next_page and self._next_page.from_ms < self.reached_ms and self._next_page.from_ms not in kept:
            self._next_page = None  # an earlier process's mark has proven the slice during its second look
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
        # Where two looks differ, the slice is not proven: a third look is compared with the later one.
        self._slices[place] = look
        if look.seen == before.seen:
            self._proven.add(look.from_ms)
        for each in self._slices:
            if each.from_ms not in self._proven:
                break
            self.proven_ms = max(self.proven_ms, each.to_ms)
