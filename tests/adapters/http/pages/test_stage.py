"""What a viewer sees of a day, from before its opening to its result."""

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from adapters.http.server import HttpSettings
from adapters.livestream.upcoming_days import UpcomingDays
from messages.base import Outcome
from messages.events import (
    AuctionPaused,
    AuctionResumed,
    CharacterSpoke,
    DayVoided,
    EndExtended,
    WatermarkMoved,
)
from tests.adapters.http.pages.house import DAY_MS, STARTED, UPCOMING, Clock, Visit, bids, prepared, shows, staging
from tests.harness.builders import OPENS_MS, post_id
from tests.harness.shown_auction import ENDS_MS, accepted, frozen, leader, named, opened, refused, revised

MINUTE_MS = 60_000


def spoke(text: str) -> CharacterSpoke:
    return CharacterSpoke(message_id=text, at_ms=OPENS_MS, text=text, about_seq=1)


@pytest.mark.requirement("LIV-3")
def test_before_the_first_day_the_page_counts_down_to_it_and_shows_what_will_be_sold(visit: Visit) -> None:
    clock = Clock(OPENS_MS - DAY_MS - 61_500)
    with staging(clock, upcoming_days=UPCOMING) as house:
        house.publish(STARTED)
        page = visit(house.public)
        shows(page, day="Day 1 of 3", badge="Coming up", title="Lot 1", token="Token 1", amount="0.1", unit="ETH")
        shows(page, time_label="Opens in", time="1 d 00:01:02", until="Fri, Jan 15, 03:00 EST")
        clock.at_ms = OPENS_MS - 61_500
        shows(page, time="01:02", badge="Opening soon")
        clock.at_ms = OPENS_MS + 1
        shows(page, time="in a moment")


@pytest.mark.requirement("LIV-3")
def test_a_running_day_shows_lot_leader_amount_next_minimum_bids_and_the_hosts_line(visit: Visit, clock: Clock) -> None:
    with staging(clock, upcoming_days=UPCOMING) as house:
        house.publish(STARTED, prepared(), opened())
        page = visit(house.public)
        shows(page, label="Reserve", amount="0.1", who="Be the first to bid", next="0.1 ETH", line="")
        expect(page.locator("#bids")).to_have_text("None yet")

        clock.at_ms = OPENS_MS + 10 * MINUTE_MS + 500
        house.publish(accepted(1), accepted(2), accepted(20), spoke("Who dares?"))
        shows(page, title="Harbour", label="Leading bid", amount="0.12", unit="ETH", who="@bidder_20")
        shows(page, next="0.13 ETH", example="#marathon 0.13 ETH", line="Who dares?")
        shows(page, time_label="Ends in", time="50:00", until="until 04:00:00 EST", badge="Live", extended="")
        assert bids(page) == ["@bidder_20", "@bidder_2", "@bidder_1"]
        shows(page, note="Provisional · earlier posts may still arrive")
        house.publish(WatermarkMoved(message_id="w", at_ms=0, watermark_ms=OPENS_MS + MINUTE_MS))
        shows(page, note="Provisional · every post until 03:01:00 is in")


@pytest.mark.requirement("LIV-3", "SUP-4")
def test_a_test_bid_is_marked_wherever_it_is_shown(visit: Visit, clock: Clock) -> None:
    made_up = replace(leader(2), injected=True)
    with staging(clock, upcoming_days=UPCOMING) as house:
        house.publish(prepared(), opened(), accepted(1), replace(accepted(2), injected=True))
        page = visit(house.public)
        marks = page.locator(".test:visible")
        shows(page, label="Leading bid", test="Test bid", who="@bidder_2")
        expect(page.locator("#bids li").first).to_have_text(re.compile("^@bidder_2.*Test bid$"))
        expect(marks).to_have_count(2)
        house.publish(replace(refused(3), injected=True))
        expect(page.locator("#refusal")).to_have_text(re.compile("^Not counted: Test bid@bidder_3 "))
        expect(marks).to_have_count(3)
        house.publish(accepted(4))
        shows(page, test="", who="@bidder_4")
        expect(marks).to_have_count(2)
        house.publish(replace(revised(4), leader=made_up))
        shows(page, test="Test bid", who="@bidder_2")
        house.publish(frozen())
        shows(page, label="Leading so far", test="Test bid")
        house.publish(replace(named(2), winner=made_up))
        shows(page, badge="Test over", label="Nothing is sold: won by a", test="Test bid", who="@bidder_2")


