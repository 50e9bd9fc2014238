"""Reads the contract's logs of single blocks from nodes that may leave logs out, and asks again where an answer may be
incomplete. What was read is not remembered here.

A node's bloom filters count only once they have proven themselves: in the first block with a log of the contract the
filter must have shown the contract. A node that fails this once is never trusted again.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from eth_hash.auto import keccak

from actors.chain_watcher.record import number_of
from adapters import metrics
from adapters.chain.endpoints import Endpoints
from adapters.chain.node import Block, Log, Node, NodeUnavailable

log = logging.getLogger(__name__)

# How often the logs of a block are asked for again before a bloom filter that promises one is not believed.
ASKED_AGAIN = 3


class BlockReader:
    """Reads the logs of one contract. `is_numbered` says whether the contract numbers its events.

    Where it does, a missing one shows as a gap, and only numbered events are taken: anybody can cause others in any
    number, such as approvals. Where it does not, two nodes have to agree on the logs of each block.
    """

    def __init__(self, endpoints: Endpoints, contract: str, is_numbered: bool) -> None:
        self._endpoints, self._contract, self._is_numbered = endpoints, contract, is_numbered
        self._bits = _bloom_bits(keccak(bytes.fromhex(contract[2:])))
        self._blooms_hold: dict[str, bool] = {}  # by node; without an entry: not proven yet

    def logs_of(self, node: Node, blocks: Sequence[Block]) -> list[Log]:
        """The contract's logs of these blocks, in the order of the chain. Raises NodeUnavailable."""
        asked = [block for block in blocks if self._may_hold_logs(node, block)]
        found = dict(zip((block.hash for block in asked), node.logs(self._contract, asked), strict=True))
        for block in asked:
            self._judge_bloom(node, block, bool(found[block.hash]))
        if not self._is_numbered:
            self._must_agree(node, asked, found)
        for block in asked if self._is_numbered else ():
            if not found[block.hash] and self._shows_contract(block):
                found[block.hash] = self._asked_again(node, block)
        return self._taken([each for block in asked for each in found[block.hash]])

    def all_logs_of(self, node: Node, blocks: Sequence[Block]) -> list[Log]:
        """The contract's logs of these blocks: whatever any node says of any of them, by logs or by receipts. Raises
        NodeUnavailable where no node answers."""
        nodes = [node, *self._endpoints.others(node)]
        return self._taken([each for block in blocks for each in self._merged(block, nodes)])

    def _taken(self, logs: list[Log]) -> list[Log]:
        return [each for each in logs if number_of(each)] if self._is_numbered else logs

    def _may_hold_logs(self, node: Node, block: Block) -> bool:
        is_proven = self._is_numbered and self._blooms_hold.get(node.name, False)
        return not is_proven or self._shows_contract(block)

    def _shows_contract(self, block: Block) -> bool:
        return block.logs_bloom & self._bits == self._bits

    def _judge_bloom(self, node: Node, block: Block, has_logs: bool) -> None:
        if has_logs and self._blooms_hold.get(node.name, True) and not self._shows_contract(block):
            log.warning("%s: the bloom filter of block %s lacks the contract", node.name, block.number)
        if has_logs:
            self._blooms_hold[node.name] = self._blooms_hold.get(node.name, True) and self._shows_contract(block)

    def _must_agree(self, node: Node, blocks: Sequence[Block], found: dict[str, tuple[Log, ...]]) -> None:
        fault = NodeUnavailable("the contract does not number its events, and there is no second node to ask")
        for other in self._endpoints.others(node):
            try:
                told = other.logs(self._contract, blocks)
            except NodeUnavailable as unavailable:
                fault = unavailable
                continue
            for block, logs in zip(blocks, told, strict=True):
                if logs != found[block.hash]:
                    metrics.chain_asked_again.labels("nodes disagree").inc()
                    raise NodeUnavailable(f"{node.name} and {other.name} disagree on the logs of block {block.number}")
            return
        raise fault

    def _asked_again(self, node: Node, block: Block) -> tuple[Log, ...]:
        metrics.chain_asked_again.labels("bloom without logs").inc()
        same_question, *others = self._sources([node, *self._endpoints.others(node)])
        for logs in self._answers([*others, same_question][:ASKED_AGAIN], block):
            if logs:
                return logs
        return ()

    def _merged(self, block: Block, nodes: Sequence[Node]) -> list[Log]:
        merged: dict[int, Log] = {}
        for logs in self._answers(self._sources(nodes), block):
            for each in logs:
                if merged.setdefault(each.log_index, each) != each:
                    raise NodeUnavailable(f"two logs {each.log_index} are told of block {block.number}")
        return [merged[index] for index in sorted(merged)]

    def _sources(self, nodes: Iterable[Node]) -> list[Callable[[Block], tuple[Log, ...]]]:
        """All ways to ask for the logs of a block, the most likely to help first."""
        contract = self._contract
        sources: list[Callable[[Block], tuple[Log, ...]]] = []
        for node in nodes:
            sources.append(lambda block, node=node: node.logs(contract, [block])[0])  # type: ignore[misc]
            sources.append(lambda block, node=node: node.receipt_logs(contract, block))  # type: ignore[misc]
        return sources

    def _answers(
        self, sources: Sequence[Callable[[Block], tuple[Log, ...]]], block: Block
    ) -> Iterable[tuple[Log, ...]]:
        """What each source says of the block. Raises NodeUnavailable where none says anything."""
        fault: NodeUnavailable | None = None
        has_answered = False
        for source in sources:
            try:
                logs = source(block)
            except NodeUnavailable as unavailable:
                fault = unavailable
                continue
            has_answered = True
            yield logs
        if fault and not has_answered:
            raise fault


def _bloom_bits(digest: bytes) -> int:
    """The three bits that are set in a block's bloom filter where one of its logs is of the address with this
    Keccak-256."""
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") % 2048)
    return bits
