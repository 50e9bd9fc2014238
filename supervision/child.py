"""The specifications of children (`ChildSpec`, `Group`), and the supervisor's record of each child (`Child`).

Only the supervisor's thread changes the records; other threads may read single fields at any time. `table` decides when
something happens to a child.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pykka

from supervision.backoff import Intensity
from supervision.context import Context, Exit
from supervision.mailbox import Mailbox
from supervision.status import ChildStatus, State

logger = logging.getLogger(__name__)


class Restart(StrEnum):
    """Which ends of a child lead to a restart."""

    PERMANENT = "PERMANENT"  # every end
    TRANSIENT = "TRANSIENT"  # a crash; a child that ends by itself is not restarted


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start a child, and its limits.

    `factory` starts the actor (`lambda context: Announcer.start(context, store)`); it runs in the supervisor's thread
    and must not block. `shutdown_s` is how long the child may take to stop when asked, `hang_s` how long one handler,
    its `setup` or its `teardown` may take. `mailbox_size` bounds the messages that wait for it. Where an `essential`
    child hangs twice or exceeds the restart budget, the process ends; any other child is then parked: left alone for a
    while and tried again. A child that does not stop in time is left behind; if it is essential, the exit code is 70.
    """

    name: str
    factory: Callable[[Context], "pykka.ActorRef[Any]"]
    restart: Restart = Restart.PERMANENT
    shutdown_s: float = 5.0
    hang_s: float = 30.0
    mailbox_size: int = 10_000
    essential: bool = True


@dataclass(frozen=True, slots=True)
class Group:
    """A group of children, started in order, with one restart budget: `max_restarts` within `window_s` seconds."""

    name: str
    children: Sequence[ChildSpec] = ()
    max_restarts: int = 5
    window_s: float = 60.0