@pytest.mark.requirement("LIV-1", "LIV-3")
def test_the_countdown_follows_the_servers_clock_however_wrong_the_viewers_is(visit: Visit) -> None:
    clock = Clock(ENDS_MS - 10 * MINUTE_MS - 500)
    with staging(clock) as house:
        house.publish(prepared(), opened())
        page = visit(house.public, timezone_id="Asia/Tokyo")
        assert page.evaluate("new Date().getFullYear()") == 2021
        shows(page, time="10:01")
        # Somebody sets the clock while the page is open.
        page.clock.set_system_time("2031-02-03T04:05:06")
        clock.at_ms += MINUTE_MS
        shows(page, time="09:01")
        clock.at_ms -= 2 * MINUTE_MS
        shows(page, time="11:01")


@pytest.mark.requirement("LIV-3")
def test_between_two_words_of_the_server_the_seconds_go_on(visit: Visit) -> None:
    with staging(Clock(ENDS_MS - 5 * MINUTE_MS)) as house:
        house.publish(prepared(), opened())
        page = visit(house.public)
        shows(page, time="05:00")
        house.loop.submit(house.server.stop()).result(10)
        page.clock.fast_forward(2_000)
        shows(page, time="04:58", link="Reconnecting…")
        house.loop.submit(house.server.start()).result(10)


@pytest.mark.requirement("LIV-3")
def test_the_last_minute_stands_out_and_a_late_bid_visibly_extends_it(visit: Visit) -> None:
    clock = Clock(ENDS_MS - MINUTE_MS - 500)
    with staging(clock, upcoming_days=UPCOMING) as house:
        house.publish(prepared(), opened(), accepted(1))
        page = visit(house.public)
        body = page.locator("body")
        shows(page, time="01:01", time_label="Ends in")
        expect(body).not_to_have_class(re.compile("hurry"))
        clock.at_ms = ENDS_MS - 9_500
        shows(page, time="00:10", time_label="Last minute")
        expect(body).to_have_class(re.compile("hurry last"))

        late, ends_at_ms = accepted(2), ENDS_MS + 5 * MINUTE_MS
        house.publish(
            replace(late, ends_at_ms=ends_at_ms),
            EndExtended(message_id="e", at_ms=ENDS_MS, ends_at_ms=ends_at_ms, by_post_id=late.post_id),
        )
        shows(page, time="05:10", badge="Live · extended", extended="Extended by a late bid")
        shows(page, until="until 04:05:00 EST")
        expect(body).to_have_class("moved")
        clock.at_ms += 10_000
        expect(body).not_to_have_class("moved")
        shows(page, extended="Extended by a late bid")

        # Whoever comes later sees the extension too, and no alarm about it.
        late_comer = visit(house.public)
        shows(late_comer, badge="Live · extended", extended="Extended by a late bid")
        expect(late_comer.locator("body")).not_to_have_class("moved")


@pytest.mark.requirement("LIV-3", "LIFE-8")
def test_a_pause_stops_the_countdown_and_an_operators_extension_is_told_from_a_bids(visit: Visit) -> None:
    clock = Clock(ENDS_MS - 5 * MINUTE_MS)
    said: dict[str, Any] = {"at_ms": 0, "by": "ops", "why": "a check"}
    with staging(clock) as house:
        house.publish(prepared(), opened(), accepted(1))
        page = visit(house.public)
        shows(page, time="05:00", badge="Live", next="0.111 ETH")
        house.publish(AuctionPaused(message_id="p", from_ms=clock.at_ms, **said))
        clock.at_ms += 2 * MINUTE_MS
        shows(page, badge="Paused", time="05:00", time_label="Left after the pause", example="")
        shows(page, note=re.compile("does not count"), who="@bidder_1")
        ends_at_ms = ENDS_MS + 2 * MINUTE_MS
        house.publish(AuctionResumed(message_id="r", until_ms=clock.at_ms, ends_at_ms=ends_at_ms, **said))
        shows(page, badge="Live", time="05:00", example="#marathon 0.111 ETH")
        house.publish(EndExtended(message_id="e", ends_at_ms=ends_at_ms + MINUTE_MS, by_post_id=0, **said))
        shows(page, badge="Live · extended", time="06:00", extended="Extended by the operator")
        lost = EndExtended(message_id="l", at_ms=0, ends_at_ms=ends_at_ms + 2 * MINUTE_MS, by_post_id=5, lead_lost=True)
        house.publish(lost)
        shows(page, time="07:00", extended="Extended: the bid that led counts no more")


