"""What the page to pay on says in each state of a settlement, on every screen, whatever others wrote."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from messages.commands import VoidAuction
from messages.settlement import CameBack, Level, OfferGone, TimePassed, WentDown
from tests.adapters.http.pages.house import Visit, shows
from tests.adapters.http.pages.layout import SCREENS, faults
from tests.adapters.http.pages.paying import ANN, BOB, HOUR_MS, NAMED_MS, SoldLot, paid, pay_page, polled, selling
from tests.harness.anvil import CONTRACT
from tests.harness.builders import OPENS_MS, injected
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("CHN-7")

OVER_MS = NAMED_MS + 24 * HOUR_MS
Step = Callable[[SoldLot], None]


def pays(level: Level) -> Step:
    return lambda lot: lot.fact(paid(level))


def runs_out(lot: SoldLot) -> None:
    lot.fact(TimePassed(at_ms=OVER_MS))


def no_offer_is_left(lot: SoldLot) -> None:
    assert lot.day.settlement
    lot.fact(OfferGone(at_ms=OVER_MS, bidder_id=ANN, offer=lot.day.settlement.offer))


# What happens, what the headline says after it, and a part of the line below.
PAID: list[tuple[Step, str, str]] = [
    (lambda lot: None, "Nothing is to be paid yet", "The auction has not ended."),
    (SoldLot.close, "Nothing is to be paid yet", "The winner is asked for a wallet soon."),
    (SoldLot.ask, "Waiting for @ann to name a wallet", "@ann: reply to the post with an address"),
    (SoldLot.name_wallet, "The offer is on its way", "It is made on Shape"),
    (SoldLot.offer, "Pay now", "Pay the exact price on Shape."),
    (pays(Level.UNSAFE), "Paid, waiting for Ethereum", "The payment is in a block of Shape."),
    (pays(Level.SAFE), "Paid, waiting for Ethereum", "Ethereum has the payment"),
    (pays(Level.FINALIZED), "Final: the lot is at 0x90F7…b906", "can no longer be undone"),
]
UNPAID: list[tuple[Step, str, str]] = [
    (SoldLot.begin, "Waiting for @ann to name a wallet", ""),
    (runs_out, "The time is over", "Nobody has paid. The next bidder is asked soon."),
    (no_offer_is_left, "The time is over", "The next bidder is being asked."),
    (SoldLot.ask_next, "Waiting for @bob to name a wallet", "@bob: reply"),
]
DECLINED: list[tuple[Step, str, str]] = [
    (SoldLot.begin, "Waiting for @ann to name a wallet", ""),
    (SoldLot.offered, "Pay now", ""),
    (SoldLot.decline, "@ann does not want the lot", "Please do not pay any more: the offer is being taken back."),
    (no_offer_is_left, "The time is over", "The next bidder is being asked."),
    (lambda lot: lot.ask_next(BOB), "Unsold", "It comes again on another day."),
]
DOWN: list[tuple[Step, str, str]] = [
    (SoldLot.begin, "Waiting for @ann to name a wallet", ""),
    (
        lambda lot: lot.fact(WentDown(at_ms=NAMED_MS + HOUR_MS, what="chain")),
        "The chain is down: your time stands still",
        "nothing is to be done",
    ),
    (lambda lot: lot.fact(CameBack(at_ms=NAMED_MS + 2 * HOUR_MS, what="chain")), "Waiting for @ann", ""),
]
VOID: list[tuple[Step, str, str]] = [
    (
        lambda lot: lot.tell(VoidAuction(message_id="void", by="ada", why="broken", said_at_ms=OPENS_MS)),
        "Nothing is to be paid",
        "Nothing was sold on this day.",
    )
]
TEST: list[tuple[Step, str, str]] = [
    (lambda lot: lot.tell(injected(4, BOB, "2"), at_ms=OPENS_MS), "Nothing is to be paid yet", ""),
    (SoldLot.close, "Nothing is to be paid", "Nothing was sold on this day."),
]
STORIES = {"paid": PAID, "unpaid": UNPAID, "declined": DECLINED, "down": DOWN, "void": VOID, "a test's bid": TEST}


@pytest.mark.parametrize("story", STORIES)
def test_each_state_is_said_in_plain_words_that_fit_every_screen(story: str, visit: Visit, store: Store) -> None:
    lot, wrong = SoldLot(store), []
    with selling(store, lot.clock, CONTRACT) as house:
        page = pay_page(visit, house)
        for step, headline, detail in STORIES[story]:
            step(lot)
            polled(page)
            expect(page.locator("#headline")).to_contain_text(headline)
            expect(page.locator("#detail")).to_contain_text(detail)
            for width, height in SCREENS:
                page.set_viewport_size({"width": width, "height": height})
                wrong += [f"{headline} at {width}x{height}: {fault}" for fault in faults(page)]
    assert wrong == []


def test_what_others_wrote_stays_text_and_fits(visit: Visit, store: Store) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202eevil\u2066 " + "W" * 120
    lot = SoldLot(store, title=hostile, handle=hostile, eth="12345.000000000000000001")
    lot.begin()
    lot.offered()
    with selling(store, lot.clock, CONTRACT) as house:
        page = pay_page(visit, house)
        shows(page, headline="Pay now", price="12345.000000000000000001 ETH")
        expect(page.locator("#title")).to_have_text("<img src=x onerror=alert(1)>evil " + "W" * 120)
        expect(page.locator("#anyone")).to_contain_text("which @<img src=x onerror=alert(1)>evil")
        assert page.locator("main img").count() == 2
        wrong = []
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            wrong += [f"{width}x{height}: {fault}" for fault in faults(page)]
        assert wrong == []
        lot.fact(paid(Level.UNSAFE))
        polled(page)
        shows(page, headline="Paid, waiting for Ethereum")
        assert page.locator("main img").count() == 2


def test_an_auction_that_does_not_exist_is_said_to_be_none(visit: Visit, store: Store) -> None:
    lot = SoldLot(store)
    with selling(store, lot.clock, CONTRACT) as house:
        page = visit(f"{house.public}/pay/m-77")
        shows(page, headline="There is no such auction", link="")


def test_a_server_that_was_away_is_found_again(visit: Visit, store: Store) -> None:
    lot = SoldLot(store)
    lot.begin()
    with selling(store, lot.clock, CONTRACT) as house:
        page, port = pay_page(visit, house), house.server.public_port
        shows(page, headline="Waiting for @ann to name a wallet", link="")
    polled(page)
    shows(page, link="Reconnecting…", headline="Waiting for @ann to name a wallet")
    lot.name_wallet()
    with selling(store, lot.clock, CONTRACT, port=port):
        polled(page)
        shows(page, link="", headline="The offer is on its way")
