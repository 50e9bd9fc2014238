"""X's clock as we know it: never ahead of X's own, whatever the machine's clock does."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import alarms
from adapters.x.client import XClient
from adapters.x.clock import XClock
from adapters.x.errors import HeldBack, XUnavailable
from tests.adapters.x.bad_server import BadServer, answer
from tests.harness.x_process import SimulatedX

T0 = 1_800_000_000_000
HOUR_MS = 3_600_000


class World:
    """Three clocks: X's, the machine's, and a steady one that is as wrong as a steady clock may be."""

    def __init__(self, machine_ms: int = 0, drift: float = 0.0) -> None:
        self.x_ms, self.machine_ahead_ms, self.steady_s, self._drift = float(T0), machine_ms, 5.0, drift
        self.clock = XClock(lambda: round(self.x_ms) + self.machine_ahead_ms, lambda: self.steady_s)

    def goes_on(self, ms: float) -> None:
        self.x_ms += ms
        self.steady_s += ms / 1000 * (1 + self._drift)

    def sleeps(self, ms: float) -> None:
        """A suspended machine's steady clock stands still."""
        self.x_ms += ms

    def answers(self, there_ms: float = 0, back_ms: float = 0) -> None:
        """X answers with a Date, which tells whole seconds."""
        asked_s = self.steady_s
        self.goes_on(there_ms)
        date_ms = int(self.x_ms) // 1000 * 1000
        self.goes_on(back_ms)
        self.clock.read(date_ms, date_ms + 999, asked_s)

    def makes(self, there_ms: float = 0, back_ms: float = 0) -> None:
        """X makes a post, whose id tells the millisecond."""
        asked_s = self.steady_s
        self.goes_on(there_ms)
        made_ms = int(self.x_ms)
        self.goes_on(back_ms)
        self.clock.read(made_ms, made_ms, asked_s)


way = st.integers(0, 5_000)
steps = st.one_of(
    st.tuples(st.just("answers"), way, way),
    st.tuples(st.just("makes"), way, way),
    st.tuples(st.just("goes_on"), st.integers(0, HOUR_MS)),
    st.tuples(st.just("sleeps"), st.integers(0, HOUR_MS)),
    st.tuples(st.just("jumps"), st.integers(-HOUR_MS, HOUR_MS)),
)


@pytest.mark.requirement("LIFE-11")
@given(st.lists(steps, max_size=30), st.floats(-0.0009, 0.0009), st.integers(-HOUR_MS, HOUR_MS))
def test_it_never_runs_ahead_of_x_and_is_a_second_and_the_way_behind_after_an_answer(
    steps: list[tuple[str, int]], drift: float, ahead_ms: int
) -> None:
    world = World(ahead_ms, drift)
    known = False
    for what, *values in steps:
        if what == "jumps":
            world.machine_ahead_ms += values[0]
        else:
            getattr(world, what)(*values)
        known = known or what in ("answers", "makes")
        reached_ms = world.clock.reached_ms()
        assert (reached_ms is not None) == known
        if reached_ms is not None:
            assert reached_ms <= world.x_ms
            assert world.clock.now_ms() == reached_ms
        if what in ("answers", "makes"):
            assert reached_ms is not None
            assert world.x_ms - reached_ms <= 1_001 + 1.001 * sum(values)
    alarms.clear("clock")


@pytest.mark.requirement("LIFE-11")
def test_until_x_answers_it_goes_on_from_what_the_machine_took_the_time_for_when_it_began() -> None:
    world = World(machine_ms=HOUR_MS)
    world.machine_ahead_ms = -HOUR_MS
    world.goes_on(10_000)
    assert (world.clock.reached_ms(), world.clock.now_ms()) == (None, T0 + HOUR_MS + 10_000)
    assert world.clock.unread_s() == float("inf")
    world.makes()
    world.goes_on(7_000)
    assert (world.clock.now_ms(), round(world.clock.unread_s())) == (T0 + 10_000 + 6_993, 7)
    assert world.clock.steady_ms() == T0 + HOUR_MS + 17_000, "what measures waits is set by nothing"


@pytest.mark.requirement("X-4", "LIFE-11")
@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, HOUR_MS])
def test_a_wait_that_x_asks_for_lasts_no_longer_and_no_shorter_when_the_time_is_put_right(
    ahead_ms: int, bad_server: Callable[..., BadServer], client_of: Callable[..., XClient]
) -> None:
    world = World(ahead_ms)
    client = client_of(bad_server(answer("429 Too Many Requests", b"", retry_after="60")).base_url, clock=world.clock)
    with pytest.raises(XUnavailable, match="HTTP 429"):
        client.lookup([1])
    world.makes()
    world.goes_on(59_000)
    with pytest.raises(HeldBack):
        client.lookup([1])
    world.goes_on(2_000)
    with pytest.raises(XUnavailable, match="HTTP 429"):
        client.lookup([1])
    alarms.clear("clock")


@pytest.mark.requirement("LIFE-11")
def test_an_answer_that_contradicts_what_was_carried_on_puts_it_back() -> None:
    world = World()
    world.makes()
    world.steady_s += 60  # of a machine that was set back to an earlier state
    assert world.clock.now_ms() > world.x_ms
    world.answers()
    assert world.clock.now_ms() <= world.x_ms


@pytest.mark.requirement("X-4", "LIFE-11")
@pytest.mark.parametrize(
    ("ahead_ms", "way_ms", "told"),
    [
        (0, 0, ""),
        (1_900, 0, ""),
        (-1_900, 0, ""),
        (0, 30_000, ""),  # however slow the answer was, it is not taken for a fault of the clocks
        (12_000, 0, "our clock is more than 10 s ahead of X's: synchronise it (NTP)"),
        (HOUR_MS, 0, "our clock is more than 600 s ahead of X's: synchronise it (NTP)"),
        (-12_000, 0, "our clock is more than 10 s behind X's: synchronise it (NTP)"),
    ],
)
def test_how_far_the_machine_is_off_is_an_alarm_before_a_day_opens(ahead_ms: int, way_ms: int, told: str) -> None:
    alarms.clear("clock")
    world = World(ahead_ms)
    world.answers(way_ms, way_ms)
    assert alarms.sounding().get("clock", "") == told
    world.machine_ahead_ms = 0
    world.answers()
    assert "clock" not in alarms.sounding()


@pytest.mark.requirement("X-4", "LIFE-11")
def test_every_answer_of_x_is_read_for_its_time(simulated_x: SimulatedX, client_of: Callable[..., XClient]) -> None:
    clock = XClock(lambda: T0)
    client = client_of(simulated_x.base_url, clock=clock)
    client.check_keys()
    behind_ms = simulated_x.ask("health")["now_ms"] - (clock.reached_ms() or 0)
    assert -1 <= behind_ms <= 60_000, "T0 is weeks away"
    assert "clock" in alarms.sounding()


@pytest.mark.requirement("X-4", "LIFE-11")
def test_the_date_of_a_refusal_and_a_date_that_is_none_are_not_believed(
    bad_server: Callable[..., BadServer], client_of: Callable[..., XClient]
) -> None:
    for line, date in (
        ("503 Service Unavailable", "Tue, 01 Jan 2030 00:00:00 GMT"),
        ("200 OK", "soon"),
        ("200 OK", ""),
    ):
        clock = XClock()
        server = bad_server(answer(line, b'{"data": []}', date=date))
        try:
            client_of(server.base_url, clock=clock).lookup([1])
        except XUnavailable:
            assert line.startswith("503")
        assert clock.reached_ms() is None
