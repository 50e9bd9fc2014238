"""The payers: the buyers of `simulator.buyers` on the chain, who pay what a sale contract offers to their wallets.

A payment comes a seeded time after its offer is in a block, at exactly the price: from the wallet itself, through a
smart account, or from somebody else, as the buyer's role says. A buyer pays whichever contract makes the offer.
"""

from random import Random
from typing import Any

import msgspec
from eth_account import Account
from eth_hash.auto import keccak

from simulator.buyers import Buyer, Role
from simulator.chain.chain import Chain
from simulator.chain.evm import Block
from simulator.chain.shapes import in_hex, log_objects
from simulator.chain.wallets import buyers_of

_OFFERED = in_hex(keccak(b"Offered(bytes32,uint256,uint256,uint256,address,uint256,uint256)"))
_PURCHASE = keccak(b"purchase(uint256)")[:4]
_GAS = 400_000
_TIP_WEI = 10**6


class Offer(msgspec.Struct):
    """An offer to a buyer: contract, number there, token, wallet (in lower case) and price. It is paid in the first
    block from `due_ms` on (UTC ms; None: never), by the transaction `payment`, which is None before."""

    contract: str
    offer: int
    token_id: int
    to: str
    price_wei: str
    role: Role
    due_ms: int | None
    payment: str | None = None


class Payers:
    """All buyers of one chain, and the offers that were made to them."""

    def __init__(self, chain: Chain) -> None:
        self._chain, settings = chain, chain.settings
        self._buyers = {it.wallet.lower(): it for it in buyers_of(settings.seed, settings.payers)}
        self._offers: dict[tuple[str, int], Offer] = {}
        chain.on_block.append(self._look)

    def truth(self) -> list[Offer]:
        """Lists the offers to buyers, in the order in which they were seen first."""
        return list(self._offers.values())

    def _look(self, block: Block) -> None:
        for log in log_objects(block):
            if log["topics"][:1] == [_OFFERED]:
                self._see(log["address"], int(log["topics"][2], 16), log["data"][2:], block.made_at_ms)
        for offer in self._offers.values():
            if offer.payment is None and offer.due_ms is not None and offer.due_ms <= block.made_at_ms:
                offer.payment = in_hex(self._pay(offer, self._buyers[offer.to]))

    def _see(self, contract: str, token_id: int, data: str, at_ms: int) -> None:
        """Notes an offer. One that a reorganisation has put into another block is paid again, which reverts if it was
        paid before."""
        _, offer, _, price_wei, _ = (int(data[at : at + 64], 16) for at in range(0, 5 * 64, 64))
        to = f"0x{data[2 * 64 + 24 : 3 * 64]}"
        if it := self._buyers.get(to):
            settings = self._chain.settings
            delay_ms = round(Random(f"{settings.seed}:{offer}:payment").uniform(0.2, 1) * settings.payment_ms)
            due_ms = at_ms + delay_ms if it.role.pays else None
            self._offers[contract, offer] = Offer(contract, offer, token_id, to, str(price_wei), it.role, due_ms)

    def _pay(self, offer: Offer, it: Buyer) -> bytes:
        """Sends the payment; returns the hash of the transaction."""
        contract, value_wei = bytes.fromhex(offer.contract[2:]), int(offer.price_wei)
        purchase = _PURCHASE + offer.offer.to_bytes(32, "big")
        if it.role is Role.SMART_ACCOUNT:
            account, words = bytes.fromhex(it.wallet[2:]), contract.rjust(32, b"\0") + value_wei.to_bytes(32, "big")
            return self._send(it, account, 0, words + purchase)
        return self._send(it, contract, value_wei, purchase)

    def _send(self, it: Buyer, to: bytes, value_wei: int, data: bytes) -> bytes:
        chain = self._chain
        nonce = chain.evm.state(chain.head.header).get_nonce(it.payer)
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": chain.settings.chain_id,
            "nonce": chain.pool.next_nonce(it.payer, nonce),
            "to": to,
            "value": value_wei,
            "data": data,
            "gas": _GAS,
            "maxFeePerGas": 2 * chain.base_fee_wei + _TIP_WEI,
            "maxPriorityFeePerGas": _TIP_WEI,
        }
        return chain.send(bytes(Account.from_key(it.key).sign_transaction(transaction).raw_transaction))
