"""The supervisor: order of start and stop, restarts, budgets, conditions, names."""

import dataclasses
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from supervision import (
    GAVE_UP,
    Backoff,
    ChildSpec,
    Context,
    Delivery,
    Group,
    Restart,
    Supervisor,
)
from tests.harness.waiting import PATIENCE_S, until
from tests.supervision.stage import Blocker, Player, fail_with, is_back, player, states, status

pytestmark = pytest.mark.requirement("SUP-1")

Supervise = Callable[..., Supervisor]
BROKEN = fail_with(ValueError("broken"))


class StoreAway(Exception):
    """The store cannot be reached."""


class NotOurs(Exception):
    """Somebody else owns it."""


# Start and stop.


def test_children_start_in_order_each_when_the_one_before_is_ready_and_stop_in_reverse(supervise: Supervise) -> None:
    log: list[Any] = []
    slow = Blocker()
    supervisor = supervise(
        Group("one", children=[player("a", log, at_setup=slow), player("b", log)]),
        Group("two", children=[player("c", log)]),
    )
    starting = threading.Thread(target=supervisor.start)
    starting.start()
    slow.wait_entered()
    supervisor.start_child("two", player("d", spec={"restart": Restart.TRANSIENT}))  # waits for nobody
    until(lambda: states(supervisor).get("d") == "READY")
    assert log == ["a#1 setup"]
    assert starting.is_alive()
    assert states(supervisor) == {"a": "STARTING", "b": "STARTING", "c": "STARTING", "d": "READY"}
    supervisor.send("d", lambda actor: actor.stop())
    until(lambda: "d" not in states(supervisor))
    slow.release.set()
    starting.join(PATIENCE_S)
    assert states(supervisor) == {"a": "READY", "b": "READY", "c": "READY"}
    supervisor.stop()
    assert supervisor.wait(PATIENCE_S) == 0
    assert log == [f"{name}#1 {what}" for what, names in (("setup", "abc"), ("teardown", "cba")) for name in names]
    assert set(states(supervisor).values()) == {"STOPPED"}


def test_stop_waits_for_each_teardown_before_the_next(supervise: Supervise) -> None:
    log: list[Any] = []
    slow = Blocker()
    supervisor = supervise(Group("g", children=[player("a", log), player("b", log, at_teardown=slow)]))
    supervisor.start()
    supervisor.stop()
    slow.wait_entered()
    assert supervisor.wait(0) is None
    assert "a#1 teardown" not in log
    assert states(supervisor) == {"a": "READY", "b": "STOPPING"}
    slow.release.set()
    assert supervisor.wait(PATIENCE_S) == 0


def test_a_stop_during_the_start_ends_it_and_starts_nobody_else(supervise: Supervise) -> None:
    log: list[Any] = []
    slow = Blocker()
    supervisor = supervise(Group("g", children=[player("a", log, at_setup=slow), player("b", log)]))
    starting = threading.Thread(target=supervisor.start)
    starting.start()
    slow.wait_entered()
    supervisor.stop()
    slow.release.set()
    assert supervisor.wait(PATIENCE_S) == 0
    starting.join(PATIENCE_S)
    assert log == ["a#1 setup", "a#1 teardown"]


def test_names_that_occur_twice_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Supervisor([Group("g", children=[player("a"), player("a")])])
    with pytest.raises(ValueError, match="same name"):
        Supervisor([Group("g"), Group("g")])


# Restarts.


@pytest.mark.requirement("SUP-2")
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1)], ids=repr)
def test_a_child_that_dies_comes_back_alone(supervise: Supervise, error: BaseException) -> None:
    supervisor = supervise(Group("g", children=[player("a"), player("b")]))
    supervisor.start()
    assert supervisor.send("a", fail_with(error)) is Delivery.DELIVERED
    until(is_back(supervisor, "a", 2))
    a, b = supervisor.tree()
    assert (a.restarts, a.dropped) == (1, 1)
    assert a.last_error.startswith(type(error).__name__)
    assert (b.incarnation, b.last_error) == (1, "")


@pytest.mark.requirement("SUP-2")
def test_a_failing_ask_brings_a_restart_too(supervise: Supervise) -> None:
    refs: list[pykka.ActorRef[Any]] = []

    def factory(context: Context) -> pykka.ActorRef[Any]:
        refs.append(Player.start(context))
        return refs[-1]

    supervisor = supervise(Group("g", children=[ChildSpec("a", factory)]))
    supervisor.start()
    with pytest.raises(ValueError, match="broken"):
        refs[0].ask(BROKEN, timeout=PATIENCE_S)
    until(is_back(supervisor, "a", 2))


