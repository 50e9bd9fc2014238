"""The buyers on the chain: what is offered to them is paid as their roles say, by real calls of the sale contract."""

from typing import Any

import pytest
from eth_abi import encode
from eth_hash.auto import keccak

from contracts.artifact import sale_contract
from simulator.buyers import Buyer, Role, buyer
from simulator.chain.chain import Chain
from simulator.chain.evm import Call
from simulator.chain.payers import Offer, Payers
from simulator.chain.settings import Settings
from tests.harness.chain_process import ADDRESSES, KEYS, SEED, signed

START_S = 1_900_000_000
ETH = 10**18
OPERATOR = 1


class House:
    """A sale contract on a chain with eight buyers, and its operator."""

    def __init__(self) -> None:
        settings = Settings(seed=SEED, block_ms=0, genesis_s=START_S, payers=8, payment_ms=4_000)
        self.chain = Chain(settings, started_s=0)
        self.payers = Payers(self.chain)
        owner, operator = ADDRESSES[2], ADDRESSES[OPERATOR]
        types = ["address", "address", "string", "string", "string"]
        constructor = encode(types, [owner, operator, "Lots", "LOT", "ipfs://"])
        self._nonce = 0
        code = bytes.fromhex(sale_contract().bytecode[2:]) + constructor
        self.send(KEYS[0], 0, to="0x", data=code, gas=5_000_000)
        self.contract = bytes(self.chain.head.receipts[0].created or b"")

    def send(self, key: bytes, nonce: int, **fields: Any) -> None:
        self.chain.send(bytes.fromhex(signed(key, nonce=nonce, **fields)[2:]))
        self.chain.add_block()

    def offer(self, to: str, price_wei: int, token_id: int) -> None:
        arguments = [keccak(b"m-%d" % token_id), token_id, to, price_wei, START_S + 86_400]
        types = ["bytes32", "uint256", "address", "uint256", "uint256"]
        data = keccak(b"offer(bytes32,uint256,address,uint256,uint256)")[:4] + encode(types, arguments)
        self.send(KEYS[OPERATOR], self._nonce, to=f"0x{self.contract.hex()}", data=data, gas=500_000)
        self._nonce += 1

    def owner(self, token_id: int) -> str:
        asked = keccak(b"ownerOf(uint256)")[:4] + token_id.to_bytes(32, "big")
        answer, _ = self.chain.evm.call(self.chain.head, Call(bytes(20), self.contract, asked, 0, 10**6))
        return f"0x{answer[12:].hex()}"

    def balance(self, address: bytes) -> int:
        return int(self.chain.evm.state(self.chain.head.header).get_balance(address))

    def paid(self) -> list[Offer]:
        return [offer for offer in self.payers.truth() if offer.payment]


@pytest.fixture
def house() -> House:
    return House()


def of_role(role: Role) -> Buyer:
    return next(it for number in range(8) if (it := buyer(SEED, number)).role is role)


@pytest.mark.parametrize("role", [Role.PAYS, Role.NAME_FIRST, Role.SMART_ACCOUNT, Role.FRIEND_PAYS])
def test_an_offer_is_paid_at_its_price_as_the_role_says_and_the_token_is_the_wallets(house: House, role: Role) -> None:
    it = of_role(role)
    wallet = bytes.fromhex(it.wallet[2:])
    before = house.balance(wallet)
    house.offer(it.wallet, 3 * ETH, token_id=5)
    assert house.paid() == []
    for _ in range(4):
        house.chain.add_block()
    assert house.owner(5) == it.wallet.lower()
    assert house.balance(house.contract) == 3 * ETH
    [offer] = house.payers.truth()
    payment = next(
        receipt
        for block in house.chain.blocks
        for receipt in block.receipts
        if f"0x{receipt.transaction.hash.hex()}" == offer.payment
    )
    assert payment.succeeded
    assert (payment.transaction.to == house.contract) is (role is not Role.SMART_ACCOUNT)
    assert (payment.transaction.sender == wallet) is (role in (Role.PAYS, Role.NAME_FIRST))
    assert (house.balance(wallet) < before) is (role is not Role.FRIEND_PAYS)


def test_who_does_not_pay_and_strangers_pay_nothing(house: House) -> None:
    it = buyer(SEED, 0)
    assert not it.role.pays
    house.offer(it.wallet, ETH, token_id=1)
    house.offer("0x" + "12" * 20, ETH, token_id=2)
    for _ in range(10):
        house.chain.add_block()
    [offer] = house.payers.truth()
    assert (offer.to, offer.price_wei, offer.payment) == (it.wallet.lower(), str(ETH), None)
    assert house.balance(house.contract) == 0


def test_a_payment_waits_for_its_time_and_is_made_once(house: House) -> None:
    house.offer(of_role(Role.PAYS).wallet, ETH, token_id=1)
    [offer] = house.payers.truth()
    assert offer.due_ms is not None
    while house.chain.head.made_at_ms < offer.due_ms:
        assert house.paid() == []
        house.chain.add_block()
    for _ in range(10):
        house.chain.add_block()
    sent = [receipt for block in house.chain.blocks for receipt in block.receipts]
    assert len(sent) == 3  # the contract, the offer, the payment


def test_an_offer_in_another_block_is_paid_again_and_only_once_with_success(house: House) -> None:
    house.offer(of_role(Role.PAYS).wallet, ETH, token_id=1)
    for _ in range(4):
        house.chain.add_block()
    house.chain.reorganise(5, 5, "later")
    for _ in range(8):
        house.chain.add_block()
    assert house.balance(house.contract) == ETH


def test_nobody_but_the_owner_uses_a_smart_account(house: House) -> None:
    it = of_role(Role.SMART_ACCOUNT)
    words = bytes.fromhex(ADDRESSES[0][2:]).rjust(32, b"\0") + ETH.to_bytes(32, "big")
    house.send(KEYS[0], 1, to=it.wallet, data=words, gas=100_000)
    assert not house.chain.head.receipts[0].succeeded
