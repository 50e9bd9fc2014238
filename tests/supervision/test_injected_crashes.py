"""An injected crash is survived like any other, and is not held against the process."""

import threading
from collections.abc import Callable

import pytest

from supervision import Backoff, Exit, Group, InjectedCrash, Ready, Supervisor
from supervision.child import ChildSpec
from supervision.table import ChildTable
from supervisor import CONDITIONS
from tests.harness.waiting import until
from tests.supervision.stage import is_back, player, states

pytestmark = pytest.mark.requirement("SUP-1", "SUP-4")


def test_injected_crashes_do_not_use_up_the_budget_of_the_process(supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(Group("g", children=[player("a")], max_restarts=0), conditions=CONDITIONS)
    supervisor.start()
    until(is_back(supervisor, "a", 1))
    threads = threading.active_count()
    for incarnation in range(2, 9):
        supervisor.crash("a")
        until(is_back(supervisor, "a", incarnation))
    assert states(supervisor) == {"a": "READY"}
    assert supervisor.wait(0) is None
    until(lambda: threading.active_count() <= threads)  # nothing of a life that has ended is left


def test_the_first_is_answered_at_once_and_only_one_that_comes_again_soon_waits() -> None:
    """As for any crash: a scenario that injects one a minute sees an actor back in milliseconds, every time."""
    spec = ChildSpec("a", lambda context: None)  # type: ignore[arg-type, return-value]
    group = Group("g", children=[spec], max_restarts=0)
    table = ChildTable([group], CONDITIONS, (), Backoff(jitter=0.0, stable_s=10.0), lambda _: None)
    child, waits = table.children()[0], []
    for now_s, lived_s in ((100.0, 60.0), (200.0, 60.0), (300.0, 1.0), (301.5, 1.0), (400.0, 60.0)):
        table.advance(now_s)
        table.on_ready(Ready("a", child.incarnation), now_s)
        child.mailbox.close()
        table.on_exit(Exit("a", child.incarnation, InjectedCrash("on purpose"), None, ()), now_s + lived_s)
        assert child.due_s is not None
        waits.append(child.due_s - now_s - lived_s)
    assert waits == pytest.approx([0.0, 0.0, 0.1, 0.2, 0.0])
