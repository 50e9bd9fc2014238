"""The chain as one node knows it: up to a head that may be behind. Finds what a question names."""

from dataclasses import dataclass
from typing import Any

from simulator.chain.chain import Chain
from simulator.chain.errors import INVALID_PARAMS, SERVER, UNKNOWN_BLOCK, RpcError
from simulator.chain.evm import Block


@dataclass(frozen=True, slots=True)
class View:
    """What a node knows, for one request. Each function raises RpcError for what is no block, hash or number."""

    chain: Chain
    head: int
    knows_levels: bool = True

    def at(self, number: int) -> Block | None:
        """Returns the canonical block of this number, or None if the node has none."""
        return self.chain.blocks[number] if number <= self.head else None

    def of_hash(self, value: object) -> Block | None:
        """Returns the block of this hash, also one that was reorganised away, or None if the node has none."""
        block = self.chain.by_hash.get(octets(value, 32))
        return block if block is not None and block.number <= self.head else None

    def named(self, name: object) -> Block | None:
        """Returns the block of a number or tag, or None if the node has none."""
        match name:
            case "latest":
                return self.at(self.head)
            case "earliest":
                return self.at(0)
            case "safe" | "finalized":
                if not self.knows_levels:
                    raise RpcError("Unknown block", UNKNOWN_BLOCK)
                return self.at(min(self.head, self.chain.level(name)))
            case "pending":
                raise RpcError("pending block is not available")
            case _:
                return self.at(number(name))

    def state_block(self, name: object) -> Block:
        """Returns the block after which a state is asked for: of a number, a tag, or {"blockHash"}."""
        if not isinstance(name, dict):
            return self._known(self.named(name), "header not found")
        if "blockNumber" in name:
            return self._known(self.named(name["blockNumber"]), "header not found")
        block = self._known(self.of_hash(name.get("blockHash")), "header for hash not found")
        if name.get("requireCanonical") and self.at(block.number) is not block:
            raise RpcError("hash is not currently canonical")
        return block

    def place(self, transaction_hash: object) -> tuple[Block, int] | None:
        """Returns block and place of a transaction, or None if it is in no canonical block that the node has."""
        found = self.chain.places.get(octets(transaction_hash, 32))
        return found if found is not None and found[0].number <= self.head else None

    def _known(self, block: Block | None, otherwise: str) -> Block:
        if block is None:
            raise RpcError(otherwise, SERVER)
        return block


def octets(value: object, size: int | None = None) -> bytes:
    """Reads bytes in hex. Raises RpcError."""
    try:
        if isinstance(value, str) and value.startswith("0x"):
            found = bytes.fromhex(value[2:])
            if size in (None, len(found)):
                return found
    except ValueError:
        pass
    raise RpcError(f"invalid argument: {value!r:.80} is not hex of {size or 'whole'} bytes", INVALID_PARAMS)


def number(value: Any) -> int:
    """Reads a number in hex. Raises RpcError."""
    try:
        if value.startswith("0x") and 2 < len(value) <= 66:
            return int(value, 16)
    except (AttributeError, ValueError):
        pass
    raise RpcError(f"invalid argument: {value!r:.80} is no quantity in hex", INVALID_PARAMS)
