"""What concerns people and days to come: the scheduler takes it from the house's queue and passes it on, once."""

from collections.abc import Sequence
from typing import Any

import pytest
import redis

from actors.scheduler.actor import HOUSE, DayPlan, Scheduler
from adapters.redis.journal import Journal
from adapters.redis.queue import START
from auction.day import AuctionDay
from messages.base import Refusal
from messages.commands import AuctionCommand, BarBidder, OpenAuction, SkipDay, UnbarBidder
from messages.events import (
    BidderBarred,
    BidderUnbarred,
    DayStarted,
    DayVoided,
    MarathonEnded,
    StrikeGiven,
    StrikeLifted,
)
from messages.hints import QueueGrew
from tests.actors.scheduler.house import DAY_MS, scheduler
from tests.harness.stage import Stage

SHILL, FRIEND = 7, 8


@pytest.fixture
def house(stage: Stage, plan: list[DayPlan], asked: list[str]) -> Scheduler:
    """The scheduler, with day 1 open."""
    actor = scheduler(stage, plan, asked)
    stage.clock.goes_on(1000)
    stage.step(actor)
    assert stage.queued("m-01")
    return actor


def said(stage: Stage, kind: Any, **fields: Any) -> Any:
    name = f"{kind.__name__}:{sorted(fields.items())}"
    return kind(message_id=name, by="alice", why="because", said_at_ms=stage.clock(), **fields)


def ban(stage: Stage, bidder: int = SHILL) -> Any:
    return said(stage, BarBidder, bidder_id=bidder, from_ms=stage.clock(), reason=Refusal.BANNED)


def unban(stage: Stage, bidder: int = SHILL) -> Any:
    return said(stage, UnbarBidder, bidder_id=bidder, from_ms=stage.clock())


def order(stage: Stage, actor: Scheduler, *orders: AuctionCommand) -> None:
    """Each comes into the house's queue by itself, as operators give them."""
    for each in orders:
        stage.queues.append(HOUSE, [each])
    actor.context.mailbox.offer(QueueGrew())
    stage.step(actor)
    assert stage.batches(HOUSE) == []


def people(stage: Stage, auction_id: str) -> list[AuctionCommand]:
    """What the auction's queue says about people."""
    return [command for command in stage.queued(auction_id) if isinstance(command, BarBidder | UnbarBidder)]


def goes_on_to(stage: Stage, actor: Scheduler, auction_id: str) -> None:
    stage.clock.goes_on(DAY_MS)
    stage.step(actor)
    assert stage.queued(auction_id)


@pytest.mark.requirement("BID-6", "LIFE-8")
def test_a_ban_reaches_the_open_auction_and_stands_behind_the_opening_of_each_later_one(
    stage: Stage, house: Scheduler
) -> None:
    banned = ban(stage)
    order(stage, house, banned)
    [told] = stage.logged(BidderBarred)
    assert (told.bidder_id, told.from_ms, told.reason) == (SHILL, banned.from_ms, Refusal.BANNED)
    assert (told.by, told.why, told.correlation_id) == ("alice", "because", banned.message_id)
    assert people(stage, "m-01") == [banned]
    goes_on_to(stage, house, "m-02")
    opening, kept = stage.queued("m-02")
    assert isinstance(opening, OpenAuction)
    assert kept == banned


@pytest.mark.requirement("BID-6")
def test_an_auction_that_has_its_result_is_told_of_nobody_any_more(stage: Stage, house: Scheduler) -> None:
    stage.name_result(1)
    stage.step(house)
    order(stage, house, ban(stage))
    assert people(stage, "m-01") == []


@pytest.mark.requirement("BID-6")
def test_once_a_ban_is_lifted_open_auctions_are_told_and_later_ones_know_of_nothing(
    stage: Stage, house: Scheduler
) -> None:
    banned, other, lifted = ban(stage), ban(stage, FRIEND), unban(stage)
    order(stage, house, banned, other, lifted)
    assert people(stage, "m-01") == [banned, other, lifted]
    [told] = stage.logged(BidderUnbarred)
    assert (told.bidder_id, told.by, told.why) == (SHILL, "alice", "because")
    goes_on_to(stage, house, "m-02")
    assert people(stage, "m-02") == [other]


@pytest.mark.requirement("BID-6", "LIFE-8")
def test_an_order_given_twice_is_done_once_and_one_about_nobody_changes_nothing(stage: Stage, house: Scheduler) -> None:
    order(stage, house, unban(stage), ban(stage), ban(stage), unban(stage), unban(stage))
    assert [type(event) for event in stage.logged(BidderBarred, BidderUnbarred)] == [BidderBarred, BidderUnbarred]
    assert len(people(stage, "m-01")) == 2


