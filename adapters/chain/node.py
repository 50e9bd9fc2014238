"""An EVM node as the chain watcher reads it: blocks, heads, logs, receipts, and the contract's count.

A provider's address leads to many nodes, and each answer may come from another one, which may be behind. So blocks are
asked for together and must follow on one another, and logs are asked for by the hash of their block: a node that lacks
the block says so, where a question by number is answered with an empty list. Answers are checked for their form and for
being about what was asked; whether they are complete is for the caller to find out.
"""

import re
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from adapters.chain.rpc import NodeUnavailable, Question, Refused, Rpc
from adapters.chain.sale_events import COUNT

__all__ = ["Block", "Heads", "Log", "Node", "NodeUnavailable"]

Answer = TypeVar("Answer")


class Block(NamedTuple):
    """A block's place in the chain, its time (UTC ms), the bloom filter of its logs (0 where it has none), and how many
    transactions it holds. Hashes are hex with 0x."""

    number: int
    hash: str
    parent_hash: str
    at_ms: int
    logs_bloom: int
    transactions: int


class Heads(NamedTuple):
    """The newest block of each confirmation level."""

    unsafe: Block
    safe: Block
    finalized: Block


class Log(NamedTuple):
    """A log of the watched contract. Hashes, topics and data are hex with 0x."""

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    topics: tuple[str, ...]
    data: str


