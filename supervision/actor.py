"""The actor shell: a pykka actor that ends at any error, reports it, and leaves unread messages to its successor.

A subclass implements `setup`, `handle` (or `handle_batch`), `tick` and `teardown`; they run in the actor's
own thread, one at a time. A refusal is a message or a return value, never an exception: any exception,
`SystemExit` and its like included, ends this actor, and no other. A supervisor then starts a new incarnation.

pykka provides `start()`, the reference, the registry and futures. Its loop is replaced, because pykka's goes on with
half-changed state after a failing ask, stops every actor on a BaseException, and silently drops the messages that wait
when an actor crashes. The overridden parts of pykka are partly private: `tests/supervision/test_pykka_seams.py` checks
that they are still as expected.
"""

import abc
import logging
import threading
from collections.abc import Generator, Iterator
from typing import Any, ClassVar

import pykka
from pykka.messages import _ActorStop

from supervision.context import Abandoned, Context, Crash, Exit, InjectedCrash, Ping, Ready, Stop
from supervision.mailbox import Envelope, Mailbox, answer, answer_dead, answer_error

logger = logging.getLogger(__name__)

PYKKA_HOOKS = {"on_start": "setup", "on_receive": "handle", "on_stop": "teardown", "on_failure": "teardown"}


class Actor(pykka.ThreadingActor):
    """An actor: one thread with one mailbox, started once by the factory of a `ChildSpec`: `Class.start(context, …)`.

    The constructor runs in the supervisor's thread and only keeps its arguments. Work that can fail or take time
    belongs in `setup`. `setup` should not need the network; where a store is away, it raises one of the supervisor's
    `conditions`, which does not count as a crash.
    """

    # Daemon threads, so that a hung actor cannot keep the process from ending. The interpreter skips the clean-up of
    # daemon threads when it exits; so the supervisor stops its children, with deadlines, before that.
    use_daemon_thread: ClassVar[bool] = True

    tick_s: ClassVar[float] = 0.25
    """The longest time between two calls of `tick`, in seconds, also under load, if no single handler takes longer."""

    batch_max: ClassVar[int] = 256
    """The most messages that `handle_batch` gets at once, where a subclass overrides it."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for hook, ours in PYKKA_HOOKS.items():
            if hook in vars(cls):
                raise TypeError(f"{cls.__name__}.{hook} would never run: implement {ours} instead")

    def __init__(self, context: Context) -> None:
        self.context = context
        super().__init__()
        # One at a time is the default so that control messages and ticks find a gap between any two messages.
        self.__take_most = 1 if type(self).handle_batch is Actor.handle_batch else self.batch_max
        self.__in_hand: list[Envelope] = []
        self.__stop_asked_by: pykka.Future[Any] | None = None

    # What a subclass implements.

    def setup(self) -> None:
        """Prepares the actor: loads its state and opens the resources that `teardown` closes."""

    @abc.abstractmethod
    def handle(self, message: Any) -> Any:
        """Handles one message. The return value answers an ask; `NotImplemented` means that the message is unknown."""

    def handle_batch(self, messages: list[Any]) -> None:
        """Handles messages in order; a subclass overrides it where a batch costs less than its messages one by one.

        When an override fails, the whole batch counts as being handled: none of it is delivered again.
        """
        for message in messages:
            if self.handle(message) is NotImplemented:
                logger.warning("%s does not know what to do with a %s", self.context, type(message).__name__)

    def tick(self) -> None:
        """Does work that is due by the clock: called right after `setup`, then at least every `tick_s` seconds."""

    def teardown(self) -> None:
        """Closes what `setup` opened, also when `setup` failed half-way. Called once, however the actor ends."""

    # The loop. Its names have two underscores, so that no subclass overrides one of them by accident.

    def life(self) -> Generator[float, None, None]:
        """Runs the actor in steps, from `setup` to the `Exit` report; yields after each how many seconds it may wait.

        The actor's thread drives these steps; so can a simulation that has no threads.
        """
        reason: BaseException | None = None
        try:
            self.__busy()
            self.setup()
            self.__idle()
            yield from self.__read()
        except BaseException as error:  # also SystemExit and its like: every reason is reported
            reason = error
        finally:
            self.__end(reason)
            # The error's traceback refers to this frame and the frame to the error. Without that cycle the actor's
            # sockets and files close at once.
            del reason

    def __read(self) -> Iterator[float]:
        context, mailbox = self.context, self.context.mailbox
        tick_due_s = context.clock()
        while True:
            while (envelope := mailbox.take_control()) is not None:
                if self.__obey(envelope):
                    return
            if context.abandoned:
                raise Abandoned(f"{context} was given up as hung and has a successor")
            now_s = context.clock()
            if now_s >= tick_due_s:
                tick_due_s = now_s + self.tick_s
                self.__busy()
                self.tick()
                self.__idle()
            if envelopes := mailbox.take(self.__take_most):
                self.__in_hand = envelopes
                self.__busy()
                self.__handle(envelopes)
                self.__idle()
                self.__in_hand = []
                yield 0.0
            else:
                yield max(0.0, tick_due_s - context.clock())

    def __handle(self, envelopes: list[Envelope]) -> None:
        first = envelopes[0]
        if first.reply_to is None:
            self.handle_batch([envelope.message for envelope in envelopes])
            return
        reply = self.handle(first.message)
        if reply is NotImplemented:
            kind = type(first.message).__name__
            answer_error(first.reply_to, TypeError(f"{self.context} does not know what to do with a {kind}"))
        else:
            answer(first.reply_to, reply)

    def __obey(self, envelope: Envelope) -> bool:
        """Obeys one message of the control lane; returns whether the actor has to end."""
        match envelope.message:
            case Ping():
                self.context.report(Ready(self.context.name, self.context.incarnation))
            case Crash():
                raise InjectedCrash("a crash was injected")
            case Stop() | _ActorStop():
                self.__stop_asked_by = envelope.reply_to
                return True
        return False

    def __end(self, reason: BaseException | None) -> None:
        """Ends the actor, for whatever reason: refuses messages, tears down, reports. In this order, because the report
        starts the successor, and two incarnations must never work at the same time."""
        self.context.mailbox.close()
        for envelope in self.__in_hand:
            if isinstance(reason, Exception):
                answer_error(envelope.reply_to, reason)
            else:  # a SystemExit of this actor must not be raised in the thread of the asker
                answer_dead(envelope.reply_to, f"{self.context} died of {reason!r}")
        teardown_error: BaseException | None = None
        try:
            self.__busy()
            self.teardown()
        except BaseException as error:
            teardown_error = error
        self.__idle()
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        answer(self.__stop_asked_by, None)
        in_hand = tuple(envelope.message for envelope in self.__in_hand)
        context = self.context
        context.report(Exit(context.name, context.incarnation, reason, teardown_error, in_hand))

    def __busy(self) -> None:
        self.context.busy_since_s = self.context.clock()

    def __idle(self) -> None:
        context = self.context
        if context.busy_since_s is not None:
            context.worked_s += context.clock() - context.busy_since_s
            context.busy_since_s = None

    # Methods of pykka that are overridden.

    def _create_actor_inbox(self) -> Mailbox:  # type: ignore[override]
        return self.context.mailbox

    def _start_actor_loop(self) -> None:
        try:
            if self.context.launch is not None:
                self.context.launch(self)
            else:
                daemon = self.use_daemon_thread
                threading.Thread(target=self._actor_loop, name=str(self.context), daemon=daemon).start()
        except BaseException:  # the thread could not be started: pykka's registry must not keep this actor
            pykka.ActorRegistry.unregister(self.actor_ref)
            self.actor_stopped.set()
            raise

    def _actor_loop(self) -> None:
        self.context.thread_id = threading.get_ident()
        for wait_s in self.life():
            if wait_s > 0.0:
                self.context.mailbox.wait(wait_s)
