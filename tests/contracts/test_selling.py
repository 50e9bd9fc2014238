"""Offers on the sale contract: who pays, who gets the token, what a closed offer is, and what an attacker reaches."""

from collections.abc import Callable

import pytest

from tests.harness.anvil import Anvil
from tests.harness.sale import (
    FRIEND,
    NOBODY,
    OPERATOR,
    OWNER,
    RUNNER_UP,
    STRANGER,
    WINNER,
    Contract,
    Event,
    Sale,
    auction_hash,
)

pytestmark = pytest.mark.requirement("CHN-6")

PRICE = 10**18
AUCTION = auction_hash("m-01")
OPEN, SOLD, REVOKED = 1, 2, 3
TOKEN_RECEIVED = bytes.fromhex("150b7a02")

MakePuppet = Callable[[], Contract]


def state(sale: Sale, offer: int) -> int:
    return int(sale.read("offers", offer)[5])


def test_an_offer_says_all_that_a_buyer_must_know(sale: Sale) -> None:
    assert sale.read("offers", 1) == (bytes(32), 0, NOBODY, 0, 0, 0)
    deadline = sale.anvil.now_s() + 100
    done = sale.send(OPERATOR, "offer", AUCTION, 7, WINNER, PRICE, deadline)
    named = {"auction": AUCTION, "token_id": 7}
    assert done.events == [
        Event("Offered", named | {"n": 2, "offer": 1, "to": WINNER, "price": PRICE, "deadline": deadline})
    ]
    assert sale.read("offers", 1) == (AUCTION, 7, WINNER, PRICE, deadline, OPEN)
    assert (sale.read("last_offer", AUCTION), sale.read("offer_count"), sale.read("count")) == (1, 1, 2)
    assert not sale.read("sold", AUCTION)


def test_a_payment_makes_the_token_for_the_named_wallet(sale: Sale) -> None:
    sale.offer(token=7)
    done = sale.send(WINNER, "purchase", 1, value=PRICE)
    named = {"auction": AUCTION, "token_id": 7}
    assert done.events == [
        Event("Transfer", {"sender": NOBODY, "receiver": WINNER, "token_id": 7}),
        Event("Sold", named | {"n": 3, "offer": 1, "to": WINNER, "payer": WINNER, "price": PRICE}),
    ]
    assert (sale.read("ownerOf", 7), sale.read("balanceOf", WINNER)) == (WINNER, 1)
    assert sale.read("sold", AUCTION)
    assert state(sale, 1) == SOLD
    assert sale.anvil.balance(sale.address) == PRICE


def test_the_last_second_of_an_offer_sells_and_the_next_one_does_not(sale: Sale) -> None:
    sale.offer()
    deadline = sale.read("offers", 1)[4]
    snapshot = sale.anvil.rpc("evm_snapshot")
    for seconds, reason in ((0, None), (1, "offer has expired")):
        sale.anvil.rpc("evm_setNextBlockTimestamp", deadline + seconds)
        assert sale.send(WINNER, "purchase", 1, value=PRICE).reverted == reason
        sale.anvil.rpc("evm_revert", snapshot)


def test_anybody_closes_an_offer_after_its_last_second_and_only_the_operator_before(sale: Sale) -> None:
    sale.offer()
    deadline = sale.read("offers", 1)[4]
    sale.anvil.rpc("evm_setNextBlockTimestamp", deadline)
    assert sale.send(STRANGER, "revoke", 1).reverted == "only the operator before the deadline"
    sale.anvil.rpc("evm_setNextBlockTimestamp", deadline + 1)
    done = sale.send(STRANGER, "revoke", 1)
    assert done.events == [Event("Revoked", {"auction": AUCTION, "token_id": 1, "n": 3, "offer": 1})]
    assert state(sale, 1) == REVOKED


