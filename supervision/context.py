"""The context that one incarnation of an actor shares with the supervisor, and the messages between the two.

A context is made for each start and never reused, so that an old thread that cannot be killed is told from its
successor. A context neither starts nor stops anything.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from supervision.mailbox import Delivery, Mailbox


class InjectedCrash(Exception):
    """Raised inside an actor on request, for tests of recovery."""


class Abandoned(Exception):
    """Raised in an incarnation that was given up as hung: it has a successor and must not act any more."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Supervisor to actor: are you there? Answered with `Ready`."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Supervisor to actor: end, without reading the messages that still wait."""


@dataclass(frozen=True, slots=True)
class Crash:
    """Supervisor to actor: die of an `InjectedCrash`."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Actor to supervisor: set up and reading messages."""

    name: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class Exit:
    """Actor to supervisor: the incarnation has ended, its teardown included.

    `reason` is the error that ended it, None when it stopped as asked. `in_hand` are the messages that it was handling
    when it ended; they are not delivered again. Messages that it had not yet taken are still in its closed mailbox.
    """

    name: str
    incarnation: int
    reason: BaseException | None
    teardown_error: BaseException | None
    in_hand: tuple[Any, ...]


class Context:
    """An actor's name, incarnation and mailbox, and its ways to send to other actors and to report to the supervisor.

    The actor writes `busy_since_s`, `worked_s` and `thread_id`, the supervisor reads them. `launch` runs the actor's
    loop: a thread by default, a stepper in a simulation, which also brings its own `clock` (seconds).
    """

    def __init__(
        self,
        name: str,
        incarnation: int,
        mailbox: Mailbox,
        send: Callable[[str, Any], Delivery],
        report: Callable[[Ready | Exit], None],
        clock: Callable[[], float] = time.monotonic,
        launch: Callable[[Any], None] | None = None,
    ) -> None:
        self.name, self.incarnation, self.mailbox = name, incarnation, mailbox
        self.report, self.clock, self.launch = report, clock, launch
        self.abandoned = False
        self.busy_since_s: float | None = None
        self.worked_s = 0.0
        self.thread_id: int | None = None
        self._send = send

    def send(self, name: str, message: Any) -> Delivery:
        """Puts `message` into the mailbox of the actor that is called `name` now; never blocks.

        Raises `Abandoned` when this incarnation was given up as hung, so that its thread ends.
        """
        if self.abandoned:
            raise Abandoned(f"{self} was given up as hung and has a successor")
        return self._send(name, message)

    def __str__(self) -> str:
        return f"{self.name}#{self.incarnation}"
