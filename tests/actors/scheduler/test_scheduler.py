"""The scheduler: each day is opened or voided once, in its time, whoever dies in between."""

import pytest

from actors.scheduler.actor import DayPlan, Scheduler
from adapters.redis.errors import DamagedState
from auction.downtime_policy import ON_TIME_MS
from messages.commands import OpenAuction
from messages.events import (
    DayDelayed,
    DayStarted,
    DayVoided,
    MarathonEnded,
    MarathonStarted,
    OutageNoticed,
)
from messages.hints import LogGrew, QueueGrew
from tests.actors.scheduler.house import DAY_MS, scheduler
from tests.harness.builders import RULES
from tests.harness.stage import HOUR_MS, Stage


@pytest.mark.requirement("LIFE-3", "LIFE-4")
def test_a_day_is_opened_when_its_window_is_and_waits_for_no_other_day(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    actor = scheduler(stage, plan, asked)
    stage.clock.goes_on(999)
    stage.step(actor)
    assert (stage.logged(DayStarted), asked) == ([], [])
    stage.clock.goes_on(1)
    stage.step(actor, actor)
    [order] = stage.queued("m-01")
    first = plan[0]
    assert order == OpenAuction(
        message_id="m-01:open",
        auction_id="m-01",
        day=1,
        lot=first.lot,
        rules=first.rules,
        opens_at_ms=first.window.opens_at_ms,
        closes_at_ms=first.window.closes_at_ms,
        latest_end_ms=first.window.closes_at_ms + first.rules.soft_close_cap_ms,
    )
    assert ("m-01", QueueGrew()) in stage.sent
    assert ("publisher", LogGrew()) in stage.sent
    stage.clock.goes_on(DAY_MS)
    stage.step(actor)
    assert asked == ["m-01", "m-02"], "day 1 has no result yet, and that is its own affair"
    assert [event.day for event in stage.logged(DayStarted)] == [1, 2]


@pytest.mark.requirement("RED-2", "LIFE-3")
def test_the_order_to_open_is_in_the_queue_in_the_commit_that_says_so(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    actor = scheduler(stage, plan, asked)
    stage.clock.goes_on(1000)
    stage.client.set(stage.keys.queue("m-01"), "no queue")
    with pytest.raises(DamagedState):
        stage.step(actor)
    assert stage.logged(DayStarted) == []
    stage.client.delete(stage.keys.queue("m-01"))
    stage.step(scheduler(stage, plan, asked))
    assert (len(stage.logged(DayStarted)), len(stage.queued("m-01"))) == (1, 1)
    assert asked == ["m-01"]


@pytest.mark.requirement("LIFE-3", "RED-4", "SUP-3")
@pytest.mark.parametrize("lost", ["nothing", "newest checkpoint", "both checkpoints"])
def test_whoever_restarts_half_way_opens_nothing_twice_and_asks_for_what_is_unfinished(
    lost: str, stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    def restart() -> Scheduler:
        if lost != "nothing":
            stage.lose_checkpoints("house", both=lost == "both checkpoints")
        asked.clear()
        return scheduler(stage, plan, asked)

    stage.step(scheduler(stage, plan, asked))
    stage.clock.goes_on(1000)
    for _ in range(2):
        stage.step(restart())
    assert asked == ["m-01"]
    stage.clock.goes_on(DAY_MS)
    for _ in range(2):
        stage.step(restart())
    assert asked == ["m-01", "m-02"]
    stage.name_result(1)
    stage.step(restart())
    assert asked == ["m-01", "m-02"], "what is found too late is still to be told"
    stage.clock.goes_on(DAY_MS + HOUR_MS)  # day 3 is missed
    stage.name_result(2)
    for _ in range(3):
        stage.step(restart())
        assert sorted(asked) == ["m-01", "m-02"], "they are the last ones that were held"
    told = [event for event in stage.logged(writer="house") if not isinstance(event, OutageNoticed)]
    assert [(type(event), getattr(event, "day", None)) for event in told] == [
        (MarathonStarted, None),
        (DayStarted, 1),
        (DayStarted, 2),
        (DayVoided, 3),
        (MarathonEnded, None),
    ]
    opened = [[type(order) for order in stage.queued(f"m-{day:02d}")].count(OpenAuction) for day in (1, 2, 3)]
    assert opened == [1, 1, 0]


@pytest.mark.requirement("LIFE-6")
def test_a_day_opens_late_while_half_its_window_is_left_closes_later_and_says_so(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    stage.clock.goes_on(1000 + HOUR_MS // 2)
    stage.step(scheduler(stage, plan, asked))
    [order], [delayed], window = stage.queued("m-01"), stage.logged(DayDelayed), plan[0].window
    closes_at_ms = window.closes_at_ms + HOUR_MS // 2
    assert (order.opens_at_ms, order.closes_at_ms) == (window.opens_at_ms, closes_at_ms)
    assert order.latest_end_ms == window.closes_at_ms + RULES.soft_close_cap_ms, "never into the next day's window"
    assert (delayed.day, delayed.lost_ms, delayed.closes_at_ms) == (1, HOUR_MS // 2, closes_at_ms)
    assert [type(event) for event in stage.logged(writer="house")] == [MarathonStarted, DayStarted, DayDelayed]
    assert asked == ["m-01"]


@pytest.mark.requirement("LIFE-6")
def test_a_day_that_opens_a_moment_late_is_on_time(stage: Stage, plan: list[DayPlan], asked: list[str]) -> None:
    stage.clock.goes_on(1000 + ON_TIME_MS)
    stage.step(scheduler(stage, plan, asked))
    assert stage.queued("m-01")[0].closes_at_ms == plan[0].window.closes_at_ms
    assert stage.logged(DayDelayed) == []


@pytest.mark.requirement("LIFE-3", "LIFE-6")
@pytest.mark.parametrize("lost_ms", [HOUR_MS // 2 + 1, HOUR_MS - 1, HOUR_MS, DAY_MS - 1])
def test_a_day_with_less_than_half_its_window_left_is_void_and_says_why(
    lost_ms: int, stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    stage.clock.goes_on(1000 + lost_ms)
    actor = scheduler(stage, plan, asked)
    stage.step(actor, actor)
    [voided] = stage.logged(DayVoided)
    assert (voided.day, voided.auction_id, bool(voided.why), voided.by) == (1, "m-01", True, "")
    assert (asked, stage.queued("m-01"), stage.logged(DayStarted)) == ([], [], [])


@pytest.mark.requirement("LIFE-10")
def test_the_marathon_ends_once_with_the_last_result_whatever_day_that_is_of(
    stage: Stage, plan: list[DayPlan], asked: list[str]
) -> None:
    actor = scheduler(stage, plan, asked)
    for day in (1, 2, 3):
        stage.clock.goes_on(1000 if day == 1 else DAY_MS)
        stage.step(actor)
    for day in (3, 1):
        stage.name_result(day)
        stage.step(actor, actor)
    assert stage.logged(MarathonEnded) == []
    stage.name_result(2)
    stage.step(actor, actor)
    stage.step(scheduler(stage, plan, asked))
    [ended] = stage.logged(MarathonEnded)
    assert (ended.sold, ended.unsold, ended.void, ended.total_wei) == (0, 3, 0, 0)
    assert asked[:3] == ["m-01", "m-02", "m-03"]