class Node:
    """One node, for one thread. Its methods raise NodeUnavailable, which names the node, the method and what was
    asked."""

    def __init__(
        self, rpc_url: str, timeout_s: float, name: str = "node 1", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.rpc = Rpc(rpc_url, timeout_s, name, clock)
        self.name = name

    def chain_id(self) -> int:
        """The id of the chain that the node is on."""
        return self._read(Question("eth_chainId", []), _quantity)

    def has_code(self, contract: str, block: Block | None = None) -> bool:
        """Whether there is a contract at this address, at the head or as of this block."""
        when = {"blockHash": block.hash} if block else "latest"
        question = Question("eth_getCode", [contract, when], f"block {block.number}" if block else "latest")
        return self._read(question, lambda code: len(_data(code)) > 2)

    def heads(self) -> Heads:
        """The newest block of each level."""
        unsafe, safe, finalized = self._read_all(
            [_block_question(tag) for tag in ("latest", "safe", "finalized")], _block
        )
        return Heads(unsafe, safe, finalized)

    def blocks(self, first: int, last: int) -> list[Block]:
        """The blocks of these numbers, both included; each is the parent of the next."""
        found = self.blocks_at(range(first, last + 1))
        if any(block.hash != after.parent_hash for block, after in pairwise(found)):
            raise NodeUnavailable(f"{self.name}: the blocks {first} to {last} do not follow on one another")
        return found

    def blocks_at(self, numbers: Sequence[int]) -> list[Block]:
        """The blocks of these numbers."""
        found = self._read_all([_block_question(hex(number)) for number in numbers], _block)
        if [block.number for block in found] != [*numbers]:
            raise NodeUnavailable(f"{self.name} answered with other blocks than {numbers[0]} to {numbers[-1]}")
        return found

    def logs(self, contract: str, blocks: Sequence[Block]) -> list[tuple[Log, ...]]:
        """The contract's logs of each of these blocks, in their order."""
        questions = [
            Question("eth_getLogs", [{"address": contract, "blockHash": block.hash}], f"block {block.number}")
            for block in blocks
        ]
        found = self._read_all(questions, _logs)
        for block, logs in zip(blocks, found, strict=True):
            if any(address != contract.lower() for address, _ in logs):
                raise NodeUnavailable(f"{self.name} answered with the logs of another contract")
            self._check(block, [log for _, log in logs])
        return [tuple(log for _, log in logs) for logs in found]

    def receipt_logs(self, contract: str, block: Block) -> tuple[Log, ...]:
        """The contract's logs of this block, read from the receipts of all its transactions."""
        question = Question("eth_getBlockReceipts", [block.hash], f"block {block.number}")
        receipts = self._read(question, lambda found: [_receipt(each) for each in found])
        if len(receipts) != block.transactions or any(hash_ != block.hash for hash_, _ in receipts):
            raise NodeUnavailable(f"{self.name} answered with other receipts than those of block {block.number}")
        logs = [log for _, logs in receipts for address, log in logs if address == contract.lower()]
        self._check(block, logs)
        return tuple(logs)

    def count(self, contract: str, block: Block) -> int:
        """How many numbered events the contract has emitted up to the end of this block; 0 before it was deployed."""
        call = {"to": contract, "data": COUNT}
        question = Question("eth_call", [call, {"blockHash": block.hash}], f"count() in block {block.number}")
        word = self.rpc.ask(question)
        if word == "0x" and not self.has_code(contract, block):
            return 0
        return self._meant(question, word, lambda word: int(_matching(r"0x[0-9a-f]{64}", word), 16))

    def close(self) -> None:
        """Close the connections."""
        self.rpc.close()

    def _check(self, block: Block, logs: Sequence[Log]) -> None:
        if any(log.block_hash != block.hash or log.block_number != block.number for log in logs):
            raise NodeUnavailable(f"{self.name} answered with the logs of another block than {block.number}")
        if any(log.log_index >= after.log_index for log, after in pairwise(logs)):
            raise NodeUnavailable(f"{self.name} answered with logs of block {block.number} out of order")

    def _read(self, question: Question, read: Callable[[Any], Answer]) -> Answer:
        return self._meant(question, self.rpc.ask(question), read)

    def _read_all(self, questions: Sequence[Question], read: Callable[[Any], Answer]) -> list[Answer]:
        results = self.rpc.ask_all(questions)
        return [self._meant(question, result, read) for question, result in zip(questions, results, strict=True)]

    def _meant(self, question: Question, result: Any, read: Callable[[Any], Answer]) -> Answer:
        try:
            return read(result)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            says = "null" if result is None else "another answer than was asked for"
            raise Refused(f"{self.name}: {question}: {says}") from None


def _block_question(tag: str) -> Question:
    return Question("eth_getBlockByNumber", [tag, False], f"block {int(tag, 16)}" if tag.startswith("0x") else tag)


def _matching(pattern: str, value: Any) -> str:
    text: str = value.lower()
    if not re.fullmatch(pattern, text):
        raise ValueError(pattern)
    return text


def _quantity(value: Any) -> int:
    return int(_matching(r"0x[0-9a-f]{1,16}", value), 16)


def _hash(value: Any) -> str:
    return _matching(r"0x[0-9a-f]{64}", value)


def _data(value: Any) -> str:
    return _matching(r"0x(?:[0-9a-f]{2})*", value)


def _block(found: Any) -> Block:
    bloom = found.get("logsBloom")
    return Block(
        _quantity(found["number"]),
        _hash(found["hash"]),
        _hash(found["parentHash"]),
        _quantity(found["timestamp"]) * 1000,
        0 if bloom is None else int(_matching(r"0x[0-9a-f]{512}", bloom), 16),
        len(found["transactions"]),
    )


def _logs(found: Any) -> list[tuple[str, Log]]:
    """Logs, each with the address of its contract."""
    if not isinstance(found, list):
        raise TypeError
    return [(_matching(r"0x[0-9a-f]{40}", log["address"]), _log(log)) for log in found]


def _log(found: Any) -> Log:
    if found.get("removed"):
        raise ValueError("removed")
    return Log(
        _quantity(found["blockNumber"]),
        _hash(found["blockHash"]),
        _hash(found["transactionHash"]),
        _quantity(found["logIndex"]),
        tuple(_hash(topic) for topic in found["topics"]),
        _data(found["data"]),
    )


def _receipt(found: Any) -> tuple[str, list[tuple[str, Log]]]:
    return _hash(found["blockHash"]), _logs(found["logs"])
