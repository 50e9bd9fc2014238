"""The table with the time as an argument: what depends on how long something took, without waiting for it."""

import pytest

from supervision import Backoff, ChildSpec, Exit, Group, Ready
from supervision.child import Child
from supervision.table import STALL_S, ChildTable


def table_of_one(
    backoff: Backoff, conditions: dict[type[BaseException], str] | None = None
) -> tuple[ChildTable, Child]:
    """A table whose only child has no thread: the test speaks for it."""
    spec = ChildSpec("a", lambda context: None, hang_s=10.0)  # type: ignore[arg-type, return-value]
    table = ChildTable([Group("g", children=[spec], max_restarts=1_000)], conditions or {}, (), backoff, lambda _: None)
    return table, table.children()[0]


def live(table: ChildTable, child: Child, from_s: float, to_s: float, error: BaseException) -> float:
    """The child starts, is ready at once, and dies at `to_s`; returns after how long it is to be started again."""
    table.advance(from_s)
    table.on_ready(Ready("a", child.incarnation), from_s)
    child.mailbox.close()
    table.on_exit(Exit("a", child.incarnation, error, None, ()), to_s)
    assert child.due_s is not None
    return child.due_s - to_s


@pytest.mark.requirement("SUP-1")
@pytest.mark.parametrize("conditions", [{}, {OSError: "WAITING"}], ids=["crash", "condition"])
def test_the_back_off_starts_afresh_once_a_child_was_stable(conditions: dict[type[BaseException], str]) -> None:
    table, child = table_of_one(Backoff(jitter=0.0, stable_s=10.0), conditions)
    waits = [
        live(table, child, now_s, now_s + lived_s, OSError())
        for now_s, lived_s in ((100.0, 0.0), (200.0, 9.0), (300.0, 0.0), (400.0, 10.0), (500.0, 1.0))
    ]
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.0, 0.1])


@pytest.mark.requirement("SUP-1")
def test_whoever_waits_on_a_condition_is_started_at_once_when_it_has_passed_and_who_crashes_is_not() -> None:
    table, child = table_of_one(Backoff(jitter=0.0), {OSError: "WAITING"})
    for second in (100.0, 200.0, 300.0, 400.0):
        assert live(table, child, second, second, OSError()) >= 0.0
    table.hurry(400.1)
    assert (child.due_s, child.waits) == (400.1, 0)
    live(table, child, 500.0, 500.0, ValueError())
    waits = live(table, child, 600.0, 600.0, ValueError())
    table.hurry(600.0)
    assert waits > 0
    assert child.due_s == 600.0 + waits


def busy_since_second_100() -> tuple[ChildTable, Child]:
    table, child = table_of_one(Backoff())
    table.advance(99.0)
    table.on_ready(Ready("a", 1), 100.0)
    assert child.context is not None
    child.context.busy_since_s = 100.0
    table.advance(100.0)
    return table, child


@pytest.mark.requirement("SUP-2")
def test_a_hang_is_noticed_when_hang_s_is_over() -> None:
    table, child = busy_since_second_100()
    second = 100.0
    while not child.hangs:
        second += STALL_S / 2
        table.advance(second)
    assert second == 111.0


@pytest.mark.requirement("SUP-2")
def test_time_in_which_the_whole_process_stood_still_is_not_held_against_a_child() -> None:
    """A paused machine or a debugger: after it, everybody who was at work looks hung."""
    table, child = busy_since_second_100()
    table.advance(500.0)
    assert child.hangs == 0
    for second in range(501, 512):
        table.advance(float(second))
    assert child.hangs == 1


@pytest.mark.requirement("SUP-1")
def test_a_child_that_keeps_failing_slowly_holds_the_others_up_for_its_hang_s_only() -> None:
    """Failing every nine seconds never exceeds a budget, and must not keep `start` from returning."""
    table, child = table_of_one(Backoff(jitter=0.0))
    table.advance(100.0)
    child.mailbox.close()
    table.on_exit(Exit("a", 1, ValueError("slow"), None, ()), 109.0)
    table.advance(109.0)
    assert not table.is_settled(109.0)
    assert table.is_settled(110.5)
