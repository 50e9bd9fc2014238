"""Injected bids, which tests make up: they count as any other, cost nobody anything, and are never told as real."""

from typing import Any

import msgspec
import pytest

from auction.audit import Auditor
from auction.day import AuctionDay
from auction.record import DayState
from auction.settlement.runner_up import runner_up
from auction.wording.lines import host_line
from messages.base import Outcome
from messages.codec import pack, unpack
from messages.commands import EDITED, PlaceBid, WithdrawBid
from messages.events import AuctionEvent, BidAccepted, ResultNamed, StandingsRevised, StrikeGiven
from tests.actors.announcer.test_notices import QUIET_MS, Told, told  # noqa: F401  # a fixture
from tests.harness.builders import AUCTION, CLOSES_MS, OPENING, OPENS_MS, RULES, gone, opened_day, reply, swept

pytestmark = pytest.mark.requirement("SUP-4")


def injected(after_ms: int, author: int, amount: str) -> PlaceBid:
    """A bid as `api/injection` makes it up."""
    bid = reply(after_ms, author, amount)
    return msgspec.structs.replace(bid, source="injected:ada", injected=True)


def log_of(*batches: list[Any]) -> list[list[AuctionEvent]]:
    """What these batches of commands make of a day that has opened, a second apart."""
    day = AuctionDay(AUCTION)
    opening = [day.decide([command], OPENS_MS) for command in OPENING]
    return opening + [day.decide(batch, OPENS_MS + 60_000 + 1_000 * n) for n, batch in enumerate(batches)]


def said(log: list[list[AuctionEvent]], kind: type[Any]) -> list[Any]:
    return [event for batch in log for event in batch if isinstance(event, kind)]


def assert_it_follows(log: list[list[AuctionEvent]]) -> None:
    """The audit agrees, and the log alone gives the same day, over checkpoints at any place."""
    auditor, replayed = Auditor(AUCTION), AuctionDay(AUCTION)
    for batch in log:
        assert auditor.check(batch) is None
        replayed.replay(batch)
        replayed = AuctionDay(AUCTION, unpack(pack(replayed.state()), DayState))
    assert pack(replayed.state()) == pack(auditor.day.state())


@pytest.mark.requirement("BID-6", "BID-8", "RED-5")
@pytest.mark.parametrize("cause", ["deleted", "suspended", EDITED])
def test_nobody_gets_a_strike_for_an_injected_bid(cause: str) -> None:
    bid = injected(2_000, 2, "0.6")
    taken_back = WithdrawBid(message_id="w", post_id=bid.post_id, cause=cause)
    log = log_of([reply(1_000, 1, "0.5"), bid], [taken_back])
    assert said(log, StrikeGiven) == []
    assert said(log, StandingsRevised)[0].leader.bidder_id == 1
    assert_it_follows(log)


@pytest.mark.requirement("BID-6", "RED-5")
def test_a_log_of_before_the_mark_keeps_its_strike_and_passes_the_audit() -> None:
    before = msgspec.structs.replace(injected(2_000, 2, "0.6"), injected=False)
    log = log_of([reply(1_000, 1, "0.5"), before], [gone(before)])
    assert [event.bidder_id for event in said(log, StrikeGiven)] == [2]
    assert b"injected\xc3" not in pack(log)
    assert_it_follows(log)


@pytest.mark.requirement("RED-4")
def test_a_checkpoint_of_before_the_mark_is_read_as_without_injected_bids() -> None:
    state = msgspec.msgpack.decode(pack(opened_day().state()))
    assert unpack(msgspec.msgpack.encode(state[:-1]), DayState).injected == []
    assert len(state) == len(DayState.__struct_fields__)


def test_the_mark_of_a_winner_outlives_a_checkpoint_and_he_is_no_runner_up() -> None:
    day = opened_day()
    day.decide([reply(1_000, 1, "0.5"), injected(2_000, 2, "0.6"), reply(3_000, 3, "0.7")], OPENS_MS + 4_000)
    first = AuctionDay(AUCTION, unpack(pack(day.state()), DayState))
    first.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    first.decide([swept(CLOSES_MS)], CLOSES_MS + 60_000)
    next_one = runner_up(first, {3})
    assert next_one is not None
    assert next_one.bidder_id == 1

    day.decide([injected(4_000, 4, "0.8")], OPENS_MS + 5_000)
    day = AuctionDay(AUCTION, unpack(pack(day.state()), DayState))
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    *_, result = day.decide([swept(CLOSES_MS)], CLOSES_MS + 60_000)
    assert isinstance(result, ResultNamed)
    assert result.winner is not None
    assert (result.outcome, result.winner.bidder_id, result.is_of_a_test) == (Outcome.SOLD, 4, True)


