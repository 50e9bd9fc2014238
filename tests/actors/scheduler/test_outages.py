"""Outages of the house and of X: noticed once, made up for before anything is final, whoever dies in between."""

from typing import Any

import pytest

from actors.auction.actor import Auction, Limits
from actors.scheduler.actor import BEAT_MS, HOUSE, DayPlan, Scheduler
from adapters.redis.errors import DamagedState
from auction.downtime_policy import LEAST_OUTAGE_MS
from messages.base import Outage, Phase
from messages.commands import ConfirmAuctionPost, MakeUpFor
from messages.events import EndExtended, EndFrozen, OutageNoticed
from messages.x_ids import first_id_at
from tests.actors.scheduler.house import scheduler
from tests.harness.builders import RULES, reply
from tests.harness.privates import is_reading_ahead
from tests.harness.stage import HOUR_MS, Stage

MINUTE_MS = 60_000
ALLOWED_MS = 2 * MINUTE_MS


def opened(stage: Stage, plan: list[DayPlan], asked: list[str]) -> tuple[Scheduler, Auction]:
    """The house and the auction of day 1, which is open, ten minutes into its hour."""
    house = scheduler(stage, plan, asked)
    stage.clock.goes_on(1000)
    stage.step(house)
    auction = stage.auction()
    stage.step(auction)
    stage.queues.append("m-01", [ConfirmAuctionPost(message_id="tweet:1", post_id=first_id_at(stage.clock()))])
    stage.step(auction)
    assert stage.current()["phase"] == Phase.ACTIVE
    stage.clock.goes_on(10 * MINUTE_MS)
    stage.client.set(stage.keys.alive, stage.clock())  # nobody was ever silent meanwhile
    return scheduler(stage, plan, asked), auction


def noticed(stage: Stage) -> list[int]:
    """How long the outages were that the log knows of."""
    return [event.to_ms - event.from_ms for event in stage.logged(OutageNoticed)]


def moved(stage: Stage) -> list[int]:
    """How far beyond its scheduled end each extension has moved day 1."""
    ends = [event.ends_at_ms for event in stage.logged(EndExtended)]
    scheduled = [event.opens_at_ms + HOUR_MS for event in stage.logged() if hasattr(event, "latest_end_ms")]
    return [end - scheduled[0] for end in ends]


