"""Follows the chain block by block: takes the logs of new blocks, and walks back where the chain was reorganised.

Nothing is written here: each step returns the record and the events after it, or None where there is nothing to commit.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from actors.chain_watcher.health import DOWN_MS
from actors.chain_watcher.reading import BlockReader
from actors.chain_watcher.record import HeldBlock, Mark, Record, mark_of
from adapters import alarms, metrics
from adapters.chain.endpoints import Endpoints
from adapters.chain.node import Block, Heads, Log, Node, NodeUnavailable
from messages.chain_events import ChainEvent, ChainLogRevoked, ChainLogSeen

log = logging.getLogger(__name__)

# Blocks in one step: providers bound what they answer at once.
BLOCKS_A_STEP = 50
# Without a second node, the same node has to say this many times within this time that the chain was reorganised.
SAID_TIMES, SAID_WITHIN_MS = 3, 60_000


class WrongChain(NodeUnavailable):
    """The node answers, but it is on another chain, lacks the contract, or has another past than was finalized.

    An operator has to look; until then nothing is taken from the node, and the auctions go on.
    """


class Step(NamedTuple):
    """What is to be committed together. `read` is the block up to which the chain is read now, where that changed."""

    record: Record
    events: Sequence[ChainEvent] = ()
    read: Block | None = None


class Said(NamedTuple):
    """What a node has said of the block of a number, how often, and since when (UTC ms)."""

    node: str
    block_hash: str
    times: int
    since_ms: int


class Following:
    """Follows the chain over these nodes, of which one is asked in each step."""

    def __init__(self, endpoints: Endpoints, reader: BlockReader, is_numbered: bool, clock: Callable[[], int]) -> None:
        self._endpoints, self._reader = endpoints, reader
        self._is_numbered, self._clock = is_numbered, clock
        self.agreed = -1
        """The number up to which the node of the last step has the blocks that were read; -1 where it is not known."""
        self._said: Said | None = None
        self._repair: Mark | None = None
        self._repairs = 0

    def step(self, record: Record, node: Node, heads: Heads) -> Step | None:
        """One step along the chain; None where this node has nothing to take. Raises NodeUnavailable."""
        self.agreed = -1
        if self._repair is not None:
            return self._repaired(record, node, self._repair)
        known = record.mark_below(heads.unsafe.number)
        if known.number > heads.unsafe.number:
            return None  # the node is far behind
        is_place = known == record.place
        last = min(heads.unsafe.number, known.number + room(node)) if is_place else known.number
        found, *fresh = node.blocks(known.number, last)
        if found.hash != known.hash:
            is_certain = self._is_confirmed(node, heads, known.hash, found)
            return self._walked_back(record, node, known) if is_certain else None
        self._said, self.agreed = None, known.number
        return self._taken(record, node, heads, fresh) if fresh else None

    # ---- new blocks

    def _taken(self, record: Record, node: Node, heads: Heads, fresh: Sequence[Block]) -> Step | None:
        by_number = {block.number: block for block in fresh}
        stale = [held for held in record.held if held.number in by_number and held.hash != by_number[held.number].hash]
        if any(not self._is_confirmed(node, heads, held.hash, by_number[held.number]) for held in stale):
            return None
        revoked = _revoked(stale, self._clock())
        kept = after(record, revoked)
        new = kept.new_logs(self._reader.logs_of(node, fresh))
        if self._is_numbered and kept.gap_after(new) is not None:
            metrics.chain_asked_again.labels("gap").inc()
            new = kept.new_logs(self._reader.all_logs_of(node, fresh))
            gap = kept.gap_after(new)
            if gap is not None:
                self._missing(record, gap)
                return None
        self._repairs = 0
        self.agreed = fresh[-1].number
        alarms.clear("chain:gap")
        events = [*revoked, *seen(new, fresh, self._clock())]
        return Step(after(record.moved(fresh), events), events, fresh[-1])

    def _missing(self, record: Record, n: int) -> None:
        """Have the blocks since the contract's event `n` read again, for the event after it. An alarm, if that was in
        vain."""
        self._repair = record.mark_before_n(n)
        self._repairs += 1
        if self._repairs > 1:
            what = f"event {n + 1} of the contract is missing, and no node has it up to block {record.place.number}"
            alarms.sound("chain:gap", f"{what}: nothing is read on; add another node to chain.rpc_urls")

    def _repaired(self, record: Record, node: Node, done: Mark) -> Step | None:
        """Read some blocks before the place once more, from every node, for an event of the contract that is
        missing."""
        self._repair = None  # where anything is unexpected, the next step begins as usual
        if done.number < record.finalized.number:
            done = record.finalized  # logs below are not held any more
        found, *blocks = node.blocks(done.number, min(record.place.number, done.number + room(node)))
        if found.hash != done.hash or not blocks or not is_part(record, blocks):
            return None
        new = record.new_logs(self._reader.all_logs_of(node, blocks))
        if blocks[-1].number < record.place.number:
            self._repair = mark_of(blocks[-1])
        events = seen(new, blocks, self._clock())
        return Step(after(record, events), events)

    # ---- reorganisations

    def _is_confirmed(self, node: Node, heads: Heads, ours: str, found: Block) -> bool:
        """Whether it is certain that `found` has replaced our block: a second node says the same or, where no other
        node can say anything, this one has said it often enough. Raises NodeUnavailable where a second node has our
        block, and a head that is not much older."""
        for other in self._endpoints.others(node):
            try:
                [theirs] = other.blocks_at([found.number])
                is_stuck = other.heads().unsafe.at_ms < heads.unsafe.at_ms - DOWN_MS
            except NodeUnavailable:
                continue
            if theirs.hash == found.hash:
                return True
            if theirs.hash == ours and not is_stuck:
                metrics.chain_asked_again.labels("another block").inc()
                raise NodeUnavailable(f"{node.name} has another block {found.number} than {other.name} and our log")
        now_ms, said = self._clock(), self._said
        is_same = said is not None and (said.node, said.block_hash) == (node.name, found.hash)
        if said is None or not is_same or now_ms - said.since_ms > SAID_WITHIN_MS:
            said = Said(node.name, found.hash, 0, now_ms)
        self._said = said._replace(times=said.times + 1)
        return self._said.times >= SAID_TIMES

    def _walked_back(self, record: Record, node: Node, gone: Mark) -> Step:
        fork = self._fork(record, node, gone.number)
        between = [held for held in record.held if fork.number < held.number < gone.number]
        now = {block.number: block.hash for block in node.blocks_at([held.number for held in between])}
        orphaned = [
            held for held in record.held if held.number >= gone.number or now.get(held.number, held.hash) != held.hash
        ]
        log.warning(
            "the chain was reorganised: from block %s to %s it is another", fork.number + 1, record.place.number
        )
        metrics.chain_reorganisations.inc()
        self._said = self._repair = None
        events = _revoked(orphaned, self._clock())
        return Step(after(record.walked_back(fork), events), events)

    def _fork(self, record: Record, node: Node, below: int) -> Mark:
        """The newest mark below this number that is on the node's chain. Raises WrongChain where none is, which would
        change what is finalized."""
        marks = [mark for mark in reversed(record.marks) if mark.number < below]
        for at in range(0, len(marks), BLOCKS_A_STEP):
            some = marks[at : at + BLOCKS_A_STEP]
            found = node.blocks_at([mark.number for mark in some])
            for mark, block in zip(some, found, strict=True):
                if mark.hash == block.hash:
                    return mark
        what = f"{node.name} has another chain than the one that was finalized up to block {record.finalized.number}"
        alarms.sound("chain:past", f"{what}: nothing is taken from it")
        raise WrongChain(what)


def room(node: Node) -> int:
    """How many blocks after a known one are read in one step."""
    return max(1, min(BLOCKS_A_STEP, node.rpc.batch - 1))


def is_part(record: Record, blocks: Iterable[Block]) -> bool:
    """Whether these blocks, up to the place, are those that were read."""
    return all(record.hash_of(block.number) in (None, block.hash) for block in blocks)


def after(record: Record, events: Iterable[ChainEvent]) -> Record:
    """The record after these events."""
    for event in events:
        record = record.after(event)
    return record


def seen(logs: Iterable[Log], blocks: Iterable[Block], now_ms: int) -> list[ChainEvent]:
    """The events of these logs, which are of these blocks."""
    times = {block.hash: block.at_ms for block in blocks}
    return [
        ChainLogSeen(
            message_id=f"chain:{found.block_hash}:{found.log_index}",
            at_ms=now_ms,
            block_number=found.block_number,
            block_hash=found.block_hash,
            transaction_hash=found.transaction_hash,
            log_index=found.log_index,
            topics=found.topics,
            data=found.data,
            block_at_ms=times[found.block_hash],
        )
        for found in logs
    ]


def _revoked(blocks: Sequence[HeldBlock], now_ms: int) -> list[ChainEvent]:
    """The events that revoke all logs of these blocks, the last one first."""
    return [
        ChainLogRevoked(
            message_id=f"chain-revoked:{block.hash}:{gone.log_index}",
            at_ms=now_ms,
            block_number=block.number,
            block_hash=block.hash,
            transaction_hash=gone.transaction_hash,
            log_index=gone.log_index,
        )
        for block in reversed(blocks)
        for gone in reversed(block.logs)
    ]
