"""The EVM: makes blocks and answers calls by py-evm's Prague rules, on states in memory.

No other module of the project imports py-evm. Blocks are made here and never received, so py-evm's rules for base fees
and times of headers do not apply: several blocks may have the same second. A sender also pays the L1 fee, as on an
OP chain; the transaction of the L1 attributes, with which each block of an OP chain begins, does not exist.
"""

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from eth.chains.base import ChainContext
from eth.consensus.context import ConsensusContext
from eth.db.atomic import AtomicDB
from eth.db.chain import ChainDB
from eth.exceptions import Revert
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth.vm.spoof import SpoofTransaction

from simulator.chain.errors import REVERTED, RpcError
from simulator.chain.oracle import l1_fee_of
from simulator.chain.settings import GAS_LIMIT

FEE_VAULT = bytes.fromhex("4200000000000000000000000000000000000011")
L1_FEE_VAULT = bytes.fromhex("420000000000000000000000000000000000001a")
_REASON = bytes.fromhex("08c379a0")  # the selector of Error(string)

logging.getLogger("eth").setLevel(logging.INFO)


class Write(NamedTuple):
    """A change of an account that no transaction makes; None and no slots leave what is there."""

    address: bytes
    balance_wei: int | None = None
    code: bytes | None = None
    slots: tuple[tuple[int, int], ...] = ()


class Receipt(NamedTuple):
    """A transaction of py-evm in its block, and what came of it."""

    transaction: Any
    succeeded: bool
    gas_used: int
    cumulative_gas: int
    price_wei: int
    l1_fee_wei: int
    bloom: int
    created: bytes | None
    logs: tuple[Any, ...]


class Block(NamedTuple):
    """A block with its receipts. `made_at_ms` is the time at which it was made, by the chain's clock; `header` is
    py-evm's, with the time that the block says."""

    header: Any
    made_at_ms: int
    writes: tuple[Write, ...] = ()
    receipts: tuple[Receipt, ...] = ()

    @property
    def number(self) -> int:
        return int(self.header.block_number)

    @property
    def hash(self) -> bytes:
        return bytes(self.header.hash)


class Call(NamedTuple):
    """A call that costs nothing. `to` is empty where a contract is made."""

    sender: bytes
    to: bytes
    data: bytes
    value_wei: int
    gas: int


