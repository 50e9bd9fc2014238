"""Notices: what bidders are told, how a bid war becomes one post, and what is let go."""

import pytest

from actors.announcer.notices import MOST_WAITING, QUIET_MS, RECEIPT_LIFE_MS, RECEIPTS_A_BIDDER, DayNotices
from auction.post_budget import LIMIT_A_WINDOW, RESERVED, PostBudget
from messages.codec import pack, unpack
from messages.commands import InvalidateBid
from tests.actors.announcer.told import INTERVAL_MS, Told
from tests.harness.builders import AUCTION, CLOSES_MS, OPENS_MS, gone, reply, swept


@pytest.mark.requirement("BID-10", "X-5")
def test_every_bidder_is_answered_below_his_own_post(told: Told) -> None:
    low, comma = reply(2_000, 2, "0.4"), reply(3_000, 3, "0,7 ETH #AuctionDay")
    told.happens(5_000, reply(1_000, 1, "0.5"), low, comma)
    found = {notice.reply_to: notice for notice in told.due(5_000)}
    assert found[low.post_id].name == f"receipt:{AUCTION}:2:{low.post_id}"
    assert [found[one.post_id].text.split(" count:")[0] for one in (low, comma)] == [
        "@user2 Day 1: Your bid of 0.4 ETH does not",
        "@user3 Day 1: Your bid does not",
    ]
    assert len(found) == 3
    assert told.due(5_000) == []


@pytest.mark.requirement("BID-8", "BID-10")
def test_who_has_deleted_a_bid_that_binds_still_leads_and_is_not_answered_below_it(told: Told) -> None:
    first, leading = reply(1_000, 1, "0.5"), reply(2_000, 2, "0.6")
    told.happens(3_000, first, leading)
    told.happens(3_600_000, gone(leading))
    assert told.notices.leader is not None
    assert told.notices.leader.post_id == leading.post_id
    assert [notice.reply_to for notice in told.due(3_600_000 - 1) if notice.name.startswith("receipt")] == []
    assert leading.post_id not in [waiting.receipt.post_id for waiting in told.notices.receipts.values()]


@pytest.mark.requirement("BID-10")
def test_a_receipt_says_what_is_true_when_it_is_sent(told: Told) -> None:
    told.happens(1_500, reply(1_000, 1, "0.5"))
    told.happens(2_500, reply(2_000, 2, "0.6"))
    assert told.said(2_500, "receipt:") == [
        "@user1 Day 1: Your bid of 0.5 ETH counts and has been outbid. The next bid needs 0.63 ETH. "
        "Bidding ends at 09:00:00 UTC. (test-01, 2027-01-15)",
        "@user2 Day 1: Your bid of 0.6 ETH leads so far. The next bid needs 0.63 ETH. Bidding ends at 09:00:00 UTC. "
        "(test-01, 2027-01-15)",
    ]


@pytest.mark.requirement("BID-10", "X-5")
def test_a_bid_war_is_one_post_some_time_after_its_last_bid(told: Told) -> None:
    for turn in range(20):
        told.happens(turn * 500 + 100, reply(turn * 500, 1 + turn % 2, f"{1 + turn}"))
    last_ms = 19 * 500 + 100
    assert told.said(last_ms + QUIET_MS - 1, "standing:") == []
    assert told.said(last_ms + QUIET_MS, "standing:") == [
        "Day 1: @user2 leads with 20 ETH so far.\nOutbid: @user1.\nThe next bid needs 21 ETH. "
        "Bidding ends at 09:00:00 UTC. (test-01, 2027-01-15)"
    ]
    assert told.said(last_ms + INTERVAL_MS, "standing:") == []


@pytest.mark.requirement("BID-10", "X-5")
def test_a_bid_war_without_a_pause_is_told_once_an_interval(told: Told) -> None:
    posts = []
    for turn in range(150):
        told.happens(turn * 1_000 + 100, reply(turn * 1_000, 1 + turn % 3, f"{1 + turn}"))
        posts += told.said(turn * 1_000 + 100, "standing:")
    assert len(posts) == 2
    assert [post.split("\n")[1].count("@user") for post in posts] == [2, 2]


@pytest.mark.requirement("BID-10")
def test_nobody_is_outbid_by_himself_and_nothing_is_said_after_the_end(told: Told) -> None:
    told.happens(1_100, reply(1_000, 1, "0.5"))
    assert told.said(30_000, "standing:") == []
    told.happens(3_600_000, reply(3_599_000, 2, "0.6"))
    told.notices.ends_at_ms = CLOSES_MS
    assert told.said(3_600_000 + QUIET_MS, "standing:") == []


@pytest.mark.requirement("BID-10", "BID-4")
def test_who_was_told_otherwise_is_corrected_once_a_day(told: Told) -> None:
    told.happens(11_000, first := reply(10_000, 1, "0.5"))
    assert "leads so far" in told.said(11_000)[0]
    told.happens(12_000, reply(5_000, 2, "0.6"))
    found = {notice.name: notice for notice in told.due(12_000)}
    correction = found[f"correction:{AUCTION}:1"]
    assert correction.reply_to == first.post_id
    assert correction.text.startswith(
        "@user1 Day 1: Correction: Your bid of 0.5 ETH does not count: the standing has changed. The next bid needs"
    )
    # It counts again, and then once more it does not: enough was said.
    leading = told.notices.leader
    assert leading is not None
    told.happens(13_000, InvalidateBid(message_id="i", by="op", why="w", said_at_ms=0, post_id=leading.post_id))
    assert f"correction:{AUCTION}:1" not in [notice.name for notice in told.due(13_000)]
    told.happens(14_000, reply(6_000, 3, "0.7"))
    assert f"correction:{AUCTION}:1" not in [notice.name for notice in told.due(14_000)]