@pytest.mark.requirement("LIV-3", "BID-3")
def test_a_refusal_is_shown_for_a_moment_with_its_reason_and_what_would_have_been_needed(
    visit: Visit, clock: Clock
) -> None:
    with staging(clock) as house:
        house.publish(prepared(), opened(), accepted(1))
        page = visit(house.public)
        shows(page, who="@bidder_1", refusal="")
        house.publish(refused(7))
        shows(page, refusal="Not counted: @bidder_7 · 0.01 ETH · too low, at least 0.5 ETH")
        clock.at_ms += 13_000
        shows(page, refusal="")


@pytest.mark.requirement("LIV-3", "BID-5")
def test_after_the_end_the_page_says_that_the_last_bids_are_checked_and_then_names_the_winner(visit: Visit) -> None:
    clock = Clock(ENDS_MS + 1_000)
    with staging(clock, upcoming_days=UPCOMING) as house:
        house.publish(STARTED, prepared(), opened(), accepted(1), accepted(2))
        page = visit(house.public)
        shows(page, time="00:00", time_label="Time is up")
        house.publish(frozen())
        shows(page, badge="Checking the last bids", time="Checking the last bids", who="@bidder_2", next="")
        shows(page, label="Leading so far", time_label="Ended 04:00:00 EST", until="")
        house.publish(WatermarkMoved(message_id="w", at_ms=0, watermark_ms=ENDS_MS - MINUTE_MS))
        shows(page, until="every post until 03:59:00 is in")

        clock.at_ms = ENDS_MS + 60_500
        house.publish(named(2), spoke("Sold!"))
        shows(page, badge="Sold", label="Sold to", who="@bidder_2", amount="0.102", line="Sold!")
        shows(page, note="Closed at 04:00:00 EST · 2 accepted bids")
        shows(page, time_label="Day 2 opens in", time="22:59:00", next="Lot 2", until="Sat, Jan 16, 03:00 EST")

        # The winner has his hours on stage; then the next day takes it.
        clock.at_ms = OPENS_MS + DAY_MS - 6 * 3_600_000
        shows(page, who="@bidder_2", time="06:00:00".lstrip("0"))
        clock.at_ms = OPENS_MS + DAY_MS - 5 * 3_600_000
        shows(page, day="Day 2 of 3", title="Lot 2", time_label="Opens in", time="5:00:00", label="Reserve", line="")
        expect(page.locator("#bids")).not_to_be_visible()


@pytest.mark.requirement("LIV-3")
def test_a_day_without_a_winner_says_why(visit: Visit) -> None:
    with staging(Clock(ENDS_MS + 1_000)) as house:
        house.publish(prepared(), opened(), frozen(), named(None))
        page = visit(house.public)
        shows(page, badge="Not sold", label="Result", who="No bid reached the reserve")
        expect(page.locator(".amount")).not_to_be_visible()
        house.publish(DayVoided(message_id="v", at_ms=ENDS_MS, auction_id="m-02", day=2, why="the window had passed"))
        shows(
            page, day="Day 2", badge="Void", who="Nothing is sold today", title="Day 2", note="Void since 09:00:00 UTC"
        )


@pytest.mark.requirement("LIV-3")
def test_a_day_that_is_voided_shows_since_when_and_names_no_leader(visit: Visit) -> None:
    with staging(Clock(OPENS_MS + 60_000)) as house:
        house.publish(prepared(), opened(), accepted(1))
        page = visit(house.public)
        shows(page, badge="Live", who="@bidder_1")
        void = replace(named(None), outcome=Outcome.VOID, at_ms=OPENS_MS + 60_000, by="olga", why="ill")
        house.publish(void)
        shows(page, badge="Void", label="Result", who="Nothing is sold today")
        shows(page, note="Void since 08:01:00 UTC · 1 accepted bid")


