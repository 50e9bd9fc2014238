"""Hangs: a thread that does not come back is left behind, once; it can do no harm any more."""

from collections.abc import Callable
from typing import Any

import pytest

from supervision import GAVE_UP, Abandoned, Group, Supervisor
from tests.harness.waiting import PATIENCE_S, until
from tests.supervision.stage import Blocker, Player, fail_with, is_back, player, states, status

pytestmark = pytest.mark.requirement("SUP-2")

Supervise = Callable[..., Supervisor]
HANGING: dict[str, Any] = {"hang_s": 0.5, "shutdown_s": 0.1}
"""Long enough for a busy machine to schedule a healthy child, short enough to wait for."""


def test_a_hung_child_is_left_behind_and_its_successor_takes_over(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[Any] = []
    stuck = Blocker()
    supervisor = supervise(Group("g", children=[player("a", log, HANGING), player("b", log)]))
    supervisor.start()
    supervisor.send("a", stuck)
    stuck.wait_entered()
    supervisor.send("a", "waiting behind it")
    until(is_back(supervisor, "a", 2))
    until(lambda: "waiting behind it" in log, "the successor inherits the mailbox")
    a, b = supervisor.tree()
    assert (a.hangs, a.last_error, b.incarnation) == (1, "a#1 hung for more than 0.5 s", 1)
    assert "self.release.wait" in caplog.text, "the log shows where it hangs"
    assert "a#1 teardown" not in log
    stuck.release.set()
    until(lambda: "a#1, left behind as hung, has ended at last" in caplog.text)
    assert status(supervisor, "a").incarnation == 2


def test_the_old_thread_can_neither_send_nor_read_when_it_comes_back(supervise: Supervise) -> None:
    log: list[Any] = []
    stuck, refused = Blocker(), []

    def hang_then_send(actor: Player) -> None:
        stuck(actor)
        try:
            actor.context.send("b", f"from {actor.context}")
        except Abandoned as error:
            refused.append(str(error))
            raise

    supervisor = supervise(Group("g", children=[player("a", log, HANGING), player("b", log)]))
    supervisor.start()
    supervisor.send("a", hang_then_send)
    until(is_back(supervisor, "a", 2))
    stuck.release.set()
    until(lambda: "a#1 teardown" in log, "it ends by itself")
    assert refused == ["a#1 was given up as hung and has a successor"]
    assert "from a#1" not in log


@pytest.mark.parametrize("where", ["at_setup", "at_tick"])
def test_a_hang_in_setup_or_tick_is_noticed_too(supervise: Supervise, where: str) -> None:
    stuck = Blocker()

    def first_time(actor: Player) -> None:
        if actor.context.incarnation == 1:
            stuck(actor)

    scenes: dict[str, Any] = {where: first_time}
    supervisor = supervise(Group("g", children=[player("a", spec=HANGING, **scenes)]))
    supervisor.start()
    until(is_back(supervisor, "a", 2))
    stuck.release.set()


@pytest.mark.requirement("SUP-3")
def test_a_teardown_that_hangs_after_a_crash_loses_no_message(supervise: Supervise) -> None:
    log: list[Any] = []
    busy, stuck = Blocker(), Blocker()

    def first_time(actor: Player) -> None:
        if actor.context.incarnation == 1:
            stuck(actor)

    supervisor = supervise(Group("g", children=[player("a", log, HANGING, at_teardown=first_time)]))
    supervisor.start()
    supervisor.send("a", busy)
    busy.wait_entered()
    supervisor.crash("a")
    supervisor.send("a", "waiting behind it")
    busy.release.set()
    stuck.wait_entered()
    until(lambda: "waiting behind it" in log)
    stuck.release.set()


def test_a_second_hang_of_the_same_child_ends_the_process(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[Any] = []
    stuck = Blocker()
    supervisor = supervise(Group("g", children=[player("a", log, HANGING), player("b", log)]))
    supervisor.start()
    supervisor.send("a", stuck)
    until(is_back(supervisor, "a", 2))
    supervisor.send("a", stuck)
    assert supervisor.wait(PATIENCE_S) == GAVE_UP
    assert caplog.records[-1].getMessage() == "gave up: hung again: a#2 hung for more than 0.5 s"
    assert states(supervisor) == {"a": "HUNG", "b": "STOPPED"}
    assert log[-1] == "b#1 teardown", "the others end in order"
    stuck.release.set()


def test_a_child_that_does_not_stop_in_time_holds_nobody_up_but_shows_in_the_exit_code(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    """pykka's `stop_all` raises at the first hung actor and leaves the others running."""
    log: list[Any] = []
    stuck = Blocker()
    spec = {"shutdown_s": 0.05}
    supervisor = supervise(Group("g", children=[player("a", log), player("b", log, spec), player("c", log)]))
    supervisor.start()
    supervisor.send("b", stuck)
    stuck.wait_entered()
    supervisor.stop()
    assert supervisor.wait(PATIENCE_S) == GAVE_UP
    assert [entry for entry in log if "teardown" in entry] == ["c#1 teardown", "a#1 teardown"]
    assert states(supervisor) == {"a": "STOPPED", "b": "HUNG", "c": "STOPPED"}
    assert caplog.records[-1].getMessage() == "gave up: stopped as asked, but b#1 did not stop within 0.05 s"
    stuck.release.set()


def test_who_only_speaks_with_the_outside_and_does_not_stop_in_time_leaves_the_end_an_orderly_one(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    stuck = Blocker()
    supervisor = supervise(
        Group("g", children=[player("a"), player("b", spec={"shutdown_s": 0.05, "essential": False})])
    )
    supervisor.start()
    supervisor.send("b", stuck)
    stuck.wait_entered()
    supervisor.stop()
    assert supervisor.wait(PATIENCE_S) == 0
    assert states(supervisor) == {"a": "STOPPED", "b": "HUNG"}
    assert "b#1 did not stop within 0.05 s" in caplog.text
    stuck.release.set()


def test_a_child_that_is_busy_but_always_comes_back_is_no_hang(supervise: Supervise) -> None:
    spec = {"hang_s": 60.0}
    done: list[int] = []
    supervisor = supervise(Group("g", children=[player("a", spec=spec)]))
    supervisor.start()
    for number in range(1_000):
        supervisor.send("a", lambda _, number=number: done.append(number))
    until(lambda: len(done) == 1_000)
    assert status(supervisor, "a").hangs == 0


def test_a_crash_after_a_hang_is_told_apart_by_the_incarnation(supervise: Supervise) -> None:
    stuck = Blocker()

    def hang_then_die(actor: Player) -> None:
        stuck(actor)
        fail_with(ValueError("late"))(actor)

    supervisor = supervise(Group("g", children=[player("a", spec=HANGING)]))
    supervisor.start()
    supervisor.send("a", hang_then_die)
    until(is_back(supervisor, "a", 2))
    stuck.release.set()
    supervisor.crash("a")
    until(is_back(supervisor, "a", 3))
    assert status(supervisor, "a").last_error == "InjectedCrash: a crash was injected"
