"""What bidders are told on X where bids are injected: an injected bid is never told as real."""

import pytest

from actors.announcer.notices import QUIET_MS
from tests.actors.announcer.told import Told
from tests.harness.builders import gone, injected, reply

pytestmark = pytest.mark.requirement("SUP-4")


def posts(told: Told, after_ms: int) -> list[str]:
    return [notice.text for notice in told.due(after_ms)]


@pytest.mark.requirement("BID-10", "X-5")
def test_an_injected_bid_gets_no_receipt_and_takes_the_lead_from_nobody_in_public(told: Told) -> None:
    told.happens(1_500, reply(1_000, 1, "0.5"))
    assert len(posts(told, 1_600)) == 1
    told.happens(2_500, injected(2_000, 2, "0.6"), injected(2_100, 3, "0,7 ETH #AuctionDay"))
    assert posts(told, 2_500 + QUIET_MS) == []
    told.happens(9_500, again := reply(9_000, 1, "0.7"))
    [receipt] = told.due(9_500 + QUIET_MS)
    assert (receipt.reply_to, "leads so far" in receipt.text) == (again.post_id, True)


@pytest.mark.requirement("BID-10", "X-5")
def test_who_was_outbid_by_an_injected_bid_is_told_once_a_real_one_leads(told: Told) -> None:
    told.happens(1_500, reply(1_000, 1, "0.5"))
    told.happens(2_500, injected(2_000, 2, "0.6"))
    assert posts(told, 2_500 + QUIET_MS)[0].startswith("@user1 Day 1: Your bid of 0.5 ETH counts and has been outbid.")
    told.happens(9_500, reply(9_000, 3, "0.7"))
    standing, receipt = posts(told, 9_500 + QUIET_MS)
    assert standing.startswith("Day 1: @user3 leads with 0.7 ETH so far.\nOutbid: @user1.\nThe next")
    assert receipt.startswith("@user3 Day 1: Your bid of 0.7 ETH leads so far.")


@pytest.mark.requirement("BID-10", "X-5")
def test_nothing_is_said_of_the_standing_while_an_injected_bid_leads(told: Told) -> None:
    told.happens(2_500, reply(1_000, 1, "0.5"), reply(2_000, 2, "0.6"))
    told.happens(3_500, bid := injected(3_000, 3, "0.7"))
    assert told.said(3_500 + QUIET_MS, "standing:") == []
    told.happens(20_000, gone(bid))
    [standing] = told.said(20_000, "standing:")
    assert standing.startswith("Day 1: @user2 leads with 0.6 ETH so far.\nOutbid: @user1.\nThe next")


@pytest.mark.requirement("BID-10", "X-5")
def test_an_injected_bid_that_is_taken_back_is_not_told_either(told: Told) -> None:
    told.happens(1_500, reply(1_000, 1, "0.5"))
    posts(told, 1_600)
    told.happens(2_500, bid := injected(2_000, 2, "0.6"))
    told.happens(3_500, gone(bid))
    assert posts(told, 3_500 + QUIET_MS) == []
    assert told.notices.leader is not None
    assert (told.notices.leader.bidder_id, told.notices.injected_leads) == (1, False)


@pytest.mark.requirement("BID-10", "BID-4")
def test_a_verdict_that_a_late_injected_bid_has_changed_is_not_corrected(told: Told) -> None:
    told.happens(11_000, reply(10_000, 1, "0.5"))
    posts(told, 11_000)
    told.happens(12_000, injected(5_000, 2, "0.6"))
    assert posts(told, 12_000 + QUIET_MS) == []
    told.happens(20_000, reply(4_000, 3, "0.55"))
    assert [text[:6] for text in posts(told, 20_000)] == ["@user3"]


@pytest.mark.requirement("BID-10", "BID-4")
def test_a_verdict_that_a_real_bid_has_changed_is_corrected_also_below_an_injected_one(told: Told) -> None:
    told.happens(11_000, reply(10_000, 1, "0.5"))
    posts(told, 11_000)
    told.happens(13_000, injected(12_000, 2, "0.9"))
    told.happens(14_000, reply(5_000, 3, "0.6"))
    assert any("@user1 Day 1: Correction: Your bid of 0.5 ETH does not count" in text for text in posts(told, 14_000))
