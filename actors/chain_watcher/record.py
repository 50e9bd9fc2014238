"""The record of what was read of the chain: it is the watcher's checkpoint, and is folded from the watcher's events.

Pure values: what the nodes say is not asked here.
"""

from collections.abc import Iterable, Sequence

import msgspec

from adapters.chain.node import Block, Log
from adapters.chain.sale_events import decode
from messages.chain_events import ChainCameBack, ChainConfirmed, ChainLogRevoked, ChainLogSeen, ChainWentDown
from messages.events import AnyEvent

# Of the newest blocks all are kept as marks, so that a reorganisation is walked back exactly; of older ones each 100th.
NEAR, FAR = 16, 100


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A block that was read."""

    number: int
    hash: str


class HeldLog(msgspec.Struct, frozen=True, array_like=True):
    """A log that was seen, and the number that the contract gave its event; 0 where it has none."""

    log_index: int
    transaction_hash: str
    n: int


class HeldBlock(msgspec.Struct, frozen=True, array_like=True):
    """A block with logs that were seen. It is held until it is finalized, since until then it may leave the chain."""

    number: int
    hash: str
    logs: tuple[HeldLog, ...]
    is_safe: bool = False


class Record(msgspec.Struct, frozen=True):
    """`marks` are blocks that were read, oldest first: the first one is finalized, the last one is the place. Empty
    before the first look, and after the loss of both checkpoints. `held` is in the order of the chain.

    `finalized_n` is the contract's count at the first mark.
    """

    marks: tuple[Mark, ...] = ()
    held: tuple[HeldBlock, ...] = ()
    finalized_n: int = 0
    is_down: bool = False

    @property
    def place(self) -> Mark:
        """The last block whose logs were taken."""
        return self.marks[-1]

    @property
    def finalized(self) -> Mark:
        """The newest block that was read again when it was finalized. Nothing at or below it is ever changed."""
        return self.marks[0]

    def mark_below(self, number: int) -> Mark:
        """The newest mark of at most this number; the first mark where there is none."""
        return next((mark for mark in reversed(self.marks) if mark.number <= number), self.finalized)

    def hash_of(self, number: int) -> str | None:
        """The hash of the block that was read with this number, if it is a mark."""
        return next((mark.hash for mark in reversed(self.marks) if mark.number == number), None)

    def new_logs(self, found: Iterable[Log]) -> list[Log]:
        """Those of the logs that are not held yet."""
        held = {(block.hash, log.log_index) for block in self.held for log in block.logs}
        return [log for log in found if (log.block_hash, log.log_index) not in held]

    def n_at(self, number: int) -> int:
        """The number of the contract's last event that was seen up to this block."""
        return max([self.finalized_n, *(log.n for block in self.held if block.number <= number for log in block.logs)])

    def gap_after(self, found: Iterable[Log]) -> int | None:
        """The number after which one is missing between the contract's events once these new logs are held; None
        without a gap."""
        numbers = [log.n for block in self.held for log in block.logs] + [number_of(log) for log in found]
        counted = sorted(n for n in numbers if n > 0)
        for expected, n in enumerate(counted, start=self.finalized_n + 1):
            if n != expected:
                return expected - 1
        return None

    def mark_before_n(self, n: int) -> Mark:
        """The newest mark below the block with the contract's event of this number."""
        numbers = [block.number for block in self.held for log in block.logs if log.n == n]
        return self.mark_below(numbers[0] - 1) if numbers else self.finalized

    # ---- each returns the record after a step

    def begun(self, mark: Mark, n: int) -> "Record":
        """Begin after this block, at which the contract's count is `n`."""
        return msgspec.structs.replace(self, marks=(mark,), finalized_n=n)

    def moved(self, blocks: Sequence[Block]) -> "Record":
        """The place moves over these blocks."""
        marks = [*self.marks, *map(mark_of, blocks)]
        near = marks[-1].number - NEAR
        kept = marks[:1]
        for at, mark in enumerate(marks[1:], start=1):
            following = marks[at + 1].number if at + 1 < len(marks) else mark.number
            if mark.number > near or following >= kept[-1].number + FAR:
                kept.append(mark)
        return msgspec.structs.replace(self, marks=tuple(kept))

    def walked_back(self, fork: Mark) -> "Record":
        """The place goes back to this mark. What is held stays until it is revoked by an event."""
        return msgspec.structs.replace(self, marks=tuple(mark for mark in self.marks if mark.number <= fork.number))

    def finalized_to(self, mark: Mark) -> "Record":
        """Everything up to this block is finalized."""
        marks = (mark, *(later for later in self.marks if later.number > mark.number))
        return msgspec.structs.replace(self, marks=marks, finalized_n=self.n_at(mark.number))

    def after(self, event: AnyEvent) -> "Record":
        """The record after an event of the watcher."""
        match event:
            case ChainLogSeen():
                log = HeldLog(event.log_index, event.transaction_hash, _number(event.topics, event.data))
                return self._with_log(event.block_number, event.block_hash, log)
            case ChainLogRevoked():
                held = [_without(block, event) for block in self.held]
                return msgspec.structs.replace(self, held=tuple(block for block in held if block.logs))
            case ChainConfirmed(level="safe"):
                held = [
                    msgspec.structs.replace(block, is_safe=True) if block.hash == event.block_hash else block
                    for block in self.held
                ]
                return msgspec.structs.replace(self, held=tuple(held))
            case ChainConfirmed():
                held = [block for block in self.held if block.hash != event.block_hash]
                after = self.finalized_to(Mark(event.block_number, event.block_hash))
                return msgspec.structs.replace(after, held=tuple(held))
            case ChainWentDown() | ChainCameBack():
                return msgspec.structs.replace(self, is_down=isinstance(event, ChainWentDown))
        return self

    def _with_log(self, number: int, block_hash: str, log: HeldLog) -> "Record":
        others = [block for block in self.held if block.hash != block_hash]
        same = next((block for block in self.held if block.hash == block_hash), HeldBlock(number, block_hash, ()))
        logs = tuple(sorted((*same.logs, log), key=lambda each: each.log_index))
        held = sorted((*others, msgspec.structs.replace(same, logs=logs)), key=lambda block: block.number)
        return msgspec.structs.replace(self, held=tuple(held))


def mark_of(block: Block) -> Mark:
    """The mark of a block that was read."""
    return Mark(block.number, block.hash)


def number_of(log: Log) -> int:
    """The number that the contract gave the event of this log; 0 where it has none."""
    return _number(log.topics, log.data)


def _number(topics: tuple[str, ...], data: str) -> int:
    event = decode(topics, data)
    return 0 if event is None else event.n


def _without(block: HeldBlock, revoked: ChainLogRevoked) -> HeldBlock:
    if block.hash != revoked.block_hash:
        return block
    return msgspec.structs.replace(block, logs=tuple(log for log in block.logs if log.log_index != revoked.log_index))