class Child:
    """The record of a child, under its name and over all its incarnations.

    `context` is set while an incarnation lives; `newest` is the latest context, also after its end. `due_s` is set
    while a start is planned, for that time or later. `left_behind` are the incarnations whose threads hang. `parked` is
    set until a later incarnation has been ready for long enough (`has_proven_itself`).
    """

    def __init__(self, spec: ChildSpec, group: str, dynamic: bool = False) -> None:
        self.spec = spec
        self.group = group
        self.dynamic = dynamic  # added by start_child; removed from the table when it ends for good
        self.state = State.STARTING
        self.context: Context | None = None
        self.newest: Context | None = None
        self.mailbox = Mailbox(spec.mailbox_size)
        self.mailbox.close()  # nobody reads it before the first start
        self.due_s: float | None = 0.0
        self.left_behind: set[int] = set()
        self.parked = False
        self.stop_by_s = 0.0
        self.trying_since_s: float | None = None
        self.ready_at_s: float | None = None
        self.launched_at_s = 0.0
        self.condition = ""
        self.incarnation = 0
        self.crashes = 0  # crashes in a row, for the backoff
        self.waits = 0  # ends in a row that were due to a condition, for the backoff
        self.hangs = 0
        self.handed_on = 0
        self.dropped = 0
        self.last_error = ""

    def new_mailbox(self) -> Mailbox:
        """A mailbox for the next incarnation, with the messages that the last one left unread, and its counters."""
        inherited = self.mailbox.leave()
        self.handed_on += len(inherited)
        mailbox = Mailbox(self.spec.mailbox_size, inherited)
        # Set before other threads see the mailbox: to them the counters must never seem to begin at 0 again.
        mailbox.refused, mailbox.high_water = self.mailbox.refused, self.mailbox.high_water
        self.mailbox = mailbox
        return mailbox

    def live(self, context: Context) -> None:
        """Records that the next incarnation begins."""
        context.worked_s = self.newest.worked_s if self.newest else 0.0
        self.context = self.newest = context

    def plan(self, due_s: float, state: State) -> None:
        """Plans the next start for `due_s`; until then the child shows `state`."""
        self.state, self.due_s = state, due_s
        self.context = self.ready_at_s = None

    def retire(self, state: State) -> int:
        """Records that the child has ended for good; returns how many messages stay unread."""
        self.state, self.condition = state, ""
        self.context = self.ready_at_s = self.trying_since_s = self.due_s = None
        unread = len(self.mailbox.leave())
        self.dropped += unread
        return unread

    def note(self, error: BaseException | str) -> None:
        """Records the last error, as one line."""
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        self.last_error = " ".join(text.split())[:200]

    def record_exit(self, exit_: Exit, expected: bool) -> None:
        """Records and logs the end of an incarnation: its error, the messages in hand, and how many it left unread.
        The traceback of an expected error is not logged."""
        who, reason = f"{exit_.name}#{exit_.incarnation}", exit_.reason
        at = ", ".join(sorted({type(message).__name__ for message in exit_.in_hand})) or "no message"
        self.dropped += len(exit_.in_hand)
        if exit_.teardown_error is not None:
            self.note(exit_.teardown_error)
            logger.error("%s: its teardown failed", who, exc_info=exit_.teardown_error)
        if reason is None:
            logger.info("%s has ended; %d messages unread", who, len(self.mailbox))
            return
        self.note(reason)
        text = "%s died of %s, handling %s; %d messages unread"
        level, trace = (logging.WARNING, None) if expected else (logging.ERROR, reason)
        logger.log(level, text, who, self.last_error, at, len(self.mailbox), exc_info=trace)

    def is_over(self) -> bool:
        """Whether the child neither runs nor is to be started again."""
        return self.context is None and self.due_s is None

    def is_settled(self, now_s: float) -> bool:
        """Whether the children after it may start: it is ready, over or parked, waits on a condition, or has taken
        longer than `hang_s`."""
        late = self.trying_since_s is not None and now_s - self.trying_since_s > self.spec.hang_s
        return self.state is State.READY or self.is_over() or bool(self.condition) or self.parked or late

    def has_proven_itself(self, now_s: float) -> bool:
        """Whether the child has been ready for more than twice `hang_s`, in which a hang would have been noticed."""
        return self.state is State.READY and now_s - (self.ready_at_s or now_s) > 2 * self.spec.hang_s

    def busy_s(self, now_s: float) -> float:
        """How long the current handler has been running, in seconds; during a start, the time since its launch."""
        if self.context is None:
            return 0.0
        since_s = self.context.busy_since_s  # read once: the actor's thread may clear it at any time
        if self.state is State.STARTING:
            since_s = self.launched_at_s
        return 0.0 if since_s is None else now_s - since_s

    def status(self, now_s: float) -> ChildStatus:
        state: str = self.state
        if self.state is State.READY and self.mailbox.closed:
            state = State.RESTARTING  # the actor has ended and is in its teardown
        elif self.condition and self.state in (State.STARTING, State.RESTARTING):
            state = self.condition
        if self.parked and self.state not in (State.STOPPING, State.STOPPED):
            state = State.PARKED
        ready_at_s = self.ready_at_s
        return ChildStatus(
            name=self.spec.name,
            group=self.group,
            state=state,
            essential=self.spec.essential,
            incarnation=self.incarnation,
            restarts=max(0, self.incarnation - 1),
            hangs=self.hangs,
            mailbox_depth=len(self.mailbox),
            mailbox_high_water=self.mailbox.high_water,
            mailbox_refused=self.mailbox.refused,
            mailbox_oldest_ms=self.mailbox.oldest_ms(),
            handed_on=self.handed_on,
            dropped=self.dropped,
            last_error=self.last_error,
            busy_ms=int(self.busy_s(now_s) * 1000),
            worked_ms=int(self.newest.worked_s * 1000) if self.newest else 0,
            uptime_ms=0 if ready_at_s is None else int((now_s - ready_at_s) * 1000),
        )


class RunningGroup:
    """A group at run time. `children` is replaced, never changed in place, so that any thread may iterate over it."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.children = tuple(Child(spec, group.name) for spec in group.children)
        self.intensity = Intensity(group.max_restarts, group.window_s)
