"""A page that loses its feed: it says so, comes back by itself, and goes on exactly where it was."""

import threading

import pytest
from playwright.sync_api import expect

from adapters.http.server import HttpSettings
from tests.adapters.http.pages.house import Clock, Visit, bids, prepared, shows, staging
from tests.harness.shown_auction import accepted, opened


def at(port: int) -> HttpSettings:
    return HttpSettings(public_port=port)


@pytest.mark.requirement("LIV-1", "LIV-3")
def test_a_server_that_comes_back_is_found_again_and_what_was_missed_appears_once(visit: Visit, clock: Clock) -> None:
    told = [prepared(), opened(), accepted(1), accepted(2)]
    with staging(clock) as house:
        house.publish(*told)
        page, port = visit(house.public, running=True), house.server.public_port
        shows(page, who="@bidder_2", link="")
        page.evaluate("window.stayed = true")  # gone with the first reload
    shows(page, link="Reconnecting…", who="@bidder_2", time="1:00:00")
    with staging(clock, settings=at(port)) as house:
        house.publish(*told, accepted(3), accepted(4))
        shows(page, link="", who="@bidder_4", next="0.114 ETH")
        assert bids(page) == ["@bidder_4", "@bidder_3", "@bidder_2", "@bidder_1"]
        house.publish(accepted(5))
        shows(page, who="@bidder_5")
        assert bids(page)[:2] == ["@bidder_5", "@bidder_4"]
    assert page.evaluate("window.stayed") is True


@pytest.mark.requirement("LIV-1", "LIV-3")
def test_a_server_with_another_log_starts_the_page_anew_though_that_log_is_shorter(visit: Visit, clock: Clock) -> None:
    with staging(clock) as house:
        house.publish(prepared(), opened(), *(accepted(number) for number in range(1, 9)))
        page, port = visit(house.public, running=True), house.server.public_port
        shows(page, who="@bidder_8")
    with staging(clock, settings=at(port), generation="g2") as house:
        house.publish(prepared(), opened(), accepted(1))
        shows(page, link="", who="@bidder_1")
        assert bids(page) == ["@bidder_1"]
        house.publish(accepted(2))
        shows(page, who="@bidder_2")


@pytest.mark.requirement("LIV-1")
def test_a_connection_that_dies_without_a_word_is_noticed_and_replaced(visit: Visit, clock: Clock) -> None:
    with staging(clock) as house:
        house.publish(prepared(), opened(), accepted(1))
        page = visit(house.public, running=True)
        shows(page, who="@bidder_1", link="")
        speaks_again = threading.Event()
        house.loop.call(speaks_again.wait, 30)  # everything stays connected, and nobody says anything
        shows(page, link="Reconnecting…")
        speaks_again.set()
        house.publish(accepted(2))
        shows(page, link="", who="@bidder_2")
        assert bids(page) == ["@bidder_2", "@bidder_1"]


@pytest.mark.requirement("LIV-3")
def test_a_page_opened_while_the_server_still_catches_up_says_so_and_never_shows_the_past(
    visit: Visit, clock: Clock
) -> None:
    with staging(clock, known_seq=4) as house:
        house.publish(prepared(), opened(), accepted(1))
        page = visit(house.public, running=True)
        shows(page, link="Connecting…", who="")
        expect(page.locator("body")).to_have_attribute("data-phase", "CONNECTING")
        house.publish(accepted(2))
        shows(page, link="", who="@bidder_2")
