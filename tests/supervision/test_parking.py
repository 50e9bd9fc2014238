"""Parking: what the process can do without is left alone where it hangs or fails, and tried again."""

from collections.abc import Callable

import pytest

from supervision import Backoff, ChildSpec, Exit, Group, Ready, State, Supervisor
from supervision.child import Child
from supervision.table import MOST_LEFT_BEHIND, ChildTable
from tests.harness.waiting import until
from tests.supervision.stage import Blocker, is_back, player, states, status

pytestmark = pytest.mark.requirement("SUP-2")

HANG_S, PARK_S = 10.0, 60.0
MOST_RESTARTS = 2


class Trial:
    """A table with its time; its children have no threads, so the test speaks for them."""

    def __init__(self, *names: str) -> None:
        specs = [
            ChildSpec(name, lambda context: None, hang_s=HANG_S, essential=False)  # type: ignore[arg-type, return-value]
            for name in names
        ]
        group = Group("g", children=specs, max_restarts=MOST_RESTARTS)
        self.table = ChildTable([group], {}, (), Backoff(jitter=0.0, park_s=PARK_S), lambda _: None)
        self.now_s = 1_000.0
        self.pass_time(0.0)

    def __getitem__(self, name: str) -> Child:
        return next(child for child in self.table.children() if child.spec.name == name)

    def shown(self, name: str) -> str:
        return self[name].status(self.now_s).state

    def pass_time(self, seconds: float) -> None:
        """So that no turn is as long as a stall; whoever is started is ready at once."""
        end_s = self.now_s + seconds
        while True:
            self.table.advance(self.now_s)
            for child in self.table.children():
                self.table.on_ready(Ready(child.spec.name, child.incarnation), self.now_s)
            if self.now_s >= end_s:
                return
            self.now_s = min(self.now_s + 1.0, end_s)

    def hang(self, name: str) -> None:
        """It works on something and does not come back."""
        context = self[name].context
        assert context is not None
        context.busy_since_s = self.now_s
        self.pass_time(HANG_S + 1.0)

    def crash(self, name: str) -> None:
        child = self[name]
        child.mailbox.close()
        self.table.on_exit(Exit(name, child.incarnation, TypeError("a defect"), None, ()), self.now_s)

    def come_back(self, name: str, incarnation: int) -> None:
        """A thread that was left behind ends at last."""
        self.table.on_exit(Exit(name, incarnation, None, None, ()), self.now_s)


def test_a_second_hang_parks_it_and_it_is_tried_again_later(caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial("a", "b")
    trial.hang("a")
    assert (trial.shown("a"), trial["a"].incarnation) == (State.READY, 2)
    trial.hang("a")
    assert trial.shown("a") == State.PARKED
    assert "a is parked and tried again in 60 s: it hung again, last a#2 hung for more than 10 s" in caplog.text
    trial.pass_time(PARK_S - 5.0)
    assert trial["a"].incarnation == 2
    trial.pass_time(5.0)
    assert trial["a"].incarnation == 3
    assert trial.table.code is None
    assert (trial.shown("b"), trial["b"].incarnation) == (State.READY, 1)


def test_it_is_shown_as_parked_until_a_hang_would_have_been_seen(caplog: pytest.LogCaptureFixture) -> None:
    trial = Trial("a")
    trial.hang("a")
    trial.hang("a")
    trial.pass_time(PARK_S)
    assert trial["a"].state is State.READY
    trial.pass_time(HANG_S + 5.0)
    assert trial.shown("a") == State.PARKED
    trial.pass_time(HANG_S)
    assert trial.shown("a") == State.READY
    assert "a, which was parked, works again" in caplog.text


def test_no_more_threads_are_left_behind_than_it_may_until_one_of_them_ends() -> None:
    trial = Trial("a")
    for _ in range(MOST_LEFT_BEHIND):
        trial.hang("a")
        trial.pass_time(PARK_S)
    trial.pass_time(24 * PARK_S)
    assert (trial["a"].incarnation, trial.shown("a")) == (MOST_LEFT_BEHIND, State.PARKED)
    trial.come_back("a", incarnation=1)
    trial.pass_time(1.0)
    assert trial["a"].incarnation == MOST_LEFT_BEHIND + 1
    assert trial.table.code is None


def test_too_many_restarts_park_it_alone_and_do_not_count_against_the_others() -> None:
    trial = Trial("a", "b")
    while not trial["a"].parked:
        trial.crash("a")
        trial.pass_time(0.5)
    assert trial["a"].incarnation == MOST_RESTARTS + 1
    for _ in range(MOST_RESTARTS):
        trial.crash("b")
        trial.pass_time(0.5)
    assert trial.shown("b") == State.READY
    trial.pass_time(PARK_S)
    assert trial["a"].incarnation == MOST_RESTARTS + 2
    assert trial.table.code is None


def test_one_that_is_parked_at_the_first_start_keeps_nobody_waiting(supervise: Callable[..., Supervisor]) -> None:
    def fail(_actor: object) -> None:
        raise ValueError("cannot be set up")

    spec = {"essential": False}
    group = Group("g", children=[player("a", spec=spec, at_setup=fail), player("b")], max_restarts=0)
    supervisor = supervise(group)
    supervisor.start()
    assert states(supervisor) == {"a": "PARKED", "b": "READY"}
    assert not status(supervisor, "a").essential


def test_real_threads_that_hang_again_are_parked_and_end_with_the_process(
    supervise: Callable[..., Supervisor],
) -> None:
    stuck = Blocker()
    spec = {"hang_s": 0.5, "shutdown_s": 0.1, "essential": False}
    supervisor = supervise(Group("g", children=[player("a", spec=spec), player("b")]))
    supervisor.start()
    supervisor.send("a", stuck)
    until(is_back(supervisor, "a", 2))
    supervisor.send("a", stuck)
    until(lambda: states(supervisor) == {"a": "PARKED", "b": "READY"})
    assert supervisor.wait(0) is None
    stuck.release.set()
    supervisor.stop()
    until(lambda: supervisor.wait(0) == 0)
