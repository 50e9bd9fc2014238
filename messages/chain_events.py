"""Events about the chain: logs of the sale contract as the chain watcher reads them, and our own transactions, written
by the transaction sender. Hashes, addresses and data are hex with 0x, amounts in wei, times in UTC milliseconds.
"""

from messages.base import Event, Wei

# ---- written by the chain watcher


class ChainLogSeen(Event, frozen=True, kw_only=True):
    """A log of the watched contract is in this block, which a reorganisation may still remove (`ChainLogRevoked`).

    `block_at_ms` is the block's own time, 0 in logs older than this field. The same log in two blocks is two facts.
    """

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    topics: tuple[str, ...]
    data: str
    block_at_ms: int = 0


class ChainLogRevoked(Event, frozen=True, kw_only=True):
    """The block of a log that was seen is not part of the chain any more: what followed from the log does not hold."""

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int


class ChainConfirmed(Event, frozen=True, kw_only=True):
    """A block that holds logs of the watched contract has reached this confirmation level, `safe` or `finalized`. All
    its logs are in the log before."""

    level: str
    block_number: int
    block_hash: str


class ChainWentDown(Event, frozen=True, kw_only=True):
    """The newest block of the chain is too old, or no node answers. `head_at_ms` is the time of the newest block."""

    head_at_ms: int


class ChainCameBack(Event, frozen=True, kw_only=True):
    """The chain makes blocks again, the newest of them at `head_at_ms`."""

    head_at_ms: int


# ---- written by the transaction sender


class TransactionOrdered(Event, frozen=True, kw_only=True):
    """The settlement has decided, under the id `decision`, on a call of the sale contract with these `data` and no
    value. Each decision ends with a final `TransactionMined` or with `TransactionDropped`."""

    decision: str
    data: str


class TransactionLapsed(Event, frozen=True, kw_only=True):
    """The settlement no longer wants the call. One that was sent before may still be mined: then the chain decides."""

    decision: str


class TransactionAttempted(Event, frozen=True, kw_only=True):
    """A transaction is about to be sent; from here on its outcome may be unknown. A later attempt with the same nonce
    replaces it, but any of them may be mined.

    Fees are for one unit of `gas`. With `empty` it sends nothing to its own `sender`: it only takes the nonce, so that
    a call that has lapsed is not mined.
    """

    decision: str
    sender: str
    nonce: int
    transaction_hash: str
    raw: str
    gas: int
    max_fee_wei: Wei
    tip_wei: Wei
    empty: bool = False


class TransactionMined(Event, frozen=True, kw_only=True):
    """The transaction is in this block; `succeeded` is False where the contract has reverted the call.

    Unless `final`, a reorganisation may undo it; the next block that has the same or another attempt is logged again.
    """

    decision: str
    nonce: int
    transaction_hash: str
    block_number: int
    block_hash: str
    succeeded: bool = True
    empty: bool = False
    final: bool = False


class TransactionDropped(Event, frozen=True, kw_only=True):
    """No call for this decision was mined, and none can be any more. `nonce` is the one that it had, if any."""

    decision: str
    why: str
    nonce: int | None = None


class KeyStopped(Event, frozen=True, kw_only=True):
    """A transaction that is not ours has used this nonce of our key: somebody else has the key, so it sends nothing
    more."""

    sender: str
    nonce: int


ChainEvent = ChainLogSeen | ChainLogRevoked | ChainConfirmed | ChainWentDown | ChainCameBack
SenderEvent = (
    TransactionOrdered | TransactionLapsed | TransactionAttempted | TransactionMined | TransactionDropped | KeyStopped
)
