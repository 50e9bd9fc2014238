"""Injected bids, which tests make up: they count as any other, cost nobody anything, and are never told as real."""

from typing import Any

import msgspec
import pytest

from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.settlement.runner_up import runner_up
from auction.wording.lines import host_line
from messages.base import Outcome
from messages.codec import pack, unpack
from messages.commands import EDITED, WithdrawBid
from messages.events import AuctionEvent, BidAccepted, ResultNamed, StandingsRevised, StrikeGiven
from tests.harness.builders import (
    AUCTION,
    CLOSES_MS,
    OPENING,
    OPENS_MS,
    RULES,
    gone,
    injected,
    opened_day,
    reply,
    swept,
)

pytestmark = pytest.mark.requirement("SUP-4")


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