@pytest.mark.requirement("ELZ-3")
def test_the_host_calls_a_test_bid_a_test_bid() -> None:
    day = opened_day()
    bid = injected(2_000, 2, "0.6")
    [accepted] = day.decide([bid], OPENS_MS + 3_000)
    *_, revised = day.decide([reply(1_000, 1, "0.5")], OPENS_MS + 3_000)
    day.tick(CLOSES_MS + RULES.delivery_allowance_ms)
    *_, result = day.decide([swept(CLOSES_MS)], CLOSES_MS + 60_000)
    assert [type(event) for event in (accepted, revised)] == [BidAccepted, StandingsRevised]
    for event in (accepted, revised):
        assert host_line(event) == "@user2's test bid of 0.6 ETH leads so far. The next bid needs 0.63 ETH."
    assert host_line(result) == "A test is over: @user2's bid of 0.6 ETH was not real."


# ---- what bidders are told on X


def posts(told: Told, after_ms: int) -> list[str]:  # noqa: F811
    return [notice.text for notice in told.due(after_ms)]


@pytest.mark.requirement("BID-10", "X-5")
def test_an_injected_bid_gets_no_receipt_and_takes_the_lead_from_nobody_in_public(told: Told) -> None:  # noqa: F811
    told.happens(1_500, reply(1_000, 1, "0.5"))
    assert len(posts(told, 1_600)) == 1
    told.happens(2_500, injected(2_000, 2, "0.6"), injected(2_100, 3, "0,7 ETH #AuctionDay"))
    assert posts(told, 2_500 + QUIET_MS) == []
    told.happens(9_500, again := reply(9_000, 1, "0.7"))
    [receipt] = told.due(9_500 + QUIET_MS)
    assert (receipt.reply_to, "leads so far" in receipt.text) == (again.post_id, True)


@pytest.mark.requirement("BID-10", "X-5")
def test_who_was_outbid_by_an_injected_bid_is_told_once_a_real_one_leads(told: Told) -> None:  # noqa: F811
    told.happens(1_500, reply(1_000, 1, "0.5"))
    told.happens(2_500, injected(2_000, 2, "0.6"))
    assert posts(told, 2_500 + QUIET_MS)[0].startswith("@user1 Day 1: Your bid of 0.5 ETH counts and has been outbid.")
    told.happens(9_500, reply(9_000, 3, "0.7"))
    standing, receipt = posts(told, 9_500 + QUIET_MS)
    assert standing.startswith("Day 1: @user3 leads with 0.7 ETH so far.\nOutbid: @user1.\nThe next")
    assert receipt.startswith("@user3 Day 1: Your bid of 0.7 ETH leads so far.")


@pytest.mark.requirement("BID-10", "X-5")
def test_nothing_is_said_of_the_standing_while_an_injected_bid_leads(told: Told) -> None:  # noqa: F811
    told.happens(2_500, reply(1_000, 1, "0.5"), reply(2_000, 2, "0.6"))
    told.happens(3_500, bid := injected(3_000, 3, "0.7"))
    assert told.said(3_500 + QUIET_MS, "standing:") == []
    told.happens(20_000, gone(bid))
    [standing] = told.said(20_000, "standing:")
    assert standing.startswith("Day 1: @user2 leads with 0.6 ETH so far.\nOutbid: @user1.\nThe next")


@pytest.mark.requirement("BID-10", "X-5")
def test_an_injected_bid_that_is_taken_back_is_not_told_either(told: Told) -> None:  # noqa: F811
    told.happens(1_500, reply(1_000, 1, "0.5"))
    posts(told, 1_600)
    told.happens(2_500, bid := injected(2_000, 2, "0.6"))
    told.happens(3_500, gone(bid))
    assert posts(told, 3_500 + QUIET_MS) == []
    assert told.notices.leader is not None
    assert (told.notices.leader.bidder_id, told.notices.injected_leads) == (1, False)


@pytest.mark.requirement("BID-10", "BID-4")
def test_a_verdict_that_a_late_injected_bid_has_changed_is_not_corrected(told: Told) -> None:  # noqa: F811
    told.happens(11_000, reply(10_000, 1, "0.5"))
    posts(told, 11_000)
    told.happens(12_000, injected(5_000, 2, "0.6"))
    assert posts(told, 12_000 + QUIET_MS) == []
    told.happens(20_000, reply(4_000, 3, "0.55"))
    assert [text[:6] for text in posts(told, 20_000)] == ["@user3"]


@pytest.mark.requirement("BID-10", "BID-4")
def test_a_verdict_that_a_real_bid_has_changed_is_corrected_also_below_an_injected_one(told: Told) -> None:  # noqa: F811
    told.happens(11_000, reply(10_000, 1, "0.5"))
    posts(told, 11_000)
    told.happens(13_000, injected(12_000, 2, "0.9"))
    told.happens(14_000, reply(5_000, 3, "0.6"))
    assert any("@user1 Day 1: Correction: Your bid of 0.5 ETH does not count" in text for text in posts(told, 14_000))
