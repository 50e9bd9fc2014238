"""The chain itself: canonical blocks, those that were reorganised away, the waiting transactions, and the levels."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Literal

from eth_hash.auto import keccak
from eth_keys.datatypes import PrivateKey

from simulator.chain.errors import INVALID_PARAMS, RpcError
from simulator.chain.evm import Block, Evm, Receipt, Write
from simulator.chain.oracle import CODE, ORACLE, fee_slots, l1_fee_of
from simulator.chain.pool import Pool
from simulator.chain.settings import BLOCK_S, Settings, private_key
from simulator.chain.wallets import buyers_of, wallets

RICH_WEI = 10_000 * 10**18


class Chain:
    """One chain. `now_ms` is its clock; without one the newest block's time is the time. The functions of `on_block`
    are called for each new block."""

    def __init__(self, settings: Settings, started_s: int) -> None:
        self.settings = settings
        self.now_ms: Callable[[], int] = lambda: self.head.made_at_ms
        self.evm = Evm(settings.chain_id)
        self.pool = Pool(settings.chain_id)
        self.base_fee_wei = settings.base_fee_wei
        self.on_block: list[Callable[[Block], None]] = []
        self._held: dict[str, int] = {}
        self._writes: list[Write] = []
        self._reorganised = 0
        fees = fee_slots(settings.l1_fee_wei, settings.operator_fee_wei)
        accounts = [Write(address, RICH_WEI) for address, _ in self.accounts()]
        accounts += wallets(buyers_of(settings.seed, settings.payers))
        writes = (*accounts, Write(ORACLE, code=CODE, slots=fees))
        genesis = self.evm.genesis(settings.genesis_s or started_s, settings.base_fee_wei, writes)
        self.blocks = [genesis]
        self.by_hash = {genesis.hash: genesis}
        self.places: dict[bytes, tuple[Block, int]] = {}

    @property
    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    def accounts(self) -> list[tuple[bytes, bytes]]:
        """Returns address and private key of the accounts that block 0 funds."""
        own = [private_key(self.settings.seed, number) for number in range(self.settings.accounts)]
        return [(PrivateKey(key).public_key.to_canonical_address(), key) for key in own]

    def level(self, level: str) -> int:
        """Returns the number of the newest block that is safe or finalized, which it is some time after it was made."""
        lag_ms = self.settings.safe_ms if level == "safe" else self.settings.finalized_ms
        found = bisect_right(self.blocks, self.now_ms() - lag_ms, key=lambda block: block.made_at_ms) - 1
        return max(0, min(found, self._held.get(level, found)))

    def stall(self, **stalled: bool | None) -> None:
        """Holds the levels that are True at their blocks, and lets those go on that are False."""
        for level, held in stalled.items():
            if held is not None:
                self._held.pop(level, None)
            if held:
                self._held[level] = self.level(level)

    def send(self, raw: bytes) -> bytes:
        """Lets a signed transaction wait for the next block; returns its hash. Raises RpcError."""
        transaction = self.decode(raw)
        state = self.evm.state(self.head.header)
        self.pool.add(transaction, state, l1_fee_of(state))
        return bytes(transaction.hash)

    def decode(self, raw: bytes) -> Any:
        """Reads a transaction with a valid signature. Raises RpcError."""
        try:
            transaction = self.evm.decode(raw)
            transaction.validate()
            _ = transaction.sender
        except Exception as fault:  # py-evm raises errors of many kinds for bytes that are no transaction
            raise RpcError(f"invalid transaction: {fault}", INVALID_PARAMS) from None
        return transaction

    def change(self, write: Write) -> None:
        """Changes an account in the next block."""
        self._writes.append(write)

    def add_block(self, at_s: int | None = None, *, with_transactions: bool = True) -> Block:
        """Adds a block that says the time `at_s` (unix s), or the time of its parent plus 2 s."""
        parent = self.head
        at_s = parent.header.timestamp + BLOCK_S if at_s is None else max(at_s, parent.header.timestamp)
        made_at_ms = max(self.now_ms() if self.settings.block_ms else at_s * 1000, parent.made_at_ms)
        writes, self._writes = tuple(self._writes), []
        ready = self.pool.ready(self.evm.state(parent.header), self.base_fee_wei) if with_transactions else []
        randomness = keccak(f"{self.settings.seed}:{parent.number + 1}:{self._reorganised}".encode())
        block = self.evm.follow(parent, at_s, made_at_ms, self.base_fee_wei, randomness, writes, ready)
        self.blocks.append(block)
        self.by_hash[block.hash] = block
        self.pool.drop_mined(self.evm.state(block.header))
        self.places |= {receipt.transaction.hash: (block, index) for index, receipt in enumerate(block.receipts)}
        for listener in self.on_block:
            listener(block)
        return block

    def reorganise(self, depth: int, blocks: int, transactions: Literal["again", "later", "dropped"]) -> None:
        """Replaces the newest `depth` blocks by `blocks` others of the same times.

        The transactions of the old blocks are in the new ones again, wait for a later block, or are forgotten.
        """
        old, self.blocks = self.blocks[-depth:], self.blocks[:-depth]
        self._reorganised += 1
        for receipt in receipts_of(old):
            del self.places[receipt.transaction.hash]
            if transactions != "dropped":
                self.pool.put_back(receipt.transaction)
        self._writes = [write for block in old for write in block.writes] + self._writes
        for number in range(blocks):
            at_s = old[number].header.timestamp if number < depth else None
            self.add_block(at_s, with_transactions=transactions == "again")


def receipts_of(blocks: list[Block]) -> list[Receipt]:
    """Returns the receipts of all these blocks."""
    return [receipt for block in blocks for receipt in block.receipts]
