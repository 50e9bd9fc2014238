"""The calls of the sale contract that the operator's key may make, as the bytes of their transactions.

All arguments are of fixed size, so a call is the function's selector and one word of 32 bytes for each argument.
"""

import msgspec
from eth_hash.auto import keccak

from messages.base import Wei


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Offer the lot's token to the wallet `to` at this price (wei), until `deadline_s` (UTC seconds, block time)."""

    auction_id: str
    token_id: int
    to: str
    price_wei: Wei
    deadline_s: int

    def data(self) -> str:
        """The data of the transaction."""
        arguments = (keccak(self.auction_id.encode()), self.token_id, bytes.fromhex(self.to[2:]))
        return _call("offer(bytes32,uint256,address,uint256,uint256)", *arguments, self.price_wei, self.deadline_s)


class Revoke(msgspec.Struct, frozen=True, kw_only=True):
    """Close the offer with this running number, so that it can no longer be bought."""

    offer: int

    def data(self) -> str:
        """The data of the transaction."""
        return _call("revoke(uint256)", self.offer)


def _call(signature: str, *arguments: bytes | int) -> str:
    words = (each.to_bytes(32) if isinstance(each, int) else each.rjust(32, b"\0") for each in arguments)
    selector: bytes = keccak(signature.encode())[:4]
    return f"0x{selector.hex()}{b''.join(words).hex()}"
