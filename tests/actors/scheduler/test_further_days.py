"""The lot of a day that was not held comes again behind the last day, once; and then the marathon is over."""

import json
from datetime import date
from typing import Any

import pytest

from actors.scheduler.actor import AT_REST_MS, HOUSE, DayPlan, Scheduler
from actors.scheduler.day_plan import FurtherDay
from actors.scheduler.house_state import LATE_DAYS
from adapters.redis.client import execute
from auction.calendar import Window
from messages.base import Leader, Outcome, Phase, Wei
from messages.commands import OpenAuction, SkipDay, VoidAuction
from messages.events import DayAdded, DayVoided, MarathonEnded, PostRefused, ResultNamed
from messages.hints import DayIsOver
from tests.actors.scheduler.house import DAY_MS
from tests.harness.stage import HOUR_MS, Stage


@pytest.fixture
def further(plan: list[DayPlan]) -> list[FurtherDay]:
    """Two more dates."""
    last = plan[-1].window
    return [
        FurtherDay(
            f"m-{day:02d}",
            Window(
                day=day,
                local_date=date(2027, 1, day),
                opens_at_ms=last.opens_at_ms + (day - 3) * DAY_MS,
                closes_at_ms=last.closes_at_ms + (day - 3) * DAY_MS,
            ),
        )
        for day in (4, 5)
    ]


def house(
    stage: Stage, plan: list[DayPlan], further: list[FurtherDay], asked: list[str], ended: list[int] | None = None
) -> Scheduler:
    def end() -> None:
        assert ended is not None, "nobody wanted the process to end"
        ended.append(stage.clock())

    def make(context: Any) -> Scheduler:
        return Scheduler(context, plan, stage.access, stage.clock, asked.append, [], further=further, end=end)

    return stage.enter("scheduler", make)


def skip(stage: Stage, day: int) -> SkipDay:
    return SkipDay(message_id=f"skip:{day}", by="alice", why="a holiday", said_at_ms=stage.clock(), day=day)


def added(stage: Stage) -> list[tuple[int, int]]:
    return [(event.day, event.of_day) for event in stage.logged(DayAdded)]


def opens_ms(plan: list[DayPlan], further: list[FurtherDay]) -> list[int]:
    """When each day opens, the further ones behind the others."""
    return [day.window.opens_at_ms for day in plan] + [day.window.opens_at_ms for day in further]


def planned(stage: Stage) -> list[int]:
    """The days that readers see as planned."""
    return [day["window"]["day"] for day in json.loads(execute(stage.client, "GET", stage.keys.config))]


@pytest.mark.requirement("LIFE-6", "LIFE-8")
def test_the_lot_of_a_day_that_was_missed_or_skipped_is_sold_behind_the_last_day(
    stage: Stage, plan: list[DayPlan], further: list[FurtherDay], asked: list[str]
) -> None:
    stage.clock.goes_on(1000 + HOUR_MS - 1)
    actor = house(stage, plan, further, asked)
    stage.step(actor)
    assert added(stage) == [(4, 1)]
    stage.queues.append(HOUSE, [skip(stage, 2), skip(stage, 2)])
    stage.step(actor)
    assert added(stage) == [(4, 1), (5, 2)]
    assert planned(stage) == [1, 2, 3, 4, 5]
    [first, second] = [stage.client.hgetall(stage.keys.day(day)) for day in (1, 2)]
    assert first[b"phase"] == second[b"phase"] == Phase.COMPLETED.encode()
    opens = opens_ms(plan, further)
    for day in (3, 4, 5):
        stage.clock.now_ms = opens[day - 1]
        stage.step(actor)
        [order] = [order for order in stage.queued(f"m-{day:02d}") if isinstance(order, OpenAuction)]
        assert order.lot == plan[{3: 3, 4: 1, 5: 2}[day] - 1].lot
        assert stage.logged(MarathonEnded) == []
        stage.name_result(day)
    stage.step(actor)
    assert len(stage.logged(MarathonEnded)) == 1


@pytest.mark.requirement("LIFE-6", "SUP-3")
@pytest.mark.parametrize("lost", [None, False, True])
def test_a_further_day_survives_whoever_dies(
    lost: bool | None, stage: Stage, plan: list[DayPlan], further: list[FurtherDay], asked: list[str]
) -> None:
    stage.clock.goes_on(1000 + HOUR_MS)
    for _ in range(3):
        stage.step(house(stage, plan, further, asked))
        if lost is not None:
            stage.lose_checkpoints(HOUSE, both=lost)
    assert added(stage) == [(4, 1)]
    stage.clock.now_ms = further[0].window.opens_at_ms
    stage.step(house(stage, plan, further, asked))
    assert "m-04" in asked


