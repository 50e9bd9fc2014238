"""The mailbox: bounded, two lanes, refusing at once, losing nothing."""

import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest
from pykka.messages import ProxyCall

from supervision import Delivery, Mailbox, MailboxFull
from supervision.mailbox import CONTROL_SIZE
from tests.harness.waiting import PATIENCE_S
from tests.supervision.stage import Player, Stage

pytestmark = pytest.mark.requirement("SUP-3")


def messages(mailbox: Mailbox, most: int = 1_000) -> list[Any]:
    return [envelope.message for envelope in mailbox.take(most)]


def test_messages_come_out_in_order_and_in_batches() -> None:
    mailbox = Mailbox(10)
    for number in range(5):
        assert mailbox.offer(number) is Delivery.DELIVERED
    assert messages(mailbox, 3) == [0, 1, 2]
    assert messages(mailbox, 3) == [3, 4]
    assert messages(mailbox, 3) == []


def test_a_full_data_lane_refuses_at_once_and_counts_it() -> None:
    mailbox = Mailbox(2)
    assert [mailbox.offer(number) for number in range(4)] == ["DELIVERED", "DELIVERED", "FULL", "FULL"]
    assert (len(mailbox), mailbox.high_water, mailbox.refused) == (2, 2, 2)
    messages(mailbox)
    assert mailbox.offer(9) is Delivery.DELIVERED
    assert (len(mailbox), mailbox.high_water) == (1, 2)


def test_control_gets_through_a_full_data_lane_and_is_bounded_too() -> None:
    mailbox = Mailbox(1)
    mailbox.offer("data")
    assert [mailbox.urge("control") for _ in range(CONTROL_SIZE)] == ["DELIVERED"] * CONTROL_SIZE
    assert mailbox.urge("control") is Delivery.FULL
    envelope = mailbox.take_control()
    assert envelope is not None
    assert envelope.message == "control"


def test_a_closed_mailbox_refuses_and_keeps_what_was_unread_for_the_successor() -> None:
    mailbox = Mailbox(10)
    mailbox.offer("a")
    mailbox.offer("b")
    mailbox.close()
    assert mailbox.offer("c") is Delivery.RESTARTING
    assert mailbox.urge("stop") is Delivery.RESTARTING
    assert messages(mailbox) == []
    successor = Mailbox(10, mailbox.leave())
    successor.offer("new")
    assert messages(successor) == ["a", "b", "new"]
    assert mailbox.leave() == []


def test_who_asked_is_told_at_the_close_instead_of_waiting_for_ever() -> None:
    mailbox, future = Mailbox(10), pykka.ThreadingFuture[object]()
    mailbox.offer("question", future)
    mailbox.offer("note")
    mailbox.close()
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE_S)
    assert [envelope.message for envelope in mailbox.leave()] == ["note"]


def test_a_question_is_taken_alone() -> None:
    mailbox = Mailbox(10)
    mailbox.offer("a")
    mailbox.offer("question", pykka.ThreadingFuture())
    mailbox.offer("b")
    assert [messages(mailbox), messages(mailbox), messages(mailbox)] == [["a"], ["question"], ["b"]]


def test_the_oldest_age_is_that_of_the_first_unread_letter_also_after_a_handover() -> None:
    now_s = 100.0
    mailbox = Mailbox(10, clock=lambda: now_s)
    assert mailbox.oldest_ms() == 0
    mailbox.offer("old")
    now_s = 101.0
    mailbox.offer("young")
    now_s = 101.5
    assert mailbox.oldest_ms() == 1_500
    mailbox.close()
    assert Mailbox(10, mailbox.leave(), clock=lambda: now_s).oldest_ms() == 1_500


class Moment(int):
    """A size that lets something happen while it is compared with."""

    happens: Callable[[], object]

    def __le__(self, other: int) -> bool:
        self.happens()
        return int(self) <= other


def test_a_close_cannot_come_between_the_check_and_the_put() -> None:
    """pykka checks and then puts: a message put after the teardown is stranded without an error."""
    size = Moment(10)
    mailbox = Mailbox(size)
    closing = threading.Thread(target=mailbox.close)

    def close() -> None:
        closing.start()
        closing.join(0.1)

    size.happens = close
    assert mailbox.offer("message") is Delivery.DELIVERED
    closing.join(PATIENCE_S)
    assert [envelope.message for envelope in mailbox.leave()] == ["message"]


def test_every_message_is_either_refused_or_handed_over_however_the_close_falls() -> None:
    for _ in range(30):
        mailbox, accepted = Mailbox(100_000), list[tuple[int, int]]()
        go = threading.Barrier(4)

        def send(
            sender: int,
            mailbox: Mailbox = mailbox,
            accepted: list[tuple[int, int]] = accepted,
            go: threading.Barrier = go,
        ) -> None:
            go.wait(PATIENCE_S)
            for number in range(10_000):
                if mailbox.offer((sender, number)) is not Delivery.DELIVERED:
                    return
                accepted.append((sender, number))

        threads = [threading.Thread(target=send, args=(sender,)) for sender in range(3)]
        for thread in threads:
            thread.start()
        go.wait(PATIENCE_S)
        taken = messages(mailbox, 50)
        mailbox.close()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert sorted(taken + [envelope.message for envelope in mailbox.leave()]) == sorted(accepted)


def test_tell_and_ask_through_pykka_raise_instead_of_blocking_when_full() -> None:
    """With a bounded `queue.Queue`, pykka's tell blocks for ever and a message to oneself is a deadlock."""
    stage = Stage(size=1)
    stage.context.launch = lambda actor: None  # nobody reads
    ref = Player.start(stage.context)
    ref.tell("fits")
    with pytest.raises(MailboxFull):
        ref.tell("does not")
    with pytest.raises(MailboxFull):
        ref.ask("does not either", timeout=PATIENCE_S)
    pykka.ActorRegistry.unregister(ref)


def test_proxy_calls_are_refused_because_they_reach_private_attributes() -> None:
    stage = Stage()
    stage.context.launch = lambda actor: None
    ref = Player.start(stage.context)
    with pytest.raises(TypeError, match="proxies"):
        ref.tell(ProxyCall(("_end",), (None,), {}))
    pykka.ActorRegistry.unregister(ref)
