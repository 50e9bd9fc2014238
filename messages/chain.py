"""Values about our transactions on the chain that the client of the nodes and the rules of the settlement share.

The client (`adapters/chain/sending.py`) fills them; `auction/settlement/` decides what follows. Hashes, addresses, data
and raw transactions are hex with 0x; amounts are in wei.
"""

from typing import NamedTuple


class Receipt(NamedTuple):
    """A node's word that a transaction is in a block of its chain. `succeeded` is False where the call was reverted.

    `final` says that this block is at most as high as the node's finalized head, and on the same chain.
    """

    transaction_hash: str
    block_number: int
    block_hash: str
    succeeded: bool
    final: bool


class View(NamedTuple):
    """One node's view of the key with the address `sender` at one moment: the node's head, how many transactions of the
    key its chain holds at the head and at the finalized head, and the receipts that it has of those asked for."""

    sender: str
    head: int
    nonce: int
    final_nonce: int
    receipts: tuple[Receipt, ...]


class Quote(NamedTuple):
    """What a transaction would need now. `gas` has its reserve already; fees are for one unit of gas.

    `l1_fee_wei` is the upper bound of the fee for the data on L1, `operator_fee_wei` the fee of the chain's operator;
    each is None on a chain that has no such fee.
    """

    gas: int
    base_fee_wei: int
    tip_wei: int
    balance_wei: int
    l1_fee_wei: int | None = None
    operator_fee_wei: int | None = None


class Reply(NamedTuple):
    """A node's answer to a transaction that was sent to it: accepted, or its error. `code` is None where there was no
    answer in time, or none that could be read: whether the transaction has arrived is then unknown."""

    accepted: bool
    code: int | None = None
    words: str = ""
