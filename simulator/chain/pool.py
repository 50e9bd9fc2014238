"""The pool of transactions that wait for a block, with the rules and the words of geth.

A transaction whose nonce is too high, whose fee is too low, or whose sender has become too poor waits.
"""

from collections.abc import Iterator
from typing import Any

from simulator.chain.errors import RpcError
from simulator.chain.evm import least_gas, most_cost_wei
from simulator.chain.settings import GAS_LIMIT

LARGEST = 128 * 1024  # bytes of a transaction
BUMP_PERCENT = 10
BLOBS = 3  # the type of transactions that an OP chain does not take


class Pool:
    """The waiting transactions of each sender, by nonce."""

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._waiting: dict[bytes, dict[int, Any]] = {}

    def add(self, transaction: Any, state: Any, l1_fee_wei: int) -> None:
        """Adds a transaction; `state` is that of the newest block. Raises RpcError for one that geth refuses."""
        own = self._waiting.setdefault(transaction.sender, {})
        old = own.get(transaction.nonce)
        if old is not None and old.hash == transaction.hash:
            raise RpcError("already known")
        self._check(transaction)
        nonce = state.get_nonce(transaction.sender)
        if transaction.nonce < nonce:
            raise RpcError(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        cost_wei, balance_wei = most_cost_wei(transaction) + l1_fee_wei, state.get_balance(transaction.sender)
        if cost_wei > balance_wei:
            raise RpcError(
                "insufficient funds for gas * price + value: "
                f"balance {balance_wei}, tx cost {cost_wei}, overshot {cost_wei - balance_wei}"
            )
        if old is not None and not _outbids(transaction, old):
            raise RpcError("replacement transaction underpriced")
        own[transaction.nonce] = transaction

    def put_back(self, transaction: Any) -> None:
        """Lets a transaction wait again that a reorganisation has taken out of its block."""
        self._waiting.setdefault(transaction.sender, {}).setdefault(transaction.nonce, transaction)

    def find(self, transaction_hash: bytes) -> Any:
        """Returns the waiting transaction of this hash, or None."""
        return next((each for each in self._all() if each.hash == transaction_hash), None)

    def next_nonce(self, sender: bytes, nonce: int) -> int:
        """Returns the nonce after all that wait without a gap, from `nonce` on."""
        while nonce in self._waiting.get(sender, ()):
            nonce += 1
        return nonce

    def drop_mined(self, state: Any) -> None:
        """Drops the transactions whose nonces are used in this state."""
        for sender in list(self._waiting):
            nonce = state.get_nonce(sender)
            left = {number: each for number, each in self._waiting.pop(sender).items() if number >= nonce}
            if left:
                self._waiting[sender] = left

    def ready(self, state: Any, base_fee_wei: int) -> list[Any]:
        """Returns the transactions for the next block: the highest tip first, those of one sender by nonce."""
        queues = []
        for sender, own in self._waiting.items():
            nonce = state.get_nonce(sender)
            queue = []
            while (each := own.get(nonce)) is not None and each.max_fee_per_gas >= base_fee_wei:
                queue.append(each)
                nonce += 1
            queues.append(queue)
        ready = []
        while queues := [queue for queue in queues if queue]:
            best = max(queues, key=lambda queue: _tip_wei(queue[0], base_fee_wei))
            ready.append(best.pop(0))
        return ready

    def _all(self) -> Iterator[Any]:
        return (each for own in self._waiting.values() for each in own.values())

    def _check(self, transaction: Any) -> None:
        if transaction.type_id == BLOBS:
            raise RpcError("transaction type not supported")
        if transaction.chain_id is None:
            raise RpcError("only replay-protected (EIP-155) transactions allowed over RPC")
        if transaction.chain_id != self._chain_id:
            raise RpcError(f"invalid chain id for signer: have {transaction.chain_id} want {self._chain_id}")
        if len(transaction.encode()) > LARGEST:
            raise RpcError("oversized data")
        if transaction.gas > GAS_LIMIT:
            raise RpcError("exceeds block gas limit")
        if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
            raise RpcError("max priority fee per gas higher than max fee per gas")
        if transaction.gas < least_gas(transaction):
            raise RpcError(f"intrinsic gas too low: gas {transaction.gas}, minimum needed {least_gas(transaction)}")


def _outbids(new: Any, old: Any) -> bool:
    least = 100 + BUMP_PERCENT
    return bool(
        new.max_fee_per_gas * 100 >= old.max_fee_per_gas * least
        and new.max_priority_fee_per_gas * 100 >= old.max_priority_fee_per_gas * least
    )


def _tip_wei(transaction: Any, base_fee_wei: int) -> int:
    return int(min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - base_fee_wei))
