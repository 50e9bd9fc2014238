"""The events of the sale contract (contracts/AuctionSale), decoded from their logs. What follows from an event is not
decided here.

The contract counts its own events from 1 without a gap, and the first word of each one's data is that number: `n`. The
logs that ERC-721 prescribes (Transfer, Approval) have no number and are not decoded.
"""

import re
from typing import Any, NamedTuple

from eth_hash.auto import keccak


class Offered(NamedTuple):
    """Offer number `offer` was made: `to` may have the token for `price` wei until `deadline` (unix seconds)."""

    auction: str
    token_id: int
    n: int
    offer: int
    to: str
    price: int
    deadline: int


class Revoked(NamedTuple):
    """The offer was closed without a sale."""

    auction: str
    token_id: int
    n: int
    offer: int


class Sold(NamedTuple):
    """`payer` has paid `price` wei, and the token was minted to `to`."""

    auction: str
    token_id: int
    n: int
    offer: int
    to: str
    payer: str
    price: int


class Withdrawn(NamedTuple):
    """The owner has moved `amount` wei out of the contract."""

    n: int
    to: str
    amount: int


class OperatorChanged(NamedTuple):
    """`operator` makes and revokes the offers from here on."""

    n: int
    operator: str


SaleEvent = Offered | Revoked | Sold | Withdrawn | OperatorChanged

# The types of each event's fields in the contract. `auction` and `token_id` are topics, all others are data.
_TYPES = {"auction": "bytes32", "to": "address", "payer": "address", "operator": "address"}
_INDEXED = ("auction", "token_id")


def _topic(kind: type) -> str:
    fields = kind._fields  # type: ignore[attr-defined]
    signature: str = f"{kind.__name__}({','.join(_TYPES.get(field, 'uint256') for field in fields)})"
    return f"0x{keccak(signature.encode()).hex()}"


TOPICS: dict[str, type] = {_topic(kind): kind for kind in (Offered, Revoked, Sold, Withdrawn, OperatorChanged)}
COUNT = "0x" + keccak(b"count()")[:4].hex()
"""The call that asks the contract for the `n` of its last event."""


def decode(topics: tuple[str, ...], data: str) -> SaleEvent | None:
    """The event that this log is; None for a log of another kind, or of another form than the contract's."""
    kind: Any = TOPICS.get(topics[0]) if topics else None
    if kind is None:
        return None
    indexed = [field for field in kind._fields if field in _INDEXED]
    words = [*(topic[2:] for topic in topics[1:]), *re.findall("[0-9a-f]{64}", data[2:])]
    if (
        len(topics) != 1 + len(indexed)
        or len(words) != len(kind._fields)
        or len(data) != 2 + 64 * (len(kind._fields) - len(indexed))
    ):
        return None
    values = [_value(_TYPES.get(field, "uint256"), word) for field, word in zip(kind._fields, words, strict=True)]
    event: SaleEvent = kind(*values)
    return event


def _value(kind: str, word: str) -> int | str:
    if kind == "address":
        return f"0x{word[24:]}"
    return f"0x{word}" if kind == "bytes32" else int(word, 16)