@pytest.mark.requirement("BID-6", "LIFE-8")
def test_the_house_and_an_open_auction_agree_on_which_ban_an_order_lifts(stage: Stage, house: Scheduler) -> None:
    banned = ban(stage)
    earlier = said(stage, UnbarBidder, bidder_id=SHILL, from_ms=banned.from_ms - 1)
    day = AuctionDay("m-01")
    day.decide([stage.queued("m-01")[0], banned], stage.clock())
    order(stage, house, banned, earlier)
    assert (day.decide([earlier], stage.clock()), stage.logged(BidderUnbarred)) == ([], [])
    later = said(stage, UnbarBidder, bidder_id=SHILL, from_ms=banned.from_ms)
    order(stage, house, later)
    assert len(day.decide([later], stage.clock())) == len(stage.logged(BidderUnbarred)) == 1


@pytest.mark.requirement("LIFE-8")
def test_a_day_that_is_skipped_is_not_held_and_the_marathon_ends_without_it(
    stage: Stage, house: Scheduler, asked: list[str]
) -> None:
    order(stage, house, said(stage, SkipDay, day=2), said(stage, SkipDay, day=2))
    [voided] = stage.logged(DayVoided)
    assert (voided.day, voided.auction_id, voided.by) == (2, "m-02", "alice")
    assert "because" in voided.why
    stage.clock.goes_on(DAY_MS)
    stage.step(house)
    assert asked == ["m-01"]
    assert stage.queued("m-02") == []
    goes_on_to(stage, house, "m-03")
    for day in (1, 3):
        stage.name_result(day)
    stage.step(house, house)
    assert len(stage.logged(MarathonEnded)) == 1


@pytest.mark.requirement("LIFE-8")
@pytest.mark.parametrize("day", [1, 0, 4, -1], ids=["begun", "none", "after the last", "negative"])
def test_a_day_that_has_begun_or_does_not_exist_is_not_skipped(day: int, stage: Stage, house: Scheduler) -> None:
    order(stage, house, said(stage, SkipDay, day=day))
    assert stage.logged(DayVoided) == []
    assert [event.day for event in stage.logged(DayStarted)] == [1]


