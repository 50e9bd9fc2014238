"""What is to be supervised (`ChildSpec`, `Group`), and what the supervisor remembers of each child (`Child`).

The records are changed by the supervisor's thread only; others may read single fields at any time. When
anything happens to a child is decided in `table`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pykka

from supervision.backoff import Intensity
from supervision.context import Context
from supervision.mailbox import Mailbox
from supervision.status import ChildStatus, State


class Restart(StrEnum):
    """Which ends of a child are answered with a new start."""

    PERMANENT = "PERMANENT"  # every one
    TRANSIENT = "TRANSIENT"  # a crash; an end of its own will is its end for good


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to make a child and how long to bear with it.

    `factory` starts the actor (`lambda context: Announcer.start(context, store)`); it runs in the
    supervisor's thread and must not block. `shutdown_s` is how long it may take to end when asked, `hang_s`
    how long one handler, its `setup` or its `teardown` may take. `mailbox_size` bounds the messages that wait
    for it. Where one that is `essential` hangs again or exceeds the restart budget, everything ends; another one is
    parked: left alone for a while and tried again. Where one that is not does not end when asked, it is left behind.
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
    """Children started in order, with one restart budget: `max_restarts` within `window_s` seconds."""

    name: str
    children: Sequence[ChildSpec] = ()
    max_restarts: int = 5
    window_s: float = 60.0


class Child:
    """One name in the table, over all its incarnations.

    `context` is set while a thread of it lives, `newest` from its first start on. `due_s` is set while it is to be
    started, at that time or later. `left_behind` are the incarnations whose threads hang. `parked` is set until a later
    incarnation has proven itself.
    """

    def __init__(self, spec: ChildSpec, group: str, dynamic: bool = False) -> None:
        self.spec = spec
        self.group = group
        self.dynamic = dynamic  # came by start_child; forgotten when it ends for good
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
        self.crashes = 0  # in a row, for the back-off
        self.waits = 0  # for the same condition in a row, for the back-off
        self.hangs = 0
        self.handed_on = 0
        self.dropped = 0
        self.last_error = ""

    def new_mailbox(self) -> Mailbox:
        """A mailbox for the next incarnation, with what the last one left unread in it, and its counts."""
        inherited = self.mailbox.leave()
        self.handed_on += len(inherited)
        mailbox = Mailbox(self.spec.mailbox_size, inherited)
        # Before anybody sees it: what counts up for those who watch must never seem to begin anew.
        mailbox.refused, mailbox.high_water = self.mailbox.refused, self.mailbox.high_water
        self.mailbox = mailbox
        return mailbox

    def live(self, context: Context) -> None:
        """The next incarnation begins."""
        context.worked_s = self.newest.worked_s if self.newest else 0.0
        self.context = self.newest = context

    def plan(self, due_s: float, state: State) -> None:
        """To be started at `due_s`; until then it shows `state`."""
        self.state, self.due_s = state, due_s
        self.context = self.ready_at_s = None

    def retire(self, state: State) -> int:
        """Ended for good; returns how many unread messages nobody will read."""
        self.state, self.condition = state, ""
        self.context = self.ready_at_s = self.trying_since_s = self.due_s = None
        unread = len(self.mailbox.leave())
        self.dropped += unread
        return unread

    def note(self, error: BaseException | str) -> None:
        """Remembers the last error, as one line."""
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        self.last_error = " ".join(text.split())[:200]

    def is_over(self) -> bool:
        """Whether it neither lives nor is to be started again."""
        return self.context is None and self.due_s is None

    def is_settled(self, now_s: float) -> bool:
        """Whether those after it may start: it is ready, over, waits on a condition, or has had its time."""
        late = self.trying_since_s is not None and now_s - self.trying_since_s > self.spec.hang_s
        return self.state is State.READY or self.is_over() or bool(self.condition) or self.parked or late

    def has_proven_itself(self, now_s: float) -> bool:
        """Whether it has been ready for so long that a hang would have been seen."""
        return self.state is State.READY and now_s - (self.ready_at_s or now_s) > 2 * self.spec.hang_s

    def busy_s(self, now_s: float) -> float:
        """How long it has been in one handler, seconds; while it is being set up, how long that takes."""
        if self.context is None:
            return 0.0
        since_s = self.context.busy_since_s  # read once: the actor's thread may clear it at any time
        if self.state is State.STARTING:
            since_s = self.launched_at_s
        return 0.0 if since_s is None else now_s - since_s

    def status(self, now_s: float) -> ChildStatus:
        """How it stands now."""
        state: str = self.state
        if self.state is State.READY and self.mailbox.closed:
            state = State.RESTARTING  # it is dead already, and still cleaning up
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


@dataclass(slots=True)
class RunningGroup:
    """A group at work. `children` is replaced, never changed in place: any thread may walk through it."""

    group: Group
    children: tuple[Child, ...]
    intensity: Intensity = field(init=False)

    def __post_init__(self) -> None:
        self.intensity = Intensity(self.group.max_restarts, self.group.window_s)
