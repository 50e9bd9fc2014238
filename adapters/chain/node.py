"""An EVM node over HTTP, read with the real web3, which is imported on first use: it costs 60 MB and more than a
second.

A provider's address leads to many nodes, and each answer may come from another one, which may be behind. So blocks are
asked for in one batch and must follow on one another, and logs are asked for by the hash of their block: a node that
lacks the block says so, where a question by number is answered with an empty list.

web3's own retries are off, because they would hold an actor for a minute and more; the caller tries again later.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

import requests

from adapters.bounded_http import BoundedAdapter

# 51 blocks with the hashes of 1,000 transactions each; decoded, an answer may take twenty times its size in memory.
ANSWER_BYTES = 4 * 2**20

About = TypeVar("About")
Answer = TypeVar("Answer")

# At DEBUG these write the node's address into the log, and with it the key that it may hold.
for _talkative in ("web3", "urllib3"):
    logging.getLogger(_talkative).setLevel(logging.INFO)


class NodeUnavailable(Exception):
    """The node did not answer, not in time, or not what was asked. Nothing of its answer is used."""


class Block(NamedTuple):
    """A block's place in the chain, and the bloom filter of its logs. Hashes are hex with 0x."""

    number: int
    hash: str
    parent_hash: str
    logs_bloom: int


class Log(NamedTuple):
    """A log of the watched contract. Hashes, topics and data are hex with 0x."""

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    topics: tuple[str, ...]
    data: str


class Node:
    """One node, for one thread.

    Each question is one request, is over within `timeout_s` whatever the node sends, and raises NodeUnavailable.
    """

    def __init__(self, rpc_url: str, timeout_s: float) -> None:
        web3 = _import_web3()
        self._session = BoundedAdapter(timeout_s, ANSWER_BYTES).mounted(requests.Session())
        provider = web3.HTTPProvider(rpc_url, session=self._session, exception_retry_configuration=None)
        # web3's default middleware serves senders. This one reads the longer block headers of some chains.
        self._web3 = web3.Web3(provider, middleware=[(web3.middleware.ExtraDataToPOAMiddleware, "longer headers")])

    def chain_id(self) -> int:
        """The id of the chain that the node is on."""
        return self._asked(lambda: int(self._web3.eth.chain_id))

    def has_code(self, contract: str) -> bool:
        """Whether there is a contract at this address."""
        checksummed = self._web3.to_checksum_address(contract)
        return self._asked(lambda: bool(self._web3.eth.get_code(checksummed)))

    def head(self, level: str) -> Block:
        """The newest block of this confirmation level: unsafe, safe or finalized."""
        tag = "latest" if level == "unsafe" else level
        return self._asked(lambda: _block(self._web3.eth.get_block(tag)))

    def blocks(self, first: int, last: int) -> list[Block]:
        """The blocks of these numbers, both included; each is the parent of the next."""
        found = self._asked_at_once(self._web3.eth.get_block, range(first, last + 1), _block)
        if [block.number for block in found] != [*range(first, last + 1)]:
            raise NodeUnavailable(f"the node answered with other blocks than {first} to {last}")
        if any(block.hash != after.parent_hash for block, after in pairwise(found)):
            raise NodeUnavailable(f"the blocks {first} to {last} do not follow on one another")
        return found

    def logs(self, contract: str, blocks: Iterable[Block]) -> list[Log]:
        """The contract's logs of exactly these blocks, in their order."""
        address = self._web3.to_checksum_address(contract)
        bits = _bloom_bits(self._web3.keccak(hexstr=contract))
        worth_asking = [block.hash for block in blocks if block.logs_bloom & bits == bits]
        found = self._asked_at_once(
            lambda block_hash: self._web3.eth.get_logs({"address": address, "blockHash": block_hash}),
            worth_asking,
            lambda logs: [_log(log) for log in logs],
        )
        if any(log.block_hash != asked for asked, logs in zip(worth_asking, found, strict=True) for log in logs):
            raise NodeUnavailable("the node answered with the logs of another block")
        return [log for logs in found for log in logs]

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _asked_at_once(
        self, ask: Callable[[About], Any], about: Sequence[About], read: Callable[[Any], Answer]
    ) -> list[Answer]:
        """Ask all questions in one request. Returns what `read` makes of each answer."""
        if not about:
            return []

        def all_asked() -> list[Answer]:
            with self._web3.batch_requests() as batch:
                for each in about:
                    batch.add(ask(each))
                return [read(answer) for answer in batch.execute()]

        answers = self._asked(all_asked)
        if len(answers) != len(about):  # web3 accepts a batch with answers missing
            raise NodeUnavailable(f"the node answered {len(answers)} questions of {len(about)}")
        return answers

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        try:
            return ask()
        except Exception as fault:  # web3 raises any kind of error for a wrong answer
            # The address may hold a key, and most errors quote the address: only their kind is told.
            status = getattr(getattr(fault, "response", None), "status_code", "")
            kind = f"{type(fault).__name__} {status}".rstrip()
            raise NodeUnavailable(f"the node did not answer as it should: {kind}") from None


def _import_web3() -> Any:
    """Import web3, and undo what it does to the whole process: py_ecc, which it brings in, raises the recursion
    limit to 100,000. Deeply nested JSON, from anybody, would then overflow the stack and kill the process."""
    limit = sys.getrecursionlimit()
    import web3

    sys.setrecursionlimit(limit)
    return web3


def _block(found: Any) -> Block:
    return Block(
        int(found["number"]),
        found["hash"].to_0x_hex(),
        found["parentHash"].to_0x_hex(),
        int.from_bytes(found["logsBloom"], "big"),
    )


def _log(found: Any) -> Log:
    return Log(
        int(found["blockNumber"]),
        found["blockHash"].to_0x_hex(),
        found["transactionHash"].to_0x_hex(),
        int(found["logIndex"]),
        tuple(topic.to_0x_hex() for topic in found["topics"]),
        found["data"].to_0x_hex(),
    )


def _bloom_bits(digest: bytes) -> int:
    """The three bits that are set in a block's bloom filter where one of its logs is of the address with this
    Keccak-256."""
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") % 2048)
    return bits