@pytest.mark.requirement("LIFE-8", "RED-4", "SUP-3")
@pytest.mark.parametrize("lost", ["nothing", "newest checkpoint", "both checkpoints"])
def test_what_died_before_it_took_its_orders_out_of_the_queue_does_none_of_them_twice(
    lost: str, stage: Stage, house: Scheduler, plan: list[DayPlan], asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    banned, skip = ban(stage), said(stage, SkipDay, day=3)
    stage.queues.append(HOUSE, [banned, skip])
    commit = Journal.commit

    def dies(journal: Journal, events: Sequence[Any], *more: Any) -> int:
        if not events:  # the commit that takes the entry out of the queue
            raise redis.ConnectionError("gone")
        return commit(journal, events, *more)

    with monkeypatch.context() as dying:
        dying.setattr(Journal, "commit", dies)
        with pytest.raises(redis.ConnectionError):
            stage.step(house)
    assert stage.batches(HOUSE) == [[banned, skip]]
    if lost != "nothing":
        stage.lose_checkpoints(HOUSE, both=lost == "both checkpoints")
    successor = scheduler(stage, plan, asked)
    stage.step(successor, successor)
    assert stage.batches(HOUSE) == []
    assert [type(event) for event in stage.logged(BidderBarred, DayVoided)] == [BidderBarred, DayVoided]
    assert people(stage, "m-01") == [banned]


@pytest.mark.requirement("QUE-2", "LIFE-8")
def test_an_order_that_cannot_be_read_becomes_a_dead_letter_and_holds_up_nobody(stage: Stage, house: Scheduler) -> None:
    stage.client.xadd(stage.keys.queue(HOUSE), {"batch": b"\xc1 no order"})
    banned = ban(stage)
    order(stage, house, banned)
    [letter] = stage.queues.dead_letters(START, 10)
    assert (letter[1].auction_id, letter[1].data, letter[1].attempts) == (HOUSE, b"\xc1 no order", 1)
    assert letter[1].error
    assert people(stage, "m-01") == [banned]


# ---- strikes


class Strikes:
    """Auctions that give strikes, as the scheduler hears of them."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.given = stage, 0
        self.journal = stage.store.journal("m-01")
        self.journal.begin()

    def __call__(self, bidder: int = SHILL) -> StrikeGiven:
        self.given += 1
        self.stage.clock.goes_on(1)
        post_id = 1_000 + self.given
        strike = StrikeGiven(
            message_id=f"strike:{post_id}",
            at_ms=self.stage.clock(),
            bidder_id=bidder,
            post_id=post_id,
            cause="took back a leading bid",
        )
        self.journal.commit([strike])
        return strike

    def lift(self, strike: StrikeGiven) -> None:
        self.stage.clock.goes_on(1)
        lifted = StrikeLifted(
            message_id=f"strike-lifted:{strike.post_id}",
            at_ms=self.stage.clock(),
            bidder_id=strike.bidder_id,
            post_id=strike.post_id,
        )
        self.journal.commit([lifted])


@pytest.mark.requirement("BID-6", "BID-8")
def test_the_second_strike_bans_from_then_on_and_what_was_bid_before_stands(stage: Stage, house: Scheduler) -> None:
    strike = Strikes(stage)
    strike(SHILL), strike(FRIEND)
    stage.step(house)
    assert stage.logged(BidderBarred) == []
    second = strike(SHILL)
    stage.step(house, house)
    [told] = stage.logged(BidderBarred)
    assert (told.bidder_id, told.from_ms, told.reason) == (SHILL, second.at_ms, Refusal.NOT_ELIGIBLE)
    assert (told.by, "2 strikes" in told.why) == ("house", True)
    [banned] = people(stage, "m-01")
    goes_on_to(stage, house, "m-02")
    assert people(stage, "m-02") == [banned]


@pytest.mark.requirement("BID-6", "RED-4", "SUP-3")
@pytest.mark.parametrize("lost", ["nothing", "newest checkpoint", "both checkpoints"])
def test_strikes_are_counted_once_whoever_restarts(
    lost: str, stage: Stage, house: Scheduler, plan: list[DayPlan], asked: list[str]
) -> None:
    strike = Strikes(stage)

    def restart() -> Scheduler:
        if lost != "nothing":
            stage.lose_checkpoints(HOUSE, both=lost == "both checkpoints")
        actor = scheduler(stage, plan, asked)
        stage.step(actor)
        return actor

    strike()
    for _ in range(3):
        actor = restart()
    assert stage.logged(BidderBarred) == []
    strike()
    for _ in range(3):
        actor = restart()
    assert len(stage.logged(BidderBarred)) == 1
    stage.clock.goes_on(1)
    order(stage, actor, unban(stage))
    for _ in range(3):
        actor = restart()
    assert len(stage.logged(BidderBarred)) == 1, "what was lifted stays lifted"
    strike()
    for _ in range(3):
        restart()
    assert len(stage.logged(BidderBarred)) == 1, "the strikes before are forgiven"
    strike()
    restart()
    assert len(stage.logged(BidderBarred)) == 2


@pytest.mark.requirement("BID-6")
def test_a_strike_of_who_is_banned_bans_him_no_second_time(stage: Stage, house: Scheduler) -> None:
    strike = Strikes(stage)
    order(stage, house, ban(stage))
    strike(), strike()
    stage.step(house, house)
    assert len(stage.logged(BidderBarred)) == 1


@pytest.mark.requirement("BID-6", "BID-8", "RED-4")
@pytest.mark.parametrize("lost", ["nothing", "both checkpoints"])
def test_a_strike_that_is_lifted_counts_no_more_and_lifts_the_ban_that_rests_on_it(
    lost: str, stage: Stage, house: Scheduler, plan: list[DayPlan], asked: list[str]
) -> None:
    strike = Strikes(stage)
    for _ in range(2):
        strike.lift(strike())  # after each there is none left
    stage.step(house)
    assert stage.logged(BidderBarred) == []
    strike(), strike(FRIEND)
    wrong = strike()
    stage.step(house, house)
    [banned] = stage.logged(BidderBarred)
    strike.lift(wrong)
    stage.step(house, house)
    [unbanned] = stage.logged(BidderUnbarred)
    # From the same time on: it is as if he had never been banned.
    assert (unbanned.bidder_id, unbanned.from_ms, unbanned.by) == (SHILL, banned.from_ms, "house")
    if lost != "nothing":
        stage.lose_checkpoints(HOUSE, both=True)
    for _ in range(2):
        stage.step(scheduler(stage, plan, asked))
    assert (len(stage.logged(BidderBarred)), len(stage.logged(BidderUnbarred))) == (1, 1)
