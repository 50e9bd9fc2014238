"""The actor shell: each way to die ends this actor, is told, and harms nobody else."""

import asyncio
import threading
import time
from typing import Any

import pykka
import pytest

from supervision import Actor, Delivery, InjectedCrash, Ready
from supervision.context import Crash, Ping, Stop
from tests.harness.waiting import PATIENCE_S, until
from tests.supervision.stage import Blocker, Player, Stage, fail_with

pytestmark = pytest.mark.requirement("SUP-2")

WAYS_TO_DIE = [ValueError("broken"), SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt()]


@pytest.mark.parametrize("error", WAYS_TO_DIE, ids=repr)
def test_a_tell_that_fails_ends_the_actor_and_names_the_error_and_the_message(error: BaseException) -> None:
    stage = Stage()
    ref = Player.start(stage.context)
    poison = fail_with(error)
    ref.tell(poison)
    end = stage.exit()
    assert end.reason is error
    assert end.in_hand == (poison,)
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()


@pytest.mark.parametrize("error", WAYS_TO_DIE, ids=repr)
def test_an_ask_that_fails_ends_the_actor_too_instead_of_leaving_it_half_changed(error: BaseException) -> None:
    stage = Stage()
    ref = Player.start(stage.context)
    with pytest.raises(type(error) if isinstance(error, Exception) else pykka.ActorDeadError):
        ref.ask(fail_with(error), timeout=PATIENCE_S)
    assert stage.exit().reason is error


@pytest.mark.parametrize("error", WAYS_TO_DIE, ids=repr)
def test_a_setup_that_fails_is_told_instead_of_leaving_a_zombie(error: BaseException) -> None:
    stage = Stage()
    ref = Player.start(stage.context, at_setup=fail_with(error))
    assert stage.exit().reason is error
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("nobody there")


@pytest.mark.parametrize("error", WAYS_TO_DIE, ids=repr)
def test_a_tick_that_fails_ends_the_actor(error: BaseException) -> None:
    stage = Stage()
    Player.start(stage.context, at_tick=fail_with(error))
    end = stage.exit()
    assert end.reason is error
    assert end.in_hand == ()


@pytest.mark.parametrize("error", WAYS_TO_DIE, ids=repr)
def test_a_teardown_that_fails_is_recorded_and_runs_once(error: BaseException) -> None:
    stage, log = Stage(), list[Any]()
    ref = Player.start(stage.context, log, at_teardown=fail_with(error))
    assert ref.stop(timeout=PATIENCE_S)
    end = stage.exit()
    assert (end.reason, end.teardown_error) == (None, error)
    assert log == ["player#1 setup", "player#1 teardown"]


@pytest.mark.parametrize("where", ["setup", "handle", "tick", "stop"])
def test_teardown_runs_on_every_way_out(where: str) -> None:
    stage, log = Stage(), list[Any]()
    error = ValueError("broken")
    scenes = {f"at_{where}": fail_with(error)} if where in ("setup", "tick") else {}
    Player.start(stage.context, log, **scenes)
    stage.mailbox.offer(fail_with(error)) if where == "handle" else stage.mailbox.urge(Stop())
    stage.exit()
    assert log[-1] == "player#1 teardown"


def test_a_base_exception_in_one_actor_leaves_the_others_alone() -> None:
    """pykka stops every actor of the process on one SystemExit, logged at DEBUG only."""
    doomed, other = Stage(), Stage()
    Player.start(doomed.context).tell(fail_with(SystemExit(1)))
    ref = Player.start(other.context)
    doomed.exit()
    assert ref.ask("alive", timeout=PATIENCE_S) == "alive"
    ref.stop(timeout=PATIENCE_S)


def test_an_actor_blocked_in_an_ask_on_a_dying_one_gets_an_answer() -> None:
    """pykka deadlocks here: the teardown that would answer waits, without a limit, for the asker to stop."""
    dying, asking, answers = Stage(), Stage(), []
    dying_ref = Player.start(dying.context)

    def ask_the_dying(_actor: object) -> None:
        try:
            dying_ref.ask(fail_with(SystemExit(1)), timeout=PATIENCE_S)
        except pykka.ActorDeadError as error:
            answers.append(error)

    ref = Player.start(asking.context)
    ref.ask(ask_the_dying, timeout=PATIENCE_S)
    assert len(answers) == 1
    ref.stop(timeout=PATIENCE_S)