@pytest.mark.requirement("SUP-2")
def test_a_setup_that_fails_once_is_tried_again_before_the_next_child_starts(supervise: Supervise) -> None:
    log: list[Any] = []
    failures = [ValueError("not yet")]

    def sometimes(_actor: object) -> None:
        if failures:
            raise failures.pop()

    supervisor = supervise(Group("g", children=[player("a", log, at_setup=sometimes), player("b", log)]))
    supervisor.start()
    assert log == ["a#1 setup", "a#1 teardown", "a#2 setup", "b#1 setup"]


@pytest.mark.requirement("SUP-2")
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(1)], ids=repr)
def test_a_factory_that_fails_is_a_crash_like_any_other(supervise: Supervise, error: BaseException) -> None:
    errors = [error]

    def factory(context: Context) -> pykka.ActorRef[Any]:
        if errors:
            raise errors.pop()
        return Player.start(context)

    supervisor = supervise(Group("g", children=[ChildSpec("a", factory)]))
    supervisor.start()
    assert (status(supervisor, "a").state, status(supervisor, "a").restarts) == ("READY", 1)


def test_an_actor_started_by_a_factory_that_then_fails_ends_and_makes_no_second_writer(supervise: Supervise) -> None:
    log: list[Any] = []

    def factory(context: Context) -> pykka.ActorRef[Any]:
        ref = Player.start(context, log)
        if context.incarnation == 1:
            raise ValueError("too late")
        return ref

    supervisor = supervise(Group("g", children=[ChildSpec("a", factory)]))
    supervisor.start()
    until(lambda: "a#1 teardown" in log)
    assert status(supervisor, "a").state == "READY"


@pytest.mark.parametrize(
    ("restart", "message", "state"),
    [
        (Restart.PERMANENT, BROKEN, "READY"),
        (Restart.PERMANENT, lambda actor: actor.stop(), "READY"),
        (Restart.TRANSIENT, BROKEN, "READY"),
        (Restart.TRANSIENT, lambda actor: actor.stop(), "STOPPED"),
    ],
)
def test_the_restart_type_says_which_ends_are_answered(
    supervise: Supervise, restart: Any, message: Any, state: str
) -> None:
    supervisor = supervise(Group("g", children=[player("a", spec={"restart": restart})]))
    supervisor.start()
    supervisor.send("a", message)
    until(is_back(supervisor, "a", 2) if state == "READY" else lambda: states(supervisor) == {"a": state})
    assert supervisor.send("a", "hello") is (Delivery.DELIVERED if state == "READY" else Delivery.UNKNOWN)


