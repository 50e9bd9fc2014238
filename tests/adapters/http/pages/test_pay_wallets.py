"""What wallets do when they are asked to pay: be on another chain, refuse, fail, be several."""

import re

import pytest
from playwright.sync_api import expect

from messages.settlement import Level
from tests.adapters.http.pages.house import Visit, shows
from tests.adapters.http.pages.paying import (
    PRICE,
    REJECTED,
    Refusal,
    SoldLot,
    Wallet,
    buttons,
    owner_of,
    paid,
    pay_page,
    polled,
    selling,
)
from tests.harness.anvil import Anvil
from tests.harness.sale import FRIEND, STRANGER, WINNER, Sale
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-7")


@pytest.mark.parametrize("known", [True, False], ids=["another", "unknown"])
def test_a_wallet_on_another_chain_changes_to_shape_or_adds_it_and_pays(
    known: bool, visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    wallet.chain, wallet.knows = 1, {1, 360} if known else {1}
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, sent_hash=re.compile("^0x"))
    assert owner_of(sale) == WINNER
    assert [(one["chainId"], one["rpcUrls"]) for one in wallet.added] == (
        [] if known else [("0x168", ["https://mainnet.shape.network"])]
    )


REFUSED = {
    "eth_requestAccounts": "The wallet is not connected, and nothing was sent.",
    "wallet_switchEthereumChain": "Your wallet is on another chain, and nothing was sent.",
    "eth_sendTransaction": "You did not sign, and nothing was sent.",
}


@pytest.mark.parametrize("step", REFUSED)
def test_who_refuses_a_step_is_told_what_is_and_pays_by_pressing_again(
    step: str, visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    wallet.chain, wallet.refuses = 1, {step: REJECTED}
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        expect(page.locator("#said")).to_contain_text(f"{REFUSED[step]} Press the button again")
        assert owner_of(sale) is None
        wallet.refuses.clear()
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, said="", sent_hash=re.compile("^0x"))
    assert owner_of(sale) == WINNER


FAULTS = [
    (
        Refusal(-32002, "Request already pending"),
        "Your wallet is asking you something already. Open it and answer there.",
    ),
    (
        Refusal(-32603, "Out of <b>cheese</b>\u202e"),
        "Your wallet says: “Out of <b>cheese</b>”. Look there whether anything",
    ),
]


@pytest.mark.parametrize(("fault", "says"), FAULTS, ids=["busy", "strange"])
def test_a_wallet_that_fails_is_quoted_with_what_to_do(
    fault: Refusal, says: str, visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    wallet.refuses = {"eth_sendTransaction": fault}
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        expect(page.locator("#said")).to_contain_text(says)


def test_a_wallet_without_enough_is_told_so(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet, anvil: Anvil
) -> None:
    anvil.rpc("anvil_setBalance", FRIEND, hex(PRICE))
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        expect(page.locator("#said")).to_contain_text("too little ETH on Shape")


def test_a_chain_that_nobody_can_add_is_named(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    with selling(store, lot.clock, sale.address, chain_id=31337) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        expect(page.locator("#said")).to_contain_text("Your wallet does not know chain 31337. Add it there")


def test_a_wallet_whose_node_lags_behind_the_offer_is_asked_to_wait(
    visit: Visit, store: Store, lot: SoldLot, wallet: Wallet, anvil: Anvil
) -> None:
    with selling(store, lot.clock, Sale.on(anvil).address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        expect(page.locator("#said")).to_contain_text("Your wallet has not heard of this offer yet.")


def test_a_wallet_that_says_nothing_of_the_payment_holds_nothing_up(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, sent_hash=re.compile("^0x"))
        page.evaluate("() => { window.ethereum.request = () => new Promise(() => {}) }")
        polled(page)
        lot.fact(paid(Level.UNSAFE))
        polled(page)
        shows(page, headline="Paid, waiting for Ethereum")


def test_each_wallet_that_announces_itself_has_a_button(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet, anvil: Anvil
) -> None:
    other = Wallet(anvil, STRANGER)
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, "Fox"), (other, "<b>Rabbit</b>"))
        shows(page, headline="Pay now")
        assert buttons(page) == ["Pay 1 ETH with Fox", "Pay 1 ETH with <b>Rabbit</b>"]
        page.get_by_role("button", name="Rabbit").click()
        shows(page, sent_hash=re.compile("^0x"))
    assert (wallet.prompts, other.prompts) == ([], ["eth_requestAccounts", "eth_sendTransaction"])
