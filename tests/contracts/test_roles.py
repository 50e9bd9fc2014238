"""Owner and operator of the sale contract: each does what is his, and neither can take the other's place."""

import pytest

from contracts.artifact import sale_contract
from tests.harness.anvil import Anvil
from tests.harness.sale import FRIEND, NOBODY, OPERATOR, OWNER, STRANGER, WINNER, Event, Sale

pytestmark = pytest.mark.requirement("CHN-6")

PRICE = 10**18


def test_a_new_contract_names_its_operator_in_its_first_event(node: Anvil) -> None:
    """So the block of the deployment holds a log of the contract, by which a reader can prove the block's bloom."""
    sale = Sale.on(node)
    [receipt] = node.rpc("eth_getBlockReceipts", "latest")
    assert sale.events(receipt) == [Event("OperatorChanged", {"n": 1, "operator": OPERATOR})]
    assert (sale.read("owner"), sale.read("operator"), sale.read("count")) == (OWNER, OPERATOR, 1)


def test_the_owner_withdraws_everything_to_any_address(sale: Sale) -> None:
    sale.offer()
    sale.send(WINNER, "purchase", 1, value=PRICE)
    before = sale.anvil.balance(FRIEND)
    done = sale.send(OWNER, "withdraw", FRIEND)
    assert done.events == [Event("Withdrawn", {"n": 4, "to": FRIEND, "amount": PRICE})]
    assert sale.anvil.balance(FRIEND) - before == PRICE
    assert sale.anvil.balance(sale.address) == 0


def test_a_new_operator_offers_and_the_old_one_does_not(sale: Sale) -> None:
    sale.offer()
    done = sale.send(OWNER, "set_operator", STRANGER)
    assert done.events == [Event("OperatorChanged", {"n": 3, "operator": STRANGER})]
    assert sale.offer("m-02", 2, by=OPERATOR).reverted == "only the operator"
    assert sale.send(OPERATOR, "revoke", 1).reverted == "only the operator before the deadline"
    assert sale.send(STRANGER, "revoke", 1).reverted is None
    assert sale.offer("m-02", 2, by=STRANGER).reverted is None


def test_without_an_operator_nobody_offers_and_open_offers_still_sell(sale: Sale) -> None:
    sale.offer()
    assert sale.send(OWNER, "set_operator", NOBODY).reverted is None
    assert {sale.offer("m-02", 2, by=one).reverted for one in (OPERATOR, OWNER, STRANGER)} == {"only the operator"}
    assert sale.send(WINNER, "purchase", 1, value=PRICE).reverted is None


def test_no_function_changes_the_owner_and_only_a_purchase_takes_eth() -> None:
    functions = [each for each in sale_contract().abi if each["type"] == "function"]
    changing = {each["name"] for each in functions if each["stateMutability"] in ("nonpayable", "payable")}
    assert changing == {
        "offer", "purchase", "revoke", "withdraw", "set_operator",
        "transferFrom", "safeTransferFrom", "approve", "setApprovalForAll",
    }  # fmt: skip
    assert [each["name"] for each in functions if each["stateMutability"] == "payable"] == ["purchase"]