def test_the_back_off_grows_while_it_keeps_failing(supervise: Supervise) -> None:
    waits: list[str] = []

    class Logged(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "started again in" in record.getMessage():
                waits.append(record.getMessage())

    handler = Logged()
    logger = logging.getLogger("supervision")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        backoff = Backoff(first_s=0.01, longest_s=0.04, jitter=0.0)
        supervisor = supervise(Group("g", children=[player("a", at_setup=BROKEN)], max_restarts=4), backoff=backoff)
        supervisor.start()
        assert supervisor.wait(PATIENCE_S) == GAVE_UP
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert [line.rsplit(" ", 2)[1] for line in waits] == ["0.00", "0.01", "0.02", "0.04"]


# Giving up.


def test_too_many_restarts_of_a_group_end_everything_with_70_and_the_last_line_says_why(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[Any] = []
    supervisor = supervise(
        Group("fine", children=[player("a", log)]),
        Group("bad", children=[player("b", log), player("c", log)], max_restarts=2),
    )
    supervisor.start()
    for name, incarnation in (("b", 2), ("c", 2)):
        supervisor.send(name, BROKEN)
        until(is_back(supervisor, name, incarnation))
    supervisor.send("b", BROKEN)
    assert supervisor.wait(PATIENCE_S) == GAVE_UP == 70
    why = "gave up: more than 2 restarts in 60 s in group bad, last b: ValueError: broken"
    assert caplog.records[-1].getMessage() == why
    assert log[-2:] == ["c#2 teardown", "a#1 teardown"]


def test_start_returns_when_a_child_never_gets_ready(supervise: Supervise) -> None:
    supervisor = supervise(Group("g", children=[player("a", at_setup=BROKEN), player("b")]))
    supervisor.start()
    assert supervisor.wait(PATIENCE_S) == GAVE_UP
    assert states(supervisor) == {"a": "STOPPED", "b": "STOPPED"}


@pytest.mark.parametrize("where", ["at_setup", "at_tick"])
def test_a_fatal_error_ends_at_once_with_70(supervise: Supervise, caplog: pytest.LogCaptureFixture, where: str) -> None:
    busy = Blocker()  # nobody waits for it to end
    scenes: dict[str, Any] = {where: fail_with(NotOurs("taken"))}
    supervisor = supervise(Group("g", children=[player("a"), player("b", **scenes)]), fatal=(NotOurs,))
    supervisor.send("a", busy)
    supervisor.start()
    assert supervisor.wait(PATIENCE_S) == GAVE_UP
    assert caplog.records[-1].getMessage() == "gave up: b died of a fatal error: NotOurs: taken"
    busy.release.set()


# Conditions.


def test_a_child_that_waits_on_a_condition_at_the_first_start_does_not_hold_up_the_others(
    supervise: Supervise,
) -> None:
    away = threading.Event()
    away.set()

    def need_store(_actor: object) -> None:
        if away.is_set():
            raise StoreAway

    supervisor = supervise(
        Group("g", [player("a", at_setup=need_store), player("b")], max_restarts=1),
        conditions={StoreAway: "WAITING_FOR_STORE"},
    )
    supervisor.start()
    assert states(supervisor) == {"a": "WAITING_FOR_STORE", "b": "READY"}
    assert supervisor.send("a", "hint") in (Delivery.RESTARTING, Delivery.DELIVERED)
    until(lambda: status(supervisor, "a").restarts > 3, "tried more often than the budget allows for crashes")
    assert status(supervisor, "a").state == "WAITING_FOR_STORE"
    assert status(supervisor, "b").incarnation == 1
    away.clear()
    until(lambda: status(supervisor, "a").state == "READY")
    assert supervisor.wait(0) is None


def test_a_condition_met_while_working_is_outside_the_budget_too(supervise: Supervise) -> None:
    supervisor = supervise(
        Group("g", children=[player("a")], max_restarts=0), conditions={StoreAway: "WAITING_FOR_STORE"}
    )
    supervisor.start()
    for incarnation in range(2, 6):
        supervisor.send("a", fail_with(StoreAway("no answer")))
        until(is_back(supervisor, "a", incarnation))
    assert status(supervisor, "a").last_error == "StoreAway: no answer"


# Messages and names.


@pytest.mark.requirement("SUP-3")
def test_what_waited_behind_a_crash_is_handed_to_the_successor_first_and_counted(supervise: Supervise) -> None:
    log: list[Any] = []
    busy, slow = Blocker(), Blocker()

    def slow_the_second_time(actor: Player) -> None:
        if actor.context.incarnation == 2:
            slow(actor)

    supervisor = supervise(Group("g", children=[player("a", log, at_setup=slow_the_second_time)]))
    supervisor.start()
    supervisor.send("a", busy)
    busy.wait_entered()
    for message in (BROKEN, "old 1", "old 2"):
        assert supervisor.send("a", message) is Delivery.DELIVERED
    busy.release.set()
    slow.wait_entered()
    assert supervisor.send("a", "new") is Delivery.DELIVERED
    slow.release.set()
    until(lambda: "new" in log)
    assert log[-3:] == ["old 1", "old 2", "new"]
    a = status(supervisor, "a")
    assert (a.handed_on, a.dropped, a.mailbox_high_water) == (2, 1, 3)


@pytest.mark.requirement("SUP-3")
def test_each_message_behind_several_crashes_arrives_exactly_once(supervise: Supervise) -> None:
    log: list[Any] = []
    supervisor = supervise(Group("g", children=[player("a", log)], max_restarts=100))
    supervisor.start()
    sent = 0
    while sent < 2_000:
        if sent % 200 == 100:
            supervisor.crash("a")
        sent += supervisor.send("a", sent) is Delivery.DELIVERED
    until(lambda: 1_999 in log)
    assert [entry for entry in log if isinstance(entry, int)] == list(range(2_000))
    assert status(supervisor, "a").restarts > 0


@pytest.mark.requirement("SUP-3")
def test_messages_that_nobody_will_read_are_counted_and_logged(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    busy = Blocker()
    supervisor = supervise(Group("g", children=[player("a", spec={"restart": Restart.TRANSIENT})]))
    supervisor.start()
    supervisor.send("a", busy)
    busy.wait_entered()
    for message in ("one", "two"):
        supervisor.send("a", message)
    supervisor.stop()
    until(lambda: states(supervisor) == {"a": "STOPPING"})
    busy.release.set()
    assert supervisor.wait(PATIENCE_S) == 0
    assert status(supervisor, "a").dropped == 2
    assert "a has no successor: 2 messages stay unread" in caplog.text


def test_a_name_answers_restarting_between_two_incarnations_and_never_raises(supervise: Supervise) -> None:
    """pykka's refs are dead after a restart, and the ActorDeadError then kills the sender."""
    dying = Blocker()
    supervisor = supervise(Group("g", children=[player("a", at_teardown=dying)]))
    assert supervisor.send("a", "too early") is Delivery.RESTARTING
    supervisor.start()
    supervisor.crash("a")
    dying.wait_entered()
    assert supervisor.send("a", "hello") is Delivery.RESTARTING
    assert status(supervisor, "a").state == "RESTARTING"
    dying.release.set()
    until(is_back(supervisor, "a", 2))
    assert supervisor.send("a", "hello") is Delivery.DELIVERED
    assert supervisor.send("nobody", "hello") is Delivery.UNKNOWN
    assert status(supervisor, "a").mailbox_refused == 2


def test_a_sender_is_told_full_and_is_never_blocked(supervise: Supervise) -> None:
    busy, answers = Blocker(), list[Delivery]()

    def send_to_oneself(actor: Player) -> None:
        answers.extend(actor.context.send("a", number) for number in range(3))

    supervisor = supervise(Group("g", children=[player("a", spec={"mailbox_size": 2})]))
    supervisor.start()
    supervisor.send("a", send_to_oneself)
    until(lambda: len(answers) == 3)
    assert answers == ["DELIVERED", "DELIVERED", "FULL"]
    supervisor.send("a", busy)
    busy.wait_entered()
    assert [supervisor.send("a", number) for number in range(3)] == ["DELIVERED", "DELIVERED", "FULL"]
    supervisor.crash("a")
    busy.release.set()
    until(is_back(supervisor, "a", 2), "a crash gets through a full mailbox")


# Children that come later.


def test_a_child_can_be_added_from_an_actor_and_is_supervised_like_the_others(supervise: Supervise) -> None:
    log: list[Any] = []
    supervisor = supervise(Group("g", children=[player("a")]), Group("more"))
    supervisor.start()
    spec = player("b", log, spec={"restart": Restart.TRANSIENT})

    def add_three_times(_actor: Player) -> None:
        for _ in range(3):
            supervisor.start_child("more", spec)

    supervisor.send("a", add_three_times)
    until(lambda: states(supervisor) == {"a": "READY", "b": "READY"})
    assert log == ["b#1 setup"]
    supervisor.crash("b")
    until(is_back(supervisor, "b", 2))
    supervisor.start_child("more", spec)
    supervisor.send("b", lambda actor: actor.stop())
    until(lambda: states(supervisor) == {"a": "READY"}, "forgotten when it ends for good")
    assert supervisor.send("b", "hello") is Delivery.UNKNOWN
    supervisor.start_child("more", spec)
    until(lambda: states(supervisor) == {"a": "READY", "b": "READY"})


def test_an_unknown_group_is_refused_where_it_is_named(supervise: Supervise) -> None:
    supervisor = supervise(Group("g"))
    supervisor.start()
    with pytest.raises(KeyError):
        supervisor.start_child("other", player("b"))


# What is seen from outside.


def test_the_tree_is_plain_values_with_the_numbers_of_each_child(supervise: Supervise) -> None:
    busy = Blocker()
    supervisor = supervise(Group("g", children=[player("a", spec={"mailbox_size": 2})]))
    supervisor.start()
    supervisor.send("a", busy)
    busy.wait_entered()
    for number in range(3):
        supervisor.send("a", number)
    until(lambda: status(supervisor, "a").busy_ms > 5 and status(supervisor, "a").mailbox_oldest_ms > 5)
    (tree,) = json.loads(json.dumps([dataclasses.asdict(child) for child in supervisor.tree()]))
    for changing in ("busy_ms", "uptime_ms", "mailbox_oldest_ms"):
        assert tree.pop(changing) > 0
    worked_ms = tree.pop("worked_ms")
    assert tree == {
        **{"name": "a", "group": "g", "state": "READY", "essential": True, "incarnation": 1, "restarts": 0, "hangs": 0},
        **{"mailbox_depth": 2, "mailbox_high_water": 2, "mailbox_refused": 1},
        **{"handed_on": 0, "dropped": 0, "last_error": ""},
    }
    busy.release.set()
    until(lambda: status(supervisor, "a").busy_ms == 0)
    assert status(supervisor, "a").worked_ms >= worked_ms + 5, "what it was at is counted when it is through"


def test_a_crash_is_logged_once_with_its_trace_and_what_it_was_handling(
    supervise: Supervise, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = supervise(Group("g", children=[player("a")]))
    supervisor.start()
    supervisor.send("a", BROKEN)
    until(is_back(supervisor, "a", 2))
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "a#1 died of ValueError: broken, handling function; 0 messages unread"
    assert record.exc_info is not None
    assert record.exc_info[1] is not None


def test_wait_says_none_while_it_runs(supervise: Supervise) -> None:
    supervisor = supervise(Group("g"))
    supervisor.start()
    assert supervisor.wait(0) is None
    assert supervisor.wait(0.001) is None