@pytest.mark.requirement("LIV-3")
def test_a_page_left_open_through_three_days_shows_each_and_keeps_nothing_of_the_last(visit: Visit) -> None:
    clock = Clock()
    with staging(clock, upcoming_days=UPCOMING) as house:
        house.publish(STARTED)
        page = visit(house.public)
        page.evaluate("window.stayed = true")  # gone with the first reload
        sizes = []
        for day in (1, 2, 3):
            shift = (day - 1) * DAY_MS
            start = replace(prepared(day), opens_at_ms=OPENS_MS + shift, closes_at_ms=ENDS_MS + shift)
            begun = replace(opened(day), opened_at_ms=OPENS_MS + shift, ends_at_ms=ENDS_MS + shift)
            clock.at_ms = OPENS_MS + shift + 500
            house.publish(start, begun, spoke(f"Day {day}!"))
            shows(page, day=f"Day {day} of 3", time="1:00:00", who="Be the first to bid", line=f"Day {day}!")
            for number in range(1, 31):
                house.publish(replace(accepted(number), ends_at_ms=ENDS_MS + shift), refused(40 + number))
            shows(page, who="@bidder_30")
            clock.at_ms = ENDS_MS + shift + 500
            house.publish(replace(frozen(), ends_at_ms=ENDS_MS + shift), named(30, day))
            shows(page, label="Sold to", who="@bidder_30")
            assert len(bids(page)) == 8
            clock.at_ms += MINUTE_MS
            shows(page, refusal="")
            sizes.append(page.evaluate("document.querySelectorAll('*').length"))
        assert len(set(sizes)) == 1
        assert page.evaluate("window.stayed") is True


@pytest.mark.requirement("LIV-3", "LIFE-9")
def test_the_lots_image_is_shown_and_where_there_is_none_its_number(visit: Visit, clock: Clock, tmp_path: Path) -> None:
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40"/></svg>'
    (tmp_path / "harbour.svg").write_text(picture)
    start = prepared()
    with staging(clock, settings=HttpSettings(images=tmp_path)) as house:
        house.publish(replace(start, lot=replace(start.lot, image="harbour.svg")))
        page = visit(house.public)
        expect(page.locator("#image")).to_be_visible()
        expect(page.locator("#plate")).not_to_be_visible()
        house.publish(replace(start, day=2, auction_id="m-02", lot=replace(start.lot, token_id=7, image="")))
        expect(page.locator("#plate")).to_have_text("№ 7")
        expect(page.locator("#image")).not_to_be_visible()


@pytest.mark.requirement("LIV-3")
def test_over_a_video_the_page_has_no_ground_of_its_own(visit: Visit, clock: Clock) -> None:
    with staging(clock) as house:
        house.publish(prepared(), opened(), accepted(1))
        grounds = (
            "['html', 'body', '.stage'].map((name) => getComputedStyle(document.querySelector(name)).backgroundColor)"
        )
        page = visit(f"{house.public}/?transparent=1")
        shows(page, who="@bidder_1")
        assert set(page.evaluate(grounds)) == {"rgba(0, 0, 0, 0)"}
        assert "rgb(16, 17, 20)" in visit(house.public).evaluate(grounds)


@pytest.mark.requirement("LIV-3")
def test_a_phone_gets_a_link_to_the_auction_post_unless_posts_are_simulated(visit: Visit, clock: Clock) -> None:
    with staging(clock, upcoming_days=UpcomingDays(posts_url="https://x.example/i/")) as house:
        house.publish(prepared(), opened())
        link = visit(house.public, 390, 844).get_by_role("link", name="Bid on X")
        expect(link).to_have_attribute("href", f"https://x.example/i/{post_id(0)}")
        stage = visit(house.public)
        shows(stage, badge="Live")
        expect(stage.locator("#reply")).not_to_be_visible()
    with staging(clock) as house:
        house.publish(prepared(), opened())
        page = visit(house.public, 390, 844)
        shows(page, badge="Live")
        expect(page.locator("#reply")).not_to_be_visible()
