"""Pages of a browser that must not complain, a clock to turn, and a lot to pay for."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.adapters.http.pages.house import Clock, Visit
from tests.adapters.http.pages.paying import PRICE, SoldLot, Wallet
from tests.harness.anvil import Anvil
from tests.harness.browser import browsing
from tests.harness.sale import DAY_S, WINNER, Sale
from tests.harness.store import Store

expect.set_options(timeout=10_000)

# A browser reports to its console that a server is away, or has no such auction, whatever a page does about it.
AWAY = ("WebSocket connection to", "ERR_CONNECTION_REFUSED", "/api/auctions/m-77/settlement")


# The package's and not the session's: while Playwright runs, this thread has an event loop of its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Opens a page of its own in the given size; at the end no page may have complained of anything.

    Unless it is `running`, a page's own time stands still on a wrong date: what it shows follows the house's clock
    alone, frame by frame, however busy this machine is.
    """
    contexts, complaints = [], []

    def heard(message: ConsoleMessage) -> None:
        said = f"{message.text} {message.location['url']}"
        if message.type in ("error", "warning") and not any(word in said for word in AWAY):
            complaints.append(said)

    def visit(url: str, width: int = 1280, height: int = 720, *, running: bool = False, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => console.error('policy', event.violatedDirective))"
        )
        if not running:
            page.clock.install(time="2021-02-03T04:05:06")
            page.clock.pause_at("2021-02-03T05:05:06")  # far enough ahead for any machine
        page.goto(url)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


# ---- a lot to pay for


@pytest.fixture
def sale(anvil: Anvil) -> Sale:
    """A sale contract that offers the lot to ann's wallet."""
    sale = Sale.on(anvil)
    sale.offer(auction_id="m-01", token=1, to=WINNER, price=PRICE, seconds=2 * DAY_S)
    return sale


@pytest.fixture
def lot(store: Store) -> SoldLot:
    """A lot that ann may pay for, with an offer on chain."""
    lot = SoldLot(store)
    lot.begin()
    lot.offered()
    return lot


@pytest.fixture
def wallet(anvil: Anvil) -> Wallet:
    return Wallet(anvil)