def test_a_caller_who_fills_his_own_future_does_not_kill_the_actor() -> None:
    """In pykka, `queue.Full` then escapes the loop and leaves a zombie."""
    stage, blocker = Stage(), Blocker()
    ref = Player.start(stage.context)
    ref.tell(blocker)
    blocker.wait_entered()
    future = ref.ask("question", block=False)
    future.set("given up")
    blocker.release.set()
    assert ref.ask("alive", timeout=PATIENCE_S) == "alive"
    ref.stop(timeout=PATIENCE_S)


@pytest.mark.parametrize("error", WAYS_TO_DIE, ids=repr)
def test_who_asked_is_answered_although_the_teardown_fails(error: BaseException) -> None:
    """In pykka a BaseException in `on_stop` skips the teardown: queued asks hang for ever."""
    stage, blocker = Stage(), Blocker()
    ref = Player.start(stage.context, at_teardown=fail_with(error))
    ref.tell(blocker)
    blocker.wait_entered()
    future = ref.ask("question", block=False)
    stopping = ref.stop(block=False)
    blocker.release.set()
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE_S)
    assert stopping.get(timeout=PATIENCE_S) is True
    assert stage.exit().teardown_error is error


def test_an_ask_that_timed_out_is_handled_all_the_same() -> None:
    """Why nobody of ours asks: who gives up and asks again is heard twice."""
    stage, log, blocker = Stage(), list[Any](), Blocker()
    ref = Player.start(stage.context, log)
    ref.tell(blocker)
    blocker.wait_entered()
    with pytest.raises(pykka.Timeout):
        ref.ask("bid", timeout=0.01)
    blocker.release.set()
    ref.ask("afterwards", timeout=PATIENCE_S)
    assert log == ["player#1 setup", "bid", "afterwards"]
    ref.stop(timeout=PATIENCE_S)


@pytest.mark.requirement("SUP-3")
def test_what_waits_behind_a_crash_is_left_in_order_and_questions_are_answered() -> None:
    """pykka drops queued tells without a word."""
    stage, blocker = Stage(), Blocker()
    ref = Player.start(stage.context)
    ref.tell(blocker)
    blocker.wait_entered()
    ref.tell(fail_with(ValueError("broken")))
    ref.tell("first")
    future = ref.ask("question", block=False)
    ref.tell("second")
    blocker.release.set()
    stage.exit()
    assert stage.unread() == ["first", "second"]
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE_S)


def test_control_pre_empts_a_backlog() -> None:
    """pykka's stop queues at the tail."""
    stage, log, blocker = Stage(), list[Any](), Blocker()
    ref = Player.start(stage.context, log)
    ref.tell(blocker)
    blocker.wait_entered()
    for number in range(100):
        ref.tell(number)
    stage.mailbox.urge(Stop())
    blocker.release.set()
    assert stage.exit().reason is None
    assert log == ["player#1 setup", "player#1 teardown"]
    assert stage.unread() == list(range(100))


def test_an_injected_crash_is_a_crash_ahead_of_the_data() -> None:
    stage, blocker = Stage(), Blocker()
    ref = Player.start(stage.context)
    ref.tell(blocker)
    blocker.wait_entered()
    ref.tell("data")
    stage.mailbox.urge(Crash())
    blocker.release.set()
    assert isinstance(stage.exit().reason, InjectedCrash)
    assert stage.unread() == ["data"]


def test_the_end_is_told_only_after_the_teardown_is_through() -> None:
    """In pykka a stopped actor is unregistered while `on_stop` still works: a restart then makes two writers."""
    stage, blocker = Stage(), Blocker()
    ref = Player.start(stage.context, at_teardown=blocker)
    stage.mailbox.urge(Stop())
    blocker.wait_entered()
    assert ref.is_alive()
    assert stage.reports.empty()
    assert stage.mailbox.offer("late") is Delivery.RESTARTING
    blocker.release.set()
    assert stage.exit().reason is None
    assert not ref.is_alive()


def test_ready_is_the_answer_to_the_first_ping_and_comes_after_setup() -> None:
    stage, blocker = Stage(), Blocker()
    stage.mailbox.urge(Ping())
    ref = Player.start(stage.context, at_setup=blocker)
    blocker.wait_entered()
    assert stage.reports.empty()
    blocker.release.set()
    assert stage.reports.get(timeout=PATIENCE_S) == Ready("player", 1)
    ref.stop(timeout=PATIENCE_S)


