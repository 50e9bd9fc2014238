"""What the tests of supervision share: an actor that does what it is told, a stage for one actor, waiting."""

import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from supervision import Actor, ChildSpec, ChildStatus, Context, Delivery, Exit, Mailbox, Ready, Supervisor
from tests.harness.waiting import PATIENCE_S


class Player(Actor):
    """Calls messages that are functions, with itself, and writes everything else down, with its incarnation."""

    tick_s = 1 / 64

    def __init__(
        self,
        context: Context,
        log: list[Any] | None = None,
        at_setup: Callable[["Player"], object] | None = None,
        at_tick: Callable[["Player"], object] | None = None,
        at_teardown: Callable[["Player"], object] | None = None,
    ) -> None:
        super().__init__(context)
        self.log: list[Any] = [] if log is None else log
        self.at_setup, self.at_tick, self.at_teardown = at_setup, at_tick, at_teardown

    def setup(self) -> None:
        self.log.append(f"{self.context} setup")
        if self.at_setup is not None:
            self.at_setup(self)

    def handle(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.log.append(message)
        return message

    def tick(self) -> None:
        if self.at_tick is not None:
            self.at_tick(self)

    def teardown(self) -> None:
        self.log.append(f"{self.context} teardown")
        if self.at_teardown is not None:
            self.at_teardown(self)


class Blocker:
    """A message that keeps its actor busy until it is released; `entered` says that it has begun."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, _actor: object) -> None:
        self.entered.set()
        assert self.release.wait(PATIENCE_S)

    def wait_entered(self) -> None:
        assert self.entered.wait(PATIENCE_S)


class Stage:
    """One actor without a supervisor: what it reports ends up here."""

    def __init__(self, size: int = 1_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.reports: queue.SimpleQueue[Ready | Exit] = queue.SimpleQueue()
        self.sent: list[tuple[str, Any]] = []
        self.mailbox = Mailbox(size, clock=clock)
        self.context = Context("player", 1, self.mailbox, self.send, self.reports.put, clock)

    def send(self, name: str, message: Any) -> Delivery:
        self.sent.append((name, message))
        return Delivery.DELIVERED

    def exit(self) -> Exit:
        """Waits for the actor's end."""
        while True:
            report = self.reports.get(timeout=PATIENCE_S)
            if isinstance(report, Exit):
                return report

    def unread(self) -> list[Any]:
        """What the dead actor left unread."""
        return [envelope.message for envelope in self.mailbox.leave()]


def fail_with(error: BaseException) -> Callable[[object], None]:
    """A message of which its actor dies."""

    def fail(_actor: object) -> None:
        raise error

    return fail


def player(name: str, log: list[Any] | None = None, spec: dict[str, Any] | None = None, **scenes: Any) -> ChildSpec:
    """A child spec for a `Player`."""
    return ChildSpec(name, lambda context: Player.start(context, log, **scenes), **(spec or {}))


def status(supervisor: Supervisor, name: str) -> ChildStatus:
    return next(child for child in supervisor.tree() if child.name == name)


def states(supervisor: Supervisor) -> dict[str, str]:
    return {child.name: child.state for child in supervisor.tree()}


def is_back(supervisor: Supervisor, name: str, incarnation: int) -> Callable[[], bool]:
    return lambda: (status(supervisor, name).state, status(supervisor, name).incarnation) == ("READY", incarnation)
