"""The recent frames of the feed, numbered in their order: the place of a viewer is the number of its next frame."""

from bisect import bisect_right
from collections.abc import Sequence


class RecentFrames:
    """The newest frames: `kept` of them at least, once there are so many, and twice as many at most. For one thread."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._seqs: list[int] = []
        self._frames: list[bytes] = []
        self._forgotten = 0  # frames that are not kept any more, which is the number of the first one that is
        self._floor_seq = 0  # every frame with a greater seq is kept

    @property
    def end(self) -> int:
        """The number that the next frame gets."""
        return self._forgotten + len(self._frames)

    def add(self, frames: Sequence[tuple[int, bytes]]) -> None:
        """Keep these frames, each with its seq."""
        self._seqs += [seq for seq, _ in frames]
        self._frames += [frame for _, frame in frames]
        # Many are forgotten at once, so that a single bid need not wait for the lists to shift.
        if len(self._frames) > 2 * self._kept:
            self._forget(len(self._frames) - self._kept)

    def pass_by(self, seqs: Sequence[int]) -> None:
        """Number frames that were not made, of these seqs: a viewer that has not come beyond them needs a snapshot."""
        if seqs:
            self._forget(len(self._frames))
            self._forgotten += len(seqs)
            self._floor_seq = seqs[-1]

    def begin_anew(self) -> None:
        """Forget all frames: the next ones are of another log."""
        self._forget(len(self._frames))
        self._floor_seq = 0

    def number_after(self, seq: int) -> int | None:
        """The number of the first frame after this seq; None where not all of those frames are kept."""
        if seq < self._floor_seq:
            return None
        return self._forgotten + bisect_right(self._seqs, seq)

    def since(self, number: int) -> list[bytes] | None:
        """The frames from this number on; None where not all of them are kept."""
        return None if number < self._forgotten else self._frames[number - self._forgotten :]

    def _forget(self, count: int) -> None:
        if count:
            self._floor_seq = self._seqs[count - 1]
            self._forgotten += count
            del self._seqs[:count], self._frames[:count]