@pytest.mark.requirement("BID-10", "BID-4")
def test_what_has_turned_back_before_it_was_said_is_not_said(told: Told) -> None:
    told.happens(11_000, reply(10_000, 1, "0.5"))
    told.due(11_000)
    told.happens(12_000, late := reply(5_000, 2, "0.6"))
    told.happens(13_000, gone(late))
    assert told.due(13_000) == []


@pytest.mark.requirement("BID-10", "BID-4")
def test_a_bid_found_late_that_does_not_lead_takes_the_lead_from_nobody(told: Told) -> None:
    told.happens(11_000, reply(10_000, 1, "0.5"))
    told.happens(12_000, reply(5_000, 2, "0.2"))
    assert told.notices.leader is not None
    assert told.notices.leader.bidder_id == 1
    assert told.notices.outbid == {}
    assert told.said(12_000 + QUIET_MS, "standing:") == []
    assert [text for text in told.said(12_000, "receipt:") if text.startswith("@user2")] == []


@pytest.mark.requirement("BID-10", "BID-8")
def test_below_a_post_that_is_gone_nobody_is_answered(told: Told) -> None:
    told.happens(1_100, first := reply(1_000, 1, "0.5"))
    told.happens(2_100, second := reply(2_000, 2, "0.6"))
    told.happens(3_000, gone(second))
    assert [notice.reply_to for notice in told.due(3_000)] == [first.post_id]
    # Who leads again is told that he does.
    [standing] = told.said(3_000 + QUIET_MS, "standing:")
    assert standing.startswith("Day 1: @user1 leads with 0.5 ETH so far.\nThe next bid needs 0.525 ETH.")


@pytest.mark.requirement("X-5")
def test_of_a_bidder_only_the_newest_post_is_answered_and_not_too_often(told: Told) -> None:
    for turn in range(3):
        told.happens(turn * 1_000 + 100, reply(turn * 1_000, 1, f"0.0{turn + 1}"))
    assert [text.split(" does")[0] for text in told.said(3_000)] == ["@user1 Day 1: Your bid of 0.03 ETH"]
    for turn in range(3, 30):
        told.happens(turn * 20_000 + 100, reply(turn * 20_000, 1, "0.01"))
        told.due(turn * 20_000 + 100)
    assert told.notices.told[1].times == RECEIPTS_A_BIDDER


@pytest.mark.requirement("X-5")
def test_what_waits_is_bounded_and_grows_old(told: Told) -> None:
    told.happens(2_000, *(reply(1_000, author, "0.01", serial=author) for author in range(1, MOST_WAITING + 50)))
    assert len(told.notices.receipts) == MOST_WAITING
    assert told.due(2_000 + RECEIPT_LIFE_MS) == []
    assert told.notices.receipts == {}


@pytest.mark.requirement("X-5", "RED-4")
def test_what_the_log_says_was_sent_is_not_sent_again(told: Told) -> None:
    for turn in range(4):
        told.happens(turn * 1_000 + 100, reply(turn * 1_000, 1 + turn % 2, f"{1 + turn}"))
    late = reply(500, 3, "1.9")
    before = pack(told.notices)
    sent = told.due(3_100 + QUIET_MS)
    assert [notice.name.split(":")[0] for notice in sent] == ["standing", "receipt", "receipt"]
    told.notices = unpack(before, DayNotices)
    for notice in sent:
        told.notices.recall(notice.name, OPENS_MS + 3_100 + QUIET_MS)
    assert told.due(3_100 + QUIET_MS) == []
    # Whoever was sent something is known to have been told, too.
    told.happens(20_000, late, swept(OPENS_MS + 10_000))
    assert sorted(told.notices.told) == [1, 2]


@pytest.mark.requirement("X-5")
def test_the_budget_keeps_room_for_what_has_to_be_announced() -> None:
    budget, now_ms = PostBudget(), OPENS_MS // 86_400_000 * 86_400_000
    made = 0
    while budget.allows(now_ms, 30):
        budget.spend(now_ms)
        made += 1
    assert made == 30 - RESERVED
    assert not budget.allows(now_ms + 86_399_999, 30)
    assert budget.allows(now_ms + 86_400_000, 30)


@pytest.mark.requirement("X-4", "X-5")
def test_the_budget_leaves_most_of_what_x_allows_in_15_minutes_alone() -> None:
    budget, now_ms, made = PostBudget(), OPENS_MS // 86_400_000 * 86_400_000, 0
    while budget.allows(now_ms, 10_000):
        budget.spend(now_ms)
        made += 1
    assert made == LIMIT_A_WINDOW <= 50
    budget = unpack(pack(budget), PostBudget)
    assert not budget.allows(now_ms + 899_999, 10_000)
    assert budget.allows(now_ms + 900_000, 10_000)
    assert not PostBudget().allows(now_ms, 0)