@pytest.mark.requirement("LIFE-6")
def test_a_date_that_has_passed_is_passed_over_and_where_there_is_none_the_marathon_ends_without_the_lot(
    stage: Stage, plan: list[DayPlan], further: list[FurtherDay], asked: list[str]
) -> None:
    stage.clock.now_ms = further[0].window.opens_at_ms
    stage.step(house(stage, plan, further, asked))
    assert [event.day for event in stage.logged(DayVoided)] == [1, 2, 3]
    assert added(stage) == [(5, 1)], "no other date is left"
    stage.clock.now_ms = further[1].window.closes_at_ms
    actor = house(stage, plan, further, asked)
    stage.step(actor, actor)
    [ended] = stage.logged(MarathonEnded)
    assert (ended.sold, ended.unsold, ended.void) == (0, 0, 4)


def result(stage: Stage, day: int, outcome: Outcome, by: str = "", wei: int = 0) -> None:
    auction_id = f"m-{day:02d}"
    winner = Leader(post_id=1, bidder_id=1, bidder_handle="anna", amount_wei=Wei(wei)) if wei else None
    journal = stage.store.journal(auction_id)
    journal.begin()
    named = ResultNamed(
        message_id="r", at_ms=stage.clock(), auction_id=auction_id, day=day, outcome=outcome, winner=winner, by=by
    )
    journal.commit([named])


@pytest.mark.requirement("LIFE-6", "LIFE-8", "LIFE-10")
def test_a_day_that_the_house_voided_comes_again_one_that_an_operator_voided_does_not_and_the_end_sums_up(
    stage: Stage, plan: list[DayPlan], further: list[FurtherDay], asked: list[str]
) -> None:
    actor = house(stage, plan, further, asked)
    outcomes = [(Outcome.VOID, HOUSE, 0), (Outcome.VOID, "alice", 0), (Outcome.SOLD, "", 10**19), (Outcome.SOLD, "", 7)]
    opens = opens_ms(plan, further)
    for day, (outcome, by, wei) in enumerate(outcomes, 1):
        stage.clock.now_ms = opens[day - 1]
        stage.step(actor)
        result(stage, day, outcome, by, wei)
        stage.step(actor)
    assert added(stage) == [(4, 1)]
    [ended] = stage.logged(MarathonEnded)
    assert (ended.sold, ended.unsold, ended.void, ended.total_wei) == (2, 0, 2, 10**19 + 7)


@pytest.mark.requirement("LIFE-6")
def test_a_day_whose_auction_post_x_refuses_is_voided_by_the_house(
    stage: Stage, plan: list[DayPlan], further: list[FurtherDay], asked: list[str]
) -> None:
    actor = house(stage, plan, further, asked)
    stage.clock.goes_on(1000)
    stage.step(actor)
    journal = stage.store.journal("announcer")
    journal.begin()
    journal.commit([PostRefused(message_id="p", at_ms=stage.clock(), job="auction-post:m-01", why="not allowed")])
    stage.step(actor)
    [order] = [order for order in stage.queued("m-01") if isinstance(order, VoidAuction)]
    assert (order.by, "not allowed" in order.why) == (HOUSE, True)


@pytest.mark.requirement("LIFE-10")
def test_the_process_ends_only_when_the_marathon_is_over_and_nothing_happens_any_more(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    ended: list[int] = []
    actor = house(stage, plan[:1], [], asked, ended)
    stage.clock.goes_on(1000)
    stage.step(actor)
    stage.clock.goes_on(AT_REST_MS)
    stage.step(actor)
    assert ended == [], "it is not over"
    stage.name_result(1)
    stage.step(actor, actor)
    over_ms = stage.clock()
    while not ended:
        stage.clock.goes_on(2_000)  # shorter than an outage, which would be news
        stage.step(actor)
    assert ended == [over_ms + AT_REST_MS]


@pytest.mark.requirement("LIFE-3")
def test_a_day_that_is_over_is_read_until_others_are_over_too_and_then_its_actor_is_told_to_end(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    actor = house(stage, plan, [], asked)
    stage.clock.goes_on(1000)
    for day in (1, 2, 3):
        stage.step(actor)
        stage.name_result(day)
        stage.step(actor, actor)
        assert (("m-01", DayIsOver()) in stage.sent) == (day > LATE_DAYS)
        stage.clock.goes_on(DAY_MS)
    told = stage.sent.count(("m-01", DayIsOver()))
    stage.step(actor)
    assert stage.sent.count(("m-01", DayIsOver())) == told, "there is nobody left to be told"
    assert not {("m-02", DayIsOver()), ("m-03", DayIsOver())} & set(stage.sent)
    asked.clear()
    again = house(stage, plan, [], asked)
    stage.step(again)
    assert sorted(asked) == ["m-02", "m-03"]
    assert stage.sent.count(("m-01", DayIsOver())) == told + 1, "the scheduler before may not have come to it"
