"""Paying on the page, in a real browser, with a wallet, on a real chain."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from messages.settlement import Level, TimePassed, WentDown
from tests.adapters.http.pages.house import Visit, shows
from tests.adapters.http.pages.paying import (
    HOUR_MS,
    NAMED_MS,
    PRICE,
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
from tests.harness.sale import OPERATOR, STRANGER, WINNER, Sale
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-7")

CLICKS = 3
WALLET = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"  # WINNER with the checksum of EIP-55


@pytest.mark.parametrize("screen", [(1280, 720), (390, 844)], ids=["desktop", "phone"])
def test_anybody_pays_in_three_clicks_and_sees_the_payment_become_final(
    screen: tuple[int, int], visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""), width=screen[0], height=screen[1])
        shows(
            page, headline="Pay now", title="Harbour at first light", price="1 ETH", wallet=WALLET, time="1 d 00:00:00"
        )
        expect(page.locator("#anyone")).to_contain_text("Anyone may pay. Whoever pays, the token goes to the wallet")
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, sent_hash=re.compile("^0x[0-9a-f]{64}$"))
        assert len(["the page's button", *wallet.prompts]) <= CLICKS
        assert owner_of(sale) == WINNER
        polled(page)
        shows(page, sent_words="Your payment is in a block:", said="")
        lot.fact(paid(Level.UNSAFE))
        polled(page)
        shows(page, headline="Paid, waiting for Ethereum", detail=re.compile("in a block of Shape"))
        assert not page.locator("#buttons button").first.is_visible()
        lot.fact(paid(Level.SAFE))
        polled(page)
        shows(page, headline="Paid, waiting for Ethereum", detail=re.compile("^Ethereum has the payment"))
        lot.fact(paid(Level.FINALIZED))
        polled(page)
        shows(page, headline="Final: the lot is at 0x90F7…b906", wallet_label="The token is at", wallet=WALLET)


def test_a_payment_on_its_way_is_remembered_when_the_page_is_loaded_again(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet, anvil: Anvil
) -> None:
    anvil.rpc("evm_setAutomine", False)
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, sent_hash=re.compile("^0x"))
        sent = page.locator("#sent-hash").inner_text()
        page.reload()
        shows(page, sent_hash=sent, sent_words=re.compile("^It waits for a block"))
        shows(page, headline="Your payment is on its way")
        assert buttons(page) == ["Pay again"]
        anvil.rpc("evm_mine")
        polled(page)
        shows(page, sent_hash=sent, sent_words="Your payment is in a block:")
        expect(page.locator("#paying")).to_be_hidden()
    assert owner_of(sale) == WINNER


def revoke(sale: Sale) -> None:
    sale.send(OPERATOR, "revoke", 1)


def sell(sale: Sale) -> None:
    sale.send(STRANGER, "purchase", 1, value=PRICE)


def expire(sale: Sale) -> None:
    sale.pass_deadline(1)


LATE: list[tuple[Callable[[Sale], None], str]] = [
    (revoke, "This offer was taken back. Please do not pay"),
    (sell, "Somebody has paid for this lot already. Nothing is left to do."),
    (expire, "The time of this offer is over. Please do not pay any more."),
]


@pytest.mark.parametrize(("ends", "says"), LATE, ids=["revoked", "sold", "expired"])
def test_a_late_payer_is_told_so_before_the_wallet_asks_for_a_signature(
    ends: Callable[[Sale], None], says: str, visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        shows(page, headline="Pay now")
        ends(sale)
        page.get_by_role("button", name="Pay 1 ETH").click()
        expect(page.locator("#said")).to_contain_text(says)
        assert wallet.prompts == ["eth_requestAccounts"]


@pytest.mark.parametrize("call", ["revoke", "purchase"])
def test_a_payment_that_is_reverted_in_its_block_says_why(
    call: str, visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet, anvil: Anvil
) -> None:
    first, value, says = (OPERATOR, 0, "taken back") if call == "revoke" else (STRANGER, PRICE, "Somebody has paid")
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        anvil.rpc("evm_setAutomine", False)
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, sent_hash=re.compile("^0x"))
        anvil.rpc(
            "eth_sendTransaction",
            {
                "from": first,
                "to": sale.address,
                "data": "0x" + sale.data(call, 1).hex(),
                "value": hex(value),
                "gas": hex(200_000),
                "maxFeePerGas": hex(10**12),
                "maxPriorityFeePerGas": hex(10**11),
            },
        )
        anvil.rpc("evm_mine")
        polled(page)
        expect(page.locator("#said")).to_have_text(
            re.compile(f"Your payment was undone, and only the network's fee is gone. .*{says}")
        )
        expect(page.locator("#sent")).to_be_hidden()


def test_when_the_time_is_over_nobody_is_asked_to_pay(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        shows(page, headline="Pay now")
        lot.clock.at_ms += 24 * HOUR_MS - 1_000
        polled(page)
        shows(page, time="00:01")
        lot.clock.at_ms += 1_000  # before the settlement knows
        polled(page)
        shows(page, headline="The time is over", detail=re.compile("Please do not pay any more"))
        expect(page.locator("#paying")).to_be_hidden()
        lot.fact(TimePassed(at_ms=NAMED_MS + 24 * HOUR_MS))
        polled(page)
        shows(page, headline="The time is over", detail=re.compile("Please do not pay any more"))
        expect(page.locator("#paying")).to_be_hidden()


def test_while_the_chain_is_down_the_time_stands_still_and_nobody_pays(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        shows(page, headline="Pay now")
        lot.fact(WentDown(at_ms=NAMED_MS + HOUR_MS, what="chain"))
        polled(page)
        shows(
            page, headline="The chain is down: your time stands still", time="stands still", until="The chain is down"
        )
        expect(page.locator("#paying")).to_be_hidden()


def test_while_x_is_down_the_time_stands_still_and_whoever_wants_can_pay(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale, wallet: Wallet
) -> None:
    lot.fact(WentDown(at_ms=NAMED_MS + HOUR_MS, what="x"))
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house, (wallet, ""))
        shows(page, headline="Pay now", time="stands still", until="X is down")
        page.get_by_role("button", name="Pay 1 ETH").click()
        shows(page, sent_hash=re.compile("^0x"))
    assert owner_of(sale) == WINNER


def test_without_a_wallet_the_call_is_there_to_be_scanned_and_to_be_made(
    visit: Visit, store: Store, lot: SoldLot, sale: Sale
) -> None:
    with selling(store, lot.clock, sale.address) as house:
        page = pay_page(visit, house)
        shows(page, headline="Pay now", call_chain="Shape (360)")
        assert buttons(page) == []
        expect(page.locator("#code")).to_be_visible()
        page.wait_for_function("document.getElementById('code').naturalWidth > 0")
        uri = page.locator("#uri").get_attribute("href")
        assert uri == f"ethereum:{sale.address}@360/purchase?uint256=1&value={PRICE}"
        to, value, data = (
            page.locator(f"#call-{part}").evaluate("(element) => element.firstChild.data")
            for part in ("to", "value", "data")
        )
    assert to == sale.address
    assert sale.send_data(STRANGER, bytes.fromhex(data[2:]), int(value)).reverted is None
    assert owner_of(sale) == WINNER