class Evm:
    """All states of one chain, also those of blocks that were reorganised away."""

    def __init__(self, chain_id: int) -> None:
        self._database = AtomicDB()
        self._headers = ChainDB(self._database)
        self._context = ChainContext(chain_id)

    def genesis(self, at_s: int, base_fee_wei: int, writes: tuple[Write, ...]) -> Block:
        """Makes block 0."""
        header = PragueBlockHeader(0, 0, GAS_LIMIT, at_s, nonce=bytes(8), base_fee_per_gas=base_fee_wei)
        state = self.state(header)
        _apply(state, writes)
        state.persist()
        return self._kept(Block(header.copy(state_root=state.state_root), at_s * 1000, writes))

    def follow(
        self,
        parent: Block,
        at_s: int,
        made_at_ms: int,
        base_fee_wei: int,
        randomness: bytes,
        writes: tuple[Write, ...],
        transactions: Iterable[Any],
    ) -> Block:
        """Makes the block after `parent`: the writes, then those of the transactions that can be executed."""
        header = PragueBlockHeader(
            difficulty=0,
            block_number=parent.number + 1,
            gas_limit=GAS_LIMIT,
            timestamp=at_s,
            coinbase=FEE_VAULT,
            parent_hash=parent.hash,
            state_root=parent.header.state_root,
            mix_hash=randomness,
            nonce=bytes(8),
            base_fee_per_gas=base_fee_wei,
        )
        vm = self._vm(header)
        _apply(vm.state, writes)
        receipts, raw_receipts = [], []
        for transaction in transactions:
            l1_fee_wei = l1_fee_of(vm.state)
            if not _can_be_executed(vm.state, header, transaction, l1_fee_wei):
                continue
            vm.state.delta_balance(transaction.sender, -l1_fee_wei)
            vm.state.delta_balance(L1_FEE_VAULT, l1_fee_wei)
            receipt, computation = vm.apply_transaction(header, transaction)
            raw_receipts.append(receipt)
            receipts.append(
                Receipt(
                    transaction,
                    succeeded=receipt.state_root == b"\x01",
                    gas_used=receipt.gas_used - header.gas_used,
                    cumulative_gas=receipt.gas_used,
                    price_wei=vm.state.get_gas_price(transaction),
                    l1_fee_wei=l1_fee_wei,
                    bloom=receipt.bloom,
                    created=computation.msg.storage_address if computation.msg.is_create else None,
                    logs=tuple(receipt.logs),
                )
            )
            header = vm.add_receipt_to_header(header, receipt)
        done = [receipt.transaction for receipt in receipts]
        filled = vm.set_block_transactions_and_withdrawals(vm.get_block(), header, done, raw_receipts)
        return self._kept(Block(vm.finalize_block(filled).block.header, made_at_ms, writes, tuple(receipts)))

    def state(self, header: Any) -> Any:
        """Returns py-evm's state after the block of this header."""
        return PragueVM.build_state(self._database, header, self._context)

    def decode(self, raw: bytes) -> Any:
        """Reads a signed transaction. Raises any error for bytes that are none."""
        return PragueVM.get_transaction_builder().decode(raw)

    def call(self, block: Block, call: Call) -> tuple[bytes, int]:
        """Executes a call on the state after `block`; returns its output and the gas used. Raises RpcError."""
        # As at geth, a call without a price sees a base fee of 0.
        vm = self._vm(block.header.copy(base_fee_per_gas=0, gas_used=0))
        unsigned = vm.create_unsigned_transaction(
            nonce=vm.state.get_nonce(call.sender),
            gas_price=0,
            gas=call.gas,
            to=call.to,
            value=call.value_wei,
            data=call.data,
        )
        if call.gas < least_gas(unsigned):
            raise RpcError(f"intrinsic gas too low: have {call.gas}, want {least_gas(unsigned)}")
        if vm.state.get_balance(call.sender) < call.value_wei:
            raise RpcError(f"insufficient funds for gas * price + value: address 0x{call.sender.hex()}")
        done = vm.state.apply_transaction(SpoofTransaction(unsigned, from_=call.sender))
        if done.is_error and isinstance(done.error, Revert):
            raise RpcError(f"execution reverted{_reason(done.output)}", REVERTED, "0x" + done.output.hex())
        if done.is_error:
            raise RpcError(str(done.error) or "out of gas")
        return bytes(done.output), call.gas - int(done.get_gas_remaining())

    def estimate(self, block: Block, call: Call) -> int:
        """Returns the least gas with which the call succeeds. Raises RpcError if it fails with all its gas."""
        _, used = self.call(block, call)
        too_little, enough = used - 1, call.gas
        guess = min(enough, used * 64 // 63 + 5_000)  # the part that a call keeps back, and a stipend
        while enough - too_little > 1:
            try:
                self.call(block, call._replace(gas=guess))
                enough = guess
            except RpcError:
                too_little = guess
            guess = (too_little + enough) // 2
        return enough

    def _vm(self, header: Any) -> Any:
        return PragueVM(header, self._headers, self._context, ConsensusContext(self._database))

    def _kept(self, block: Block) -> Block:
        self._headers.persist_header(block.header)
        return block


def least_gas(transaction: Any) -> int:
    """Returns the gas without which a transaction is refused: its intrinsic gas, and the floor of EIP-7623."""
    zeros = transaction.data.count(0)
    floor = 21_000 + 10 * (zeros + 4 * (len(transaction.data) - zeros))
    return int(max(transaction.intrinsic_gas, floor))


def most_cost_wei(transaction: Any) -> int:
    """Returns what the sender must own beside the L1 fee."""
    return int(transaction.gas * transaction.max_fee_per_gas + transaction.value)


def _can_be_executed(state: Any, header: Any, transaction: Any, l1_fee_wei: int) -> bool:
    return bool(
        header.gas_used + transaction.gas <= GAS_LIMIT
        and transaction.max_fee_per_gas >= header.base_fee_per_gas
        and state.get_nonce(transaction.sender) == transaction.nonce
        and state.get_balance(transaction.sender) >= most_cost_wei(transaction) + l1_fee_wei
    )


def _apply(state: Any, writes: Iterable[Write]) -> None:
    for write in writes:
        if write.balance_wei is not None:
            state.set_balance(write.address, write.balance_wei)
        if write.code is not None:
            state.set_code(write.address, write.code)
        for slot, value in write.slots:
            state.set_storage(write.address, slot, value)


def _reason(output: bytes) -> str:
    if not output.startswith(_REASON) or len(output) < 68:
        return ""
    length = int.from_bytes(output[36:68], "big")
    return ": " + output[68 : 68 + length].decode(errors="replace")
