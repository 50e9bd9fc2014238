"""X's time decides, not ours: nothing opens, ends, is proven or made up for before X's clock has come there."""

import pytest

from actors.auction.actor import Auction
from actors.scheduler.actor import Scheduler
from actors.scheduler.day_plan import DayPlan
from actors.twitter.conversation import Timing
from actors.twitter.reconciler import TwitterReconciler
from actors.twitter.x_clock import CLOCK_HOLDS_S, IN_VAIN_S
from adapters import alarms
from adapters.x.clock import XClock
from messages.commands import MarkSwept
from messages.events import DayStarted, EndFrozen, OutageNoticed, PostAttempted
from simulator.x.settings import Settings
from tests.harness.builders import RULES
from tests.harness.stage import HOUR_MS, Clock, MakeClient, OpenOnX, Stage, day_plan
from tests.harness.x_process import SimulatedX

AHEAD_MS = (12_000, HOUR_MS, -HOUR_MS)
TIMING = Timing(search_lag_ms=100, interval_ms=1_000, lag_ms=500)


class XTime:
    """X's time as a test has it; None: not known."""

    def __init__(self, now_ms: int | None) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int | None:
        return self.now_ms


class FarFromX(XClock):
    """Of a machine whose clock is an hour ahead, on a steady clock that a test moves."""

    def __init__(self) -> None:
        self.steady = Clock(0)
        super().__init__(lambda: Clock().now_ms + HOUR_MS, lambda: self.steady() / 1000)


def by_x(stage: Stage, x_time: XTime) -> Auction:
    """The auction of day 1, which is open, as it is once it knows of X's time."""
    return stage.enter("m-01", lambda context: Auction(context, "m-01", stage.access, stage.clock, (), None, x_time))


@pytest.mark.requirement("BID-4", "LIFE-3", "LIFE-11")
@pytest.mark.parametrize("ahead_ms", AHEAD_MS)
def test_an_end_is_frozen_when_x_has_reached_it_whatever_our_clock_says(
    ahead_ms: int, stage: Stage, open_on_x: OpenOnX
) -> None:
    open_on_x()
    due_ms = int(stage.current()["ends_at_ms"]) + RULES.delivery_allowance_ms
    x_time = XTime(None)
    auction = by_x(stage, x_time)
    stage.clock.now_ms = due_ms + HOUR_MS
    stage.step(auction)
    stage.clock.now_ms = due_ms + ahead_ms
    for x_time.now_ms in (None, due_ms - 1):
        stage.step(auction)
        assert stage.logged(EndFrozen) == []
    x_time.now_ms = due_ms
    stage.step(auction)
    assert [event.at_ms for event in stage.logged(EndFrozen)] == [due_ms]


@pytest.mark.requirement("LIFE-3", "LIFE-6", "LIFE-11")
@pytest.mark.parametrize("ahead_ms", AHEAD_MS)
def test_a_day_opens_by_x_s_time(ahead_ms: int, stage: Stage) -> None:
    opens_at_ms = stage.clock() + 1_000
    house = _house(stage, [day_plan(1, opens_at_ms)], x_time := XTime(None))
    stage.clock.now_ms = opens_at_ms + ahead_ms
    for x_time.now_ms in (None, opens_at_ms - 1):
        stage.step(house)
        assert stage.logged(DayStarted) == []
    x_time.now_ms = opens_at_ms
    stage.step(house)
    assert len(stage.logged(DayStarted)) == 1


@pytest.mark.requirement("LIFE-6", "SUP-3", "LIFE-11")
@pytest.mark.parametrize("ahead_ms", AHEAD_MS)
def test_a_restart_with_another_clock_is_no_outage(ahead_ms: int, stage: Stage) -> None:
    plan = [day_plan(1, stage.clock() + 10 * HOUR_MS)]
    now_ms = stage.clock()
    stage.step(_house(stage, plan, XTime(now_ms)))
    stage.clock.now_ms += ahead_ms
    x_time = XTime(None)
    house = _house(stage, plan, x_time)
    for x_time.now_ms in (None, now_ms + 2_000):
        stage.step(house)
    assert stage.logged(OutageNoticed) == []
    x_time.now_ms = now_ms + 62_000
    stage.step(house)
    assert [event.to_ms - event.from_ms for event in stage.logged(OutageNoticed)] == [60_000]