def test_tick_comes_between_messages_under_load_and_never_during_one() -> None:
    stage, inside, ticks = Stage(size=100_000), [], []

    def message(_actor: object) -> None:
        inside.append(True)
        time.sleep(0.0005)  # the work of a handler, not a wait
        inside.pop()

    ref = Player.start(stage.context, at_tick=lambda _: ticks.append((len(inside), len(stage.mailbox))))
    while len([depth for _, depth in ticks if depth > 0]) < 5:
        if len(stage.mailbox) < 1_000:
            stage.mailbox.offer(message)
    assert {at_once for at_once, _ in ticks} == {0}
    ref.stop(timeout=PATIENCE_S)


def test_an_idle_actor_ticks_at_once_and_then_at_its_pace() -> None:
    now_s = 0.0
    stage, ticks = Stage(clock=lambda: now_s), []
    actors: list[Actor] = []
    stage.context.launch = actors.append
    Player.start(stage.context, at_tick=lambda _: ticks.append(now_s))
    life = actors[0].life()
    for step in (0, 1, 2, 3, 6, 7, 8):
        now_s = step / 128
        assert 0.0 < next(life) <= Player.tick_s
    assert [tick * 128 for tick in ticks] == [0, 2, 6, 8]
    life.close()
    assert isinstance(stage.exit().reason, GeneratorExit)


class Batcher(Player):
    batch_max = 3

    def handle_batch(self, messages: list[Any]) -> None:
        self.log.append(messages)
        if "poison" in messages:
            raise ValueError("broken")


def test_an_actor_that_handles_batches_gets_up_to_batch_max_and_loses_only_the_batch_in_hand() -> None:
    stage, log = Stage(), list[Any]()
    for message in (1, 2, 3, 4, "poison", 5, 6, 7):
        stage.mailbox.offer(message)
    Batcher.start(stage.context, log)
    end = stage.exit()
    assert log == ["player#1 setup", [1, 2, 3], [4, "poison", 5], "player#1 teardown"]
    assert end.in_hand == (4, "poison", 5)
    assert stage.unread() == [6, 7]


class Deaf(Player):
    def handle(self, message: Any) -> Any:
        return NotImplemented


def test_an_unknown_message_is_logged_and_an_asker_learns_it(caplog: pytest.LogCaptureFixture) -> None:
    """pykka warns and answers None, so that the ask looks successful."""
    stage = Stage()
    ref = Deaf.start(stage.context)
    ref.tell("what?")
    with pytest.raises(TypeError, match="player#1 does not know"):
        ref.ask("what?", timeout=PATIENCE_S)
    assert "player#1 does not know what to do with a str" in caplog.text
    ref.stop(timeout=PATIENCE_S)


def test_a_subclass_may_give_its_own_methods_any_private_name() -> None:
    names = [name.removeprefix("_Actor__") for name in vars(Actor) if name.startswith("_Actor__")]
    assert len(names) > 3
    overridden: type[Player] = type("Own", (Player,), {f"_{name}": None for name in names})
    stage, log = Stage(), list[Any]()
    ref = overridden.start(stage.context, log)
    assert ref.ask("question", timeout=PATIENCE_S) == "question"
    assert ref.stop(timeout=PATIENCE_S)
    assert log == ["player#1 setup", "question", "player#1 teardown"]


def test_hooks_of_pykka_that_would_never_run_are_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="on_start would never run: implement setup"):
        type("Wrong", (Player,), {"on_start": lambda self: None})


def test_an_actor_can_end_itself() -> None:
    stage, log = Stage(), list[Any]()
    Player.start(stage.context, log).tell(lambda actor: actor.stop())
    assert stage.exit().reason is None


def test_actors_run_in_daemon_threads_so_that_a_hung_one_cannot_keep_the_process() -> None:
    stage, daemons = Stage(), []
    ref = Player.start(stage.context)
    ref.ask(lambda _: daemons.append(threading.current_thread().daemon), timeout=PATIENCE_S)
    ref.stop(timeout=PATIENCE_S)
    assert daemons == [True]


def test_the_thread_has_the_name_of_the_actor_and_ends() -> None:
    stage, threads = Stage(), []
    ref = Player.start(stage.context)
    ref.ask(lambda _: threads.append(threading.current_thread()), timeout=PATIENCE_S)
    assert threads[0].name == "player#1"
    ref.stop(timeout=PATIENCE_S)
    until(lambda: not threads[0].is_alive())


def test_when_no_thread_is_to_be_had_the_starter_hears_it_and_no_ghost_stays_registered() -> None:
    stage = Stage()
    stage.context.launch = fail_with(RuntimeError("can't start new thread"))
    before = pykka.ActorRegistry.get_all()
    with pytest.raises(RuntimeError, match="can't start"):
        Player.start(stage.context)
    assert pykka.ActorRegistry.get_all() == before
