"""The seams of pykka that the shell builds on, some of them private: one test each, against the installed version."""

from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from supervision.mailbox import answer, answer_error
from tests.harness.waiting import PATIENCE_S
from tests.supervision.stage import Player, Stage

pytestmark = pytest.mark.requirement("SUP-2")


class Inbox:
    """Writes down what pykka puts, and has nothing else: pykka may call only `put`."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope[Any]] = []

    def put(self, envelope: Envelope[Any]) -> None:
        self.envelopes.append(envelope)


class Bare(pykka.ThreadingActor):
    """pykka's own actor with the three seams overridden in the plainest way."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        super().__init__()

    def _create_actor_inbox(self) -> Any:  # type: ignore[override]  # as Actor does
        self.calls.append("_create_actor_inbox")
        return Inbox()

    def _start_actor_loop(self) -> None:
        self.calls.append("_start_actor_loop")
        self.was_registered = self.actor_ref in pykka.ActorRegistry.get_all()
        started.append(self)


started: list[Bare] = []


@pytest.fixture
def ref() -> Any:
    started.clear()
    ref = Bare.start()
    yield ref
    pykka.ActorRegistry.unregister(ref)


def test_start_makes_the_inbox_registers_the_ref_and_then_starts_the_loop(ref: Any) -> None:
    assert started[0].calls == ["_create_actor_inbox", "_start_actor_loop"]
    assert started[0].was_registered
    assert isinstance(ref.actor_inbox, Inbox)


def test_create_actor_inbox_may_be_a_method_and_its_result_is_the_inbox_of_the_ref() -> None:
    stage = Stage()
    stage.context.launch = lambda actor: None
    ref = Player.start(stage.context)
    inbox: Any = ref.actor_inbox
    assert inbox is stage.mailbox
    pykka.ActorRegistry.unregister(ref)


def test_actor_loop_is_the_whole_life_of_the_thread() -> None:
    """pykka's own hooks are not called: the shell's `_actor_loop` replaces setup, running and teardown in one."""
    stage, log = Stage(), list[Any]()
    ref = Player.start(stage.context, log)
    assert ref.stop(timeout=PATIENCE_S) is True
    assert log == ["player#1 setup", "player#1 teardown"]


def test_tell_puts_an_envelope_without_reply_to(ref: Any) -> None:
    ref.tell("message")
    (envelope,) = ref.actor_inbox.envelopes
    assert (envelope.message, envelope.reply_to) == ("message", None)


def test_ask_puts_an_envelope_whose_future_can_be_answered_either_way(ref: Any) -> None:
    good, bad = ref.ask("question", block=False), ref.ask("question", block=False)
    answer(ref.actor_inbox.envelopes[0].reply_to, 42)
    answer_error(ref.actor_inbox.envelopes[1].reply_to, ValueError("no"))
    assert good.get(timeout=PATIENCE_S) == 42
    with pytest.raises(ValueError, match="no"):
        bad.get(timeout=PATIENCE_S)


def test_a_future_that_is_filled_already_says_queue_full_which_answer_ignores(ref: Any) -> None:
    future = ref.ask("question", block=False)
    future.set("mine")
    answer(ref.actor_inbox.envelopes[0].reply_to, "yours")
    answer_error(ref.actor_inbox.envelopes[0].reply_to, ValueError("no"))
    assert future.get(timeout=PATIENCE_S) == "mine"


def test_stop_puts_an_actor_stop_that_wants_an_answer(ref: Any) -> None:
    ref.stop(block=False)
    (envelope,) = ref.actor_inbox.envelopes
    assert isinstance(envelope.message, _ActorStop)
    assert envelope.reply_to is not None


def test_is_alive_follows_the_stopped_flag_and_tell_to_a_dead_ref_raises(ref: Any) -> None:
    assert ref.is_alive()
    started[0].actor_stopped.set()
    assert not ref.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell("message")


def test_stop_of_an_actor_that_is_dead_already_is_false() -> None:
    stage = Stage()
    ref = Player.start(stage.context)
    assert ref.stop(timeout=PATIENCE_S) is True
    assert ref.stop(timeout=PATIENCE_S) is False


def test_proxies_send_messages_that_the_mailbox_knows_and_refuses() -> None:
    """A proxy looks into the living actor from the caller's thread; here it fails at the first call."""
    stage = Stage()
    ref = Player.start(stage.context)
    with pytest.raises(TypeError, match="proxies"):
        ref.proxy().setup()
    ref.stop(timeout=PATIENCE_S)