@pytest.mark.parametrize("ending", ["revoked", "expired"])
def test_a_lot_is_offered_again_after_its_offer_is_closed(ending: str, sale: Sale) -> None:
    sale.offer(to=WINNER)
    if ending == "expired":
        sale.pass_deadline(1)
    assert sale.send(OPERATOR, "revoke", 1).reverted is None
    assert sale.offer(to=RUNNER_UP, price=PRICE // 2).events[0].fields["offer"] == 2
    assert sale.send(WINNER, "purchase", 1, value=PRICE).reverted == "offer is not open"
    assert sale.send(RUNNER_UP, "purchase", 2, value=PRICE // 2).reverted is None
    assert sale.read("ownerOf", 1) == RUNNER_UP
    assert [state(sale, offer) for offer in (1, 2)] == [REVOKED, SOLD]


def test_an_unsold_token_is_sold_in_another_auction(sale: Sale) -> None:
    sale.offer("m-01")
    sale.send(OPERATOR, "revoke", 1)
    assert sale.offer("m-02").reverted is None
    assert sale.send(WINNER, "purchase", 2, value=PRICE).reverted is None
    assert [sale.read("sold", auction_hash(auction)) for auction in ("m-01", "m-02")] == [False, True]


@pytest.mark.parametrize("home", [OWNER, OPERATOR, "the contract"])
def test_a_closed_offer_never_sells_again_also_when_the_token_comes_back(home: str, sale: Sale) -> None:
    sale.offer(to=RUNNER_UP)
    sale.send(OPERATOR, "revoke", 1)
    sale.offer()
    sale.send(WINNER, "purchase", 2, value=PRICE)
    home = sale.address if home == "the contract" else home
    assert sale.send(WINNER, "transferFrom", WINNER, home, 1).reverted is None
    for offer in (1, 2):
        assert sale.send(WINNER, "purchase", offer, value=PRICE).reverted == "offer is not open"
        assert sale.send(OPERATOR, "revoke", offer).reverted == "offer is not open"
    assert sale.offer("m-02").reverted == "token exists"
    assert sale.offer("m-01", token=2).reverted == "auction is sold"
    assert sale.read("ownerOf", 1) == home


# ---- who pays


def test_a_third_party_pays_and_the_named_wallet_gets_the_token(sale: Sale) -> None:
    sale.offer()
    sold = sale.send(FRIEND, "purchase", 1, value=PRICE).events[-1].fields
    assert (sold["to"], sold["payer"]) == (WINNER, FRIEND)
    assert sale.read("ownerOf", 1) == WINNER


def test_a_payment_through_a_forwarder_lands_at_the_named_wallet(sale: Sale, make_puppet: MakePuppet) -> None:
    """The transaction goes to the forwarder, as that of a smart account goes to its entry point."""
    sale.offer()
    forwarder = make_puppet()
    done = forwarder.send(FRIEND, "act", sale.address, sale.data("purchase", 1), value=PRICE)
    receipt = sale.anvil.rpc("eth_getTransactionReceipt", done.hash)
    sold = sale.events(receipt)[-1].fields
    assert receipt["to"] == forwarder.address
    assert (sold["to"], sold["payer"], sold["price"]) == (WINNER, forwarder.address, PRICE)
    assert sale.read("ownerOf", 1) == WINNER
    assert sale.anvil.balance(sale.address) == PRICE


def test_a_wallet_that_cannot_receive_gets_its_token(sale: Sale, make_puppet: MakePuppet) -> None:
    wallet = make_puppet()
    wallet.send(WINNER, "when_called", NOBODY, b"", bytes(4), True)
    sale.offer(to=wallet.address)
    assert sale.send(FRIEND, "purchase", 1, value=PRICE).reverted is None
    assert sale.read("ownerOf", 1) == wallet.address


def test_of_two_payments_in_one_block_one_is_kept(sale: Sale) -> None:
    sale.offer()
    calls = [
        {"from": payer, "to": sale.address, "data": "0x" + sale.data("purchase", 1).hex(), "value": hex(PRICE)}
        for payer in (WINNER, FRIEND)
    ]
    with sale.anvil.one_block():
        hashes = [sale.anvil.rpc("eth_sendTransaction", call | {"gas": hex(500_000)}) for call in calls]
    receipts = [sale.anvil.rpc("eth_getTransactionReceipt", each) for each in hashes]
    assert {receipt["blockNumber"] for receipt in receipts} == {hex(sale.anvil.head())}
    assert sorted(receipt["status"] for receipt in receipts) == ["0x0", "0x1"]
    assert sale.anvil.balance(sale.address) == PRICE


def test_forced_eth_is_no_payment(sale: Sale) -> None:
    sale.offer()
    destroying = "73" + sale.address[2:] + "ff"  # PUSH20 the contract, SELFDESTRUCT
    receipt = sale.anvil.transact(data="0x" + destroying, value=hex(PRICE))
    assert receipt["status"] == "0x1"
    assert sale.anvil.balance(sale.address) == PRICE
    assert receipt["logs"] == []
    assert (state(sale, 1), sale.read("count"), sale.read("sold", AUCTION)) == (OPEN, 2, False)
    assert sale.send(WINNER, "purchase", 1).reverted == "price must be exact"
    assert sale.send(WINNER, "purchase", 1, value=PRICE).reverted is None
    withdrawn = sale.send(OWNER, "withdraw", FRIEND).events
    assert withdrawn == [Event("Withdrawn", {"n": 4, "to": FRIEND, "amount": 2 * PRICE})]


# ---- attackers


def test_a_payer_that_calls_back_is_never_called(sale: Sale, make_puppet: MakePuppet) -> None:
    """The payment goes through a contract that is also the named wallet, and would pay again when it gets the token."""
    attacker = make_puppet()
    sale.offer(to=attacker.address)
    again = sale.address, sale.data("purchase", 1), TOKEN_RECEIVED, False
    attacker.send(STRANGER, "when_called", *again, value=PRICE)
    done = attacker.send(STRANGER, "act", sale.address, sale.data("purchase", 1), value=PRICE)
    assert done.reverted is None
    assert [attacker.read(each) for each in ("reached", "refused")] == [0, 0]
    assert sale.anvil.balance(sale.address) == PRICE
    assert sale.read("balanceOf", attacker.address) == 1


# What a receiver of the money or of the token calls back, and whether it may: it gets nothing but what anybody gets.
CALLS_BACK = [
    ("purchase", (1,), PRICE, False),  # sold before
    ("purchase", (2,), PRICE, True),  # open, and paid in full
    ("purchase", (2,), PRICE - 1, False),
    ("revoke", (2,), 0, False),
    ("withdraw", (STRANGER,), 0, False),
    ("set_operator", (STRANGER,), 0, False),
    ("transferFrom", (WINNER, STRANGER, 1), 0, False),
]
IDS = [f"{name} {arguments[-1]!s:.3} {value}" for name, arguments, value, _ in CALLS_BACK]


@pytest.mark.parametrize(("name", "arguments", "value", "may"), CALLS_BACK, ids=IDS)
@pytest.mark.parametrize("given", ["money", "token"])
def test_a_receiver_that_calls_back_reaches_no_more_than_anybody(
    given: str, name: str, arguments: tuple[object, ...], value: int, may: bool, sale: Sale, make_puppet: MakePuppet
) -> None:
    attacker = make_puppet()
    sale.offer("m-01", 1)
    sale.send(WINNER, "purchase", 1, value=PRICE)
    sale.offer("m-02", 2, to=RUNNER_UP)
    attacker.send(
        STRANGER, "when_called", sale.address, sale.data(name, *arguments), TOKEN_RECEIVED, False, value=value
    )
    if given == "money":
        done = sale.send(OWNER, "withdraw", attacker.address)
    else:
        done = sale.send(WINNER, "safeTransferFrom", WINNER, attacker.address, 1)
    assert done.reverted is None
    assert [attacker.read(each) for each in ("reached", "refused")] == ([1, 0] if may else [0, 1])
    # Money that came in while the rest was sent away stays; the events come in their order, before the calls back.
    assert done.events[0].name == ("Withdrawn" if given == "money" else "Transfer")
    left = (PRICE if given == "token" else 0) + (value if may else 0)
    assert sale.anvil.balance(sale.address) == left
    numbers = [event.fields["n"] for event in done.events if "n" in event.fields]
    assert numbers == list(range(5, 5 + len(numbers)))
    assert sale.read("count") == 4 + len(numbers)
    assert sale.read("ownerOf", 1) == (WINNER if given == "money" else attacker.address)
    assert sale.read("operator") == OPERATOR


def test_an_owner_contract_that_withdraws_again_while_it_is_paid_gets_the_balance_once(
    node: Anvil, make_puppet: MakePuppet
) -> None:
    owner = make_puppet()
    sale = Sale.on(node, owner=owner.address)
    sale.offer()
    sale.send(WINNER, "purchase", 1, value=PRICE)
    withdraw = sale.data("withdraw", owner.address)
    owner.send(STRANGER, "when_called", sale.address, withdraw, bytes(4), False)
    assert owner.send(STRANGER, "act", sale.address, withdraw).reverted is None
    assert [owner.read(each) for each in ("reached", "refused")] == [0, 1]
    assert (node.balance(owner.address), node.balance(sale.address), sale.read("count")) == (PRICE, 0, 4)


def test_an_operator_contract_that_offers_again_while_it_receives_a_token_gets_numbers_without_a_gap(
    node: Anvil, make_puppet: MakePuppet
) -> None:
    operator = make_puppet()
    sale = Sale.on(node, operator=operator.address)
    arguments = WINNER, PRICE, node.now_s() + 1000
    operator.send(STRANGER, "act", sale.address, sale.data("offer", AUCTION, 1, *arguments))
    sale.send(WINNER, "purchase", 1, value=PRICE)
    offer = sale.data("offer", auction_hash("m-02"), 2, *arguments)
    operator.send(STRANGER, "when_called", sale.address, offer, TOKEN_RECEIVED, False)
    done = sale.send(WINNER, "safeTransferFrom", WINNER, operator.address, 1)
    assert [event.name for event in done.events] == ["Transfer", "Offered"]
    assert (done.events[1].fields["n"], done.events[1].fields["offer"]) == (4, 2)