@pytest.mark.requirement("X-3", "BID-4", "LIFE-11")
def test_nothing_is_proven_beyond_what_x_has_reached(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, x_client: MakeClient
) -> None:
    open_on_x()
    clock = FarFromX()
    client = x_client(clock=clock)
    make = lambda context: TwitterReconciler(context, stage.access, clock.now_ms, client, TIMING, 3, "scheduler")  # noqa: E731
    for path in ("/2/tweets/search/stream/rules", "/2/users/me"):
        x.tell("faults", kind="http_503", count=1, path=path)
    reconciler = stage.enter("reconciler", make)
    stage.step(reconciler)
    assert clock.reached_ms() is None
    assert stage.queued("m-01") == []
    assert "x_clock" in alarms.sounding(), "nobody knows which time X has reached"

    def marks() -> list[int]:
        clock.steady.goes_on(1_000)
        return [command.swept_to_ms for command in stage.queued("m-01") if isinstance(command, MarkSwept)]

    found = stage.until(marks, reconciler)
    assert "x_clock" not in alarms.sounding()
    assert "clock" in alarms.sounding(), "an hour ahead is told"
    assert found[0] < stage.clock() + HOUR_MS / 2


@pytest.mark.requirement("X-4", "LIFE-3", "LIFE-11")
def test_x_is_asked_for_its_time_when_nothing_else_was_asked_for_a_while(stage: Stage, x_client: MakeClient) -> None:
    clock = FarFromX()
    client = x_client(clock=clock)
    reconciler = stage.reconciler(client, TIMING, now_ms=clock.now_ms)
    stage.step(reconciler)
    clock.steady.goes_on(round(CLOCK_HOLDS_S * 1000) - 1)
    stage.step(reconciler)
    assert clock.unread_s() > 0
    clock.steady.goes_on(2)
    stage.step(reconciler)
    assert clock.unread_s() == 0


@pytest.mark.requirement("X-4", "LIFE-11")
def test_an_x_that_stays_silent_is_an_alarm_also_while_no_day_is_open(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    clock = FarFromX()
    client = x_client(clock=clock)
    reconciler = stage.reconciler(client, TIMING, now_ms=clock.now_ms)
    stage.step(reconciler)
    for path in ("/2/tweets/search/stream/rules", "/2/users/me"):
        x.tell("faults", kind="http_503", count=2, path=path)
    clock.steady.goes_on(round(CLOCK_HOLDS_S * 1000))
    stage.step(reconciler)
    assert "x_clock" not in alarms.sounding(), "an X that was left alone for long may fail once"
    clock.steady.goes_on(round(IN_VAIN_S * 1000))
    stage.step(reconciler)
    assert "x_clock" in alarms.sounding()

    def is_over() -> bool:
        clock.steady.goes_on(2_000)
        return "x_clock" not in alarms.sounding()

    stage.until(is_over, reconciler)
    assert clock.unread_s() < CLOCK_HOLDS_S


@pytest.mark.requirement("X-4")
def test_a_simulated_x_lives_longer_than_a_house_leaves_it_alone() -> None:
    assert Settings().idle_exit_s > 2 * CLOCK_HOLDS_S


@pytest.mark.requirement("X-5", "BID-4", "LIFE-11")
def test_nothing_is_posted_before_x_s_time_is_known(stage: Stage, x_client: MakeClient) -> None:
    stage.prepared()
    client = x_client(clock=FarFromX())
    announcer = stage.announcer(client, settle_ms=1_000)
    stage.step(announcer)
    assert stage.logged(PostAttempted) == []
    client.check_keys()
    stage.step(announcer)
    assert len(stage.logged(PostAttempted)) == 1


def _house(stage: Stage, plan: list[DayPlan], x_time: XTime) -> Scheduler:
    return stage.enter(
        "scheduler",
        lambda context: Scheduler(
            context, plan, stage.access, stage.clock, lambda name: None, ["publisher"], x_time=x_time
        ),
    )
