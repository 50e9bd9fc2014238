"""Confirms what was read: a block with logs becomes safe with the chain's safe head, and finalized once its range was
read again and agrees.

What is finalized is never changed afterwards. So every range is read once more before, of another node where there is
one, and the contract's own count at its end has to be the number of the last event that was seen.
"""

import logging
from collections.abc import Callable, Sequence

from actors.chain_watcher.following import Step, after, is_part, room, seen
from actors.chain_watcher.reading import BlockReader
from actors.chain_watcher.record import Record, mark_of
from adapters import alarms, metrics
from adapters.chain.endpoints import Endpoints
from adapters.chain.node import Block, Heads, Log, Node, NodeUnavailable
from messages.chain_events import ChainConfirmed, ChainEvent

log = logging.getLogger(__name__)

ALARM = "chain:finality"


class Finality:
    """Confirms blocks over these nodes."""

    def __init__(
        self,
        endpoints: Endpoints,
        reader: BlockReader,
        contract: str,
        is_numbered: bool,
        clock: Callable[[], int],
    ) -> None:
        self._endpoints, self._reader, self._contract = endpoints, reader, contract
        self._is_numbered, self._clock = is_numbered, clock

    def safe(self, record: Record, heads: Heads, agreed: int) -> Step | None:
        """The blocks that the safe head has passed, of those up to the number `agreed`, which are on the chain."""
        is_ours = record.hash_of(heads.safe.number) in (None, heads.safe.hash)
        number = min(heads.safe.number, agreed) if is_ours else -1
        passed = [block for block in record.held if block.number <= number and not block.is_safe]
        events = [self._confirmed("safe", block.number, block.hash) for block in passed]
        return Step(after(record, events), events) if events else None

    def finalized(self, record: Record, node: Node, heads: Heads, agreed: int) -> Step | None:
        """Read some blocks up to the finalized head again, of those up to the number `agreed`, and finalize them; None
        where there are none, or where what was read does not agree, with an alarm. Raises NodeUnavailable."""
        last = min(heads.finalized.number, agreed)
        if last <= record.finalized.number:
            return None
        fault = NodeUnavailable("there is no node")
        for checker in (*self._endpoints.others(node), node):
            try:
                return self._checked(record, checker, node, last)
            except NodeUnavailable as unavailable:
                fault = unavailable
        raise fault

    def _checked(self, record: Record, node: Node, agreeing: Node, last: int) -> Step | None:
        """Read the range from `node`. Its last block must be the one that the node has which agreed, since between the
        marks of old blocks nobody else knows whether these are others."""
        first = record.finalized.number
        found, *blocks = node.blocks(first, min(last, first + room(node)))
        if found.hash != record.finalized.hash:
            what = f"{node.name} has another block {first} than the one that was finalized"
            alarms.sound("chain:past", f"{what}: nothing is changed; compare the nodes of chain.rpc_urls")
            raise NodeUnavailable(what)
        hashes = {block.number: block.hash for block in blocks}
        held = [block for block in record.held if block.number in hashes]
        [end] = [blocks[-1]] if node is agreeing else agreeing.blocks_at([blocks[-1].number])
        is_ours = is_part(record, blocks) and end.hash == blocks[-1].hash
        if not is_ours or any(block.hash != hashes[block.number] for block in held):
            raise NodeUnavailable(f"{node.name} has other blocks from {first} to {blocks[-1].number} than were read")
        logs = self._reader.logs_of(node, blocks)
        if not self._agrees(record, node, blocks, logs):
            metrics.chain_asked_again.labels("finality").inc()
            logs = self._reader.all_logs_of(node, blocks)
            if not self._agrees(record, node, blocks, logs):
                what = f"the contract has emitted other events up to block {blocks[-1].number} than were seen"
                alarms.sound(ALARM, f"{what}: nothing is final until they agree; compare the nodes of chain.rpc_urls")
                return None
        alarms.clear(ALARM)
        alarms.clear("chain:past")
        return self._passed(record, blocks, record.new_logs(logs))

    def _agrees(self, record: Record, node: Node, blocks: Sequence[Block], logs: Sequence[Log]) -> bool:
        """Whether, with these logs, all that the contract has emitted in these blocks is held, and nothing else."""
        if not self._is_numbered:  # two nodes have told the same logs of each block
            told, hashes = {(each.block_hash, each.log_index) for each in logs}, {block.hash for block in blocks}
            held = [
                (block.hash, each.log_index) for block in record.held if block.hash in hashes for each in block.logs
            ]
            return told.issuperset(held)
        new, last = record.new_logs(logs), blocks[-1]
        events = seen(new, blocks, 0)
        return record.gap_after(new) is None and after(record, events).n_at(last.number) == node.count(
            self._contract, last
        )

    def _passed(self, record: Record, blocks: Sequence[Block], new: Sequence[Log]) -> Step:
        if new:
            log.warning("%s logs were missed until their blocks were finalized", len(new))
        found = seen(new, blocks, self._clock())
        full = after(record, found)
        hashes = {block.hash for block in blocks}
        confirmed = [
            self._confirmed("finalized", block.number, block.hash) for block in full.held if block.hash in hashes
        ]
        events = [*found, *confirmed]
        return Step(after(record, events).finalized_to(mark_of(blocks[-1])), events)

    def _confirmed(self, level: str, number: int, block_hash: str) -> ChainEvent:
        return ChainConfirmed(
            message_id=f"chain-{level}:{block_hash}",
            at_ms=self._clock(),
            level=level,
            block_number=number,
            block_hash=block_hash,
        )
