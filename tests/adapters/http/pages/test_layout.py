"""The layout holds, on every screen and in every phase, whatever bidders, artists and the character wrote."""

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from messages.base import Wei
from messages.events import AnyEvent, BidAccepted, CharacterSpoke, EndExtended
from tests.adapters.http.pages.house import STARTED, UPCOMING, Clock, Visit, bids, prepared, shows, staging
from tests.adapters.http.pages.layout import SCREENS, faults
from tests.harness.builders import ETH, OPENS_MS
from tests.harness.shown_auction import ENDS_MS, accepted, frozen, leader, named, opened, refused

MARKUP = "<img src=x onerror=alert(1)>"
TURNED = "\u202eevil\u2066"
ARABIC = "مزايد_عربي"
HANDLES = [MARKUP, TURNED + "W" * 15, ARABIC, "W" * 60, "🦊👩‍👩‍👧‍👦🏳️‍🌈" * 4, "a\nb\tc", "i" * 15, "W" * 15]
TITLE = f"{MARKUP} The exceedingly long title of {ARABIC} and all that ever floated 🌊 {TURNED} " + "W" * 120
LINE = f"<script>alert(1)</script> {TURNED} {ARABIC} " + "and so on " * 80 + "X" * 400
HUGE = Wei(12_345_678_901_234_567_890_123)

LINES = "(element) => element.clientHeight / parseFloat(getComputedStyle(element).lineHeight)"


def hostile_bids() -> list[BidAccepted]:
    plain = [replace(accepted(number), bidder_handle=handle) for number, handle in enumerate(HANDLES, 1)]
    return [*plain[:-1], replace(plain[-1], amount_wei=HUGE, minimum_wei=Wei(HUGE + ETH + 1))]


@pytest.mark.requirement("LIV-3")
def test_what_others_wrote_stays_text(visit: Visit, clock: Clock) -> None:
    start = prepared()
    with staging(clock) as house:
        house.publish(replace(start, lot=replace(start.lot, title=TITLE)), opened(), *hostile_bids())
        page = visit(house.public, 390, 844)
        shows(page, link="")
        house.publish(
            replace(refused(40), bidder_handle=TURNED + MARKUP),
            CharacterSpoke(message_id="c", at_ms=0, text=LINE, about_seq=1),
        )
        expect(page.locator("#line")).to_contain_text("<script>alert(1)</script> evil")
        expect(page.locator("#title")).to_contain_text(MARKUP)
        expect(page.locator("#refusal")).to_have_text(
            f"Not counted: @evil{MARKUP} · 0.01 ETH · too low, at least 0.5 ETH"
        )
        assert bids(page)[-1] == f"@{MARKUP}"
        assert bids(page)[-2] == "@evil" + "W" * 15
        assert page.locator("main img").count() == 1
        assert page.locator("main script").count() == 0


@pytest.mark.requirement("LIV-3")
@pytest.mark.parametrize("hostile", [False, True], ids=["usual", "hostile"])
def test_nothing_overlaps_is_cut_off_or_scrolls_sideways_on_any_screen(visit: Visit, hostile: bool) -> None:
    clock, start = Clock(OPENS_MS - 7_200_000), prepared()
    title, line = (TITLE, LINE) if hostile else ("Harbour at first light", "Who dares?")
    found_bids = hostile_bids() if hostile else [accepted(number) for number in range(1, 12)]
    last = found_bids[-1]
    winner = replace(leader(1), bidder_handle=last.bidder_handle, amount_wei=last.amount_wei)
    late = EndExtended(message_id="e", at_ms=0, ends_at_ms=ENDS_MS + 300_000, by_post_id=last.post_id)
    begin = replace(start, lot=replace(start.lot, title=title))
    too_low = replace(refused(40), bidder_handle=HANDLES[hostile], amount_wei=HUGE)
    # When, what happens, and by what it is recognised.
    steps: list[tuple[int, list[AnyEvent], str, str]] = [
        (-7_200_000, [], "link", "Connecting…"),
        (-7_200_000, [STARTED], "time", "2:00:00"),
        (1, [], "time", "in a moment"),
        (-90_000, [begin], "time", "01:30"),
        (500, [opened(), CharacterSpoke(message_id="c", at_ms=0, text=line, about_seq=1)], "time-label", "Ends in"),
        (60_000, [*found_bids, too_low], "label", "Leading bid"),
        (3_595_000, [late], "extended", "Extended by a late bid"),
        (3_900_500, [frozen()], "badge", "Checking the last bids"),
        (3_910_500, [replace(named(1), winner=winner)], "label", "Sold to"),
    ]
    wrong = []
    with staging(clock, upcoming_days=UPCOMING, known_seq=1) as house:
        page = visit(house.public)
        for at_ms, events, element, text in steps:
            clock.at_ms = OPENS_MS + at_ms
            house.publish(*events)
            expect(page.locator(f"#{element}")).to_have_text(text)
            for width, height in SCREENS:
                page.set_viewport_size({"width": width, "height": height})
                wrong += [f"{text} at {width}x{height}: {fault}" for fault in faults(page)]
    assert wrong == []


@pytest.mark.requirement("LIV-3")
def test_a_handle_as_long_as_x_allows_stays_on_one_line(visit: Visit, clock: Clock) -> None:
    who = "moonlit_badgers"

    def lines() -> list[float]:
        found = []
        for width, height in SCREENS:
            page.set_viewport_size({"width": width, "height": height})
            found.append(page.locator("#who").evaluate(LINES))
        return found

    with staging(clock) as house:
        house.publish(prepared(), opened(), replace(accepted(1), bidder_handle=who), frozen())
        page = visit(house.public)
        shows(page, who=f"@{who}")
        assert max(lines()) < 1.5
        house.publish(replace(named(1), winner=replace(leader(1), bidder_handle=who)))
        shows(page, label="Sold to")
        assert max(lines()) < 1.5
