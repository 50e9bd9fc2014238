"""What the tests of the stage page share: pages that must not complain, a clock to turn, a house to watch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from adapters.livestream.hub import FeedLimits
from messages.events import AuctionPrepared
from tests.harness import staged
from tests.harness.browser import browsing
from tests.harness.staged import OPENS_MS, House, serving

expect.set_options(timeout=10_000)

# A browser reports a server that is away to its console, whatever a page does about it.
AWAY = ("WebSocket connection to", "ERR_CONNECTION_REFUSED")

Visit = Callable[..., Page]


class Clock:
    """The server's clock, turned by hand: UTC ms."""

    def __init__(self, at_ms: int = OPENS_MS) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms


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
        if message.type in ("error", "warning") and not any(word in message.text for word in AWAY):
            complaints.append(message.text)

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


def prepared(day: int = 1) -> AuctionPrepared:
    """The day's beginning, with a lot that has no image."""
    event = staged.prepared(day)
    return replace(event, lot=replace(event.lot, image=""))


@contextmanager
def staging(clock: Clock, **options: Any) -> Iterator[House]:
    """A house whose feed tells the time of `clock`, often enough that nobody waits for it."""
    limits = FeedLimits(timer_ms=50, heartbeat_ms=100)
    with serving(limits=limits, clock=clock, **options) as house:
        yield house