@pytest.mark.requirement("LIFE-6")
@pytest.mark.parametrize(("down_ms", "moves_ms"), [(ALLOWED_MS, []), (10 * MINUTE_MS, [8 * MINUTE_MS])])
def test_what_exceeds_two_minutes_moves_the_end_and_the_log_says_why(
    down_ms: int, moves_ms: list[int], stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    opened(stage, plan, asked)
    stage.clock.goes_on(down_ms)
    house, auction = scheduler(stage, plan, asked), stage.auction()
    stage.step(house, auction)
    assert (noticed(stage), moved(stage)) == ([down_ms], moves_ms)
    for event in stage.logged(EndExtended):
        assert (event.by, event.why) == (HOUSE, "the auction house was down for 600 s")
        assert event.outage.allowed_ms == ALLOWED_MS


@pytest.mark.requirement("LIFE-6", "SUP-3")
def test_an_outage_is_made_up_for_once_however_often_everybody_restarts(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    opened(stage, plan, asked)
    stage.clock.goes_on(10 * MINUTE_MS)
    scheduler(stage, plan, asked)  # dies as soon as it has said so
    for lost in (None, False, True, None):
        if lost is not None:
            stage.lose_checkpoints(HOUSE, both=lost)
        stage.step(scheduler(stage, plan, asked), stage.auction())
    assert (noticed(stage), moved(stage)) == ([10 * MINUTE_MS], [8 * MINUTE_MS])


@pytest.mark.requirement("LIFE-6", "RED-2")
def test_an_outage_that_could_not_be_told_to_the_auction_is_still_one_for_the_next(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    opened(stage, plan, asked)
    stage.clock.goes_on(10 * MINUTE_MS)
    stage.client.delete(stage.keys.queue("m-01"))
    stage.client.set(stage.keys.queue("m-01"), "no queue")
    with pytest.raises(DamagedState):
        scheduler(stage, plan, asked)
    assert noticed(stage) == []
    stage.client.delete(stage.keys.queue("m-01"))
    stage.step(scheduler(stage, plan, asked), stage.auction())
    assert (noticed(stage), moved(stage)) == ([10 * MINUTE_MS], [8 * MINUTE_MS])


@pytest.mark.requirement("LIFE-6")
def test_a_stumble_is_no_outage_and_a_beat_is_written_once_a_while(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    house, _ = opened(stage, plan, asked)
    written = stage.client.get(stage.keys.alive)
    stage.clock.goes_on(BEAT_MS - 1)
    house.tick()
    assert stage.client.get(stage.keys.alive) == written
    stage.clock.goes_on(LEAST_OUTAGE_MS - BEAT_MS)
    house.tick()
    assert stage.client.get(stage.keys.alive) == str(stage.clock()).encode()
    assert noticed(stage) == []


@pytest.mark.requirement("LIFE-6", "LIFE-5")
def test_no_end_is_final_before_the_house_has_said_what_happened(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    opened(stage, plan, asked)
    stage.clock.goes_on(50 * MINUTE_MS + RULES.delivery_allowance_ms)
    auction = stage.auction()
    stage.step(auction)
    assert stage.logged(EndFrozen) == [], "the auction is back before the house is"
    stage.step(scheduler(stage, plan, asked), auction)
    assert stage.logged(EndFrozen) == []
    assert moved(stage) == [48 * MINUTE_MS + RULES.delivery_allowance_ms]


@pytest.mark.requirement("LIFE-6", "LIFE-5")
def test_an_end_that_can_only_be_moved_into_the_past_stays_and_is_final_at_once(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    opened(stage, plan, asked)
    stage.clock.goes_on(50 * MINUTE_MS + RULES.soft_close_cap_ms)
    auction = stage.auction()
    stage.step(auction)
    [frozen] = stage.logged(EndFrozen)
    assert frozen.ends_at_ms == plan[0].window.closes_at_ms
    stage.step(scheduler(stage, plan, asked), auction)
    assert (len(noticed(stage)), moved(stage)) == (1, [])


def x_was_down(stage: Stage, for_ms: int, said: str = "x") -> MakeUpFor:
    now_ms = stage.clock()
    outage = Outage(from_ms=now_ms - for_ms, to_ms=now_ms)
    return MakeUpFor(message_id=said, by=HOUSE, why="", said_at_ms=now_ms, outage=outage)


@pytest.mark.requirement("LIFE-6")
def test_an_outage_of_x_counts_likewise_and_a_report_that_comes_twice_counts_once(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    house, auction = opened(stage, plan, asked)
    stage.client.set(stage.keys.x_away, 1)
    report: Any = x_was_down(stage, 5 * MINUTE_MS)
    for _ in range(2):
        stage.queues.append(HOUSE, [report])
        stage.step(house, auction)
    assert (noticed(stage), moved(stage)) == ([5 * MINUTE_MS], [3 * MINUTE_MS])
    assert stage.logged(OutageNoticed)[0].what == "X"
    assert not stage.client.exists(stage.keys.x_away)


@pytest.mark.requirement("LIFE-6", "LIFE-5")
def test_while_x_is_away_no_end_is_final_until_nothing_could_move_it_any_more(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    _, auction = opened(stage, plan, asked)
    stage.client.set(stage.keys.x_away, stage.clock())
    for _ in range(50 + RULES.soft_close_cap_ms // MINUTE_MS - 1):
        stage.clock.goes_on(MINUTE_MS)
        stage.client.set(stage.keys.alive, stage.clock())
        stage.step(auction)
    assert stage.logged(EndFrozen) == []
    stage.clock.goes_on(2 * MINUTE_MS)
    stage.step(auction)
    assert len(stage.logged(EndFrozen)) == 1


@pytest.mark.requirement("LIFE-6", "LIFE-3")
def test_what_was_read_ahead_before_the_house_vouched_for_the_end_is_not_taken_for_all_there_is(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    stage.auction_limits = Limits(commits_a_turn=1)
    house, auction = opened(stage, plan, asked)
    stage.clock.now_ms = plan[0].window.closes_at_ms + 10 * MINUTE_MS
    stage.queues.append("m-01", [reply(1_000, 7, "0.2")])
    auction.tick()
    assert is_reading_ahead(auction), "the queue is being read, and has nothing more"
    house.tick()  # makes up for the silence, and shows life in the same commit
    auction.tick()
    assert (len(moved(stage)), stage.logged(EndFrozen)) == (1, [])
