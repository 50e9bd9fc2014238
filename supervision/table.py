"""The child table: who lives, who is to come, who has to go. The supervisor's decisions are all made here.

There is no waiting in it, and the time is an argument: something happened (`on_...`), or time has passed
(`advance`), and what is due now is done. A state is never waited for inside a step, so any number of children
can be on their way at once. One thread changes it, the supervisor's; others look (`deliver`, `children`).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from supervision.backoff import Backoff
from supervision.child import Child, ChildSpec, Group, Restart, RunningGroup
from supervision.context import Context, Crash, Exit, Ping, Ready, Stop
from supervision.mailbox import Delivery
from supervision.status import State
from supervision.watchdog import stack_of

logger = logging.getLogger(__name__)

GAVE_UP = 70
"""Exit code: gave up. A process manager starts the process again; recovery is the normal start."""

MOST_HANGS = 1
"""A hung thread cannot be killed, only left behind. One of a child is bearable; a second ends the process, or parks a
child that the process can do without."""

MOST_LEFT_BEHIND = 3
"""A child is not started again while so many threads of it hang."""

STALL_S = 2.0
"""When the supervisor itself did not run for so long, the whole process did not (a paused machine, a debugger):
that time is not held against the children."""


class ChildTable:
    """The children of `groups`, and `code`: the exit code, once all has ended.

    `report` may be called from any thread. The other arguments are explained at `Supervisor`.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        conditions: Mapping[type[BaseException], str],
        fatal: tuple[type[BaseException], ...],
        backoff: Backoff,
        report: Callable[[Ready | Exit], None],
    ) -> None:
        self.groups = tuple(
            RunningGroup(group, tuple(Child(spec, group.name) for spec in group.children)) for group in groups
        )
        self.code: int | None = None
        self._by_name = {child.spec.name: child for child in self.children()}
        if len(self._by_name) < len(self.children()) or len({group.name for group in groups}) < len(groups):
            raise ValueError("two groups or two children bear the same name")
        self._conditions = dict(conditions)
        self._fatal = fatal
        self._backoff = backoff
        self._report = report
        self._ending: tuple[int, str] | None = None
        self._turned_s = self._awake_since_s = float("-inf")

    # Looking. From any thread.

    def children(self) -> tuple[Child, ...]:
        """All children in start order."""
        return tuple(child for group in self.groups for child in group.children)

    def is_settled(self, now_s: float) -> bool:
        """Whether the first start is through: nobody is left for whom others would wait."""
        return all(child.is_settled(now_s) for child in self.children() if not child.dynamic)

    def deliver(self, name: str, message: Any) -> Delivery:
        """Puts `message` into the mailbox of the child that bears `name` now."""
        child = self._by_name.get(name)
        if child is None:
            return Delivery.UNKNOWN
        delivery = child.mailbox.urge(message) if isinstance(message, Crash) else child.mailbox.offer(message)
        return Delivery.UNKNOWN if delivery is Delivery.RESTARTING and child.is_over() else delivery

    def pause_s(self, now_s: float, longest_s: float) -> float:
        """How long the supervisor may listen until something is due, or a hang should be looked for."""
        for child in self.children():
            longest_s = min(longest_s, child.spec.hang_s / 4)
            if child.state is State.STOPPING:
                longest_s = min(longest_s, child.stop_by_s - now_s)
            elif child.due_s is not None and child.due_s > now_s:
                longest_s = min(longest_s, child.due_s - now_s)
        return max(0.0, longest_s)

    # Time has passed.

    def advance(self, now_s: float) -> None:
        """Takes every step that is due: leave the hung behind, let go in reverse order, let come in order."""
        if now_s - self._turned_s > STALL_S:
            self._awake_since_s = now_s
        self._turned_s = now_s
        for child in self.children():
            busy_s = min(child.busy_s(now_s), now_s - self._awake_since_s)
            if child.state is not State.STOPPING and busy_s > child.spec.hang_s:
                self._abandon(child, now_s, f"did not come back within {child.spec.hang_s:g} s")
            elif child.parked and child.has_proven_itself(now_s):
                child.parked = False
                logger.warning("%s, which was parked, is well again", child.spec.name)
        if self._ending is not None:
            if not self._stop_next(self.children(), now_s):
                self._finish(*self._ending)
            return
        for child in self.children():
            if child.due_s is not None and child.due_s <= now_s and self._may_launch(child, now_s):
                self._launch(child, now_s)

    # Coming.

    def _may_launch(self, child: Child, now_s: float) -> bool:
        """Whether those are ready on whom the order of start makes it wait, and not too many of its threads hang."""
        if len(child.left_behind) >= MOST_LEFT_BEHIND:
            return False
        if child.incarnation == 0 and not child.dynamic:
            order = self.children()
            return all(c.is_settled(now_s) for c in order[: order.index(child)] if not c.dynamic)
        return True

    def _launch(self, child: Child, now_s: float) -> None:
        child.incarnation += 1
        child.state, child.due_s, child.launched_at_s = State.STARTING, None, now_s
        if child.trying_since_s is None:
            child.trying_since_s = now_s
        mailbox = child.new_mailbox()
        mailbox.urge(Ping())
        context = Context(child.spec.name, child.incarnation, mailbox, self.deliver, self._report)
        child.live(context)
        try:
            child.spec.factory(context)
        except BaseException as error:  # it never came to life, so nobody else reports its end
            context.abandoned = True
            mailbox.close()
            self._report(Exit(context.name, context.incarnation, error, None, ()))

    def on_ready(self, ready: Ready, now_s: float) -> None:
        """A child has answered its first ping."""
        child = self._by_name.get(ready.name)
        if child is None or not _is_current(child, ready) or child.state is not State.STARTING:
            return
        logger.info("%s#%d is ready", ready.name, ready.incarnation)
        child.state, child.ready_at_s, child.trying_since_s, child.condition = State.READY, now_s, None, ""

    def on_start_child(self, group: RunningGroup, spec: ChildSpec, now_s: float) -> None:
        """Somebody wants a child of this name to run."""
        child = self._by_name.get(spec.name)
        if self._ending is not None:
            logger.info("%s is not started: everything is ending", spec.name)
        elif child is None:
            child = Child(spec, group.group.name, dynamic=True)
            group.children = (*group.children, child)
            self._by_name = {**self._by_name, spec.name: child}
        elif child.is_over():
            child.spec = spec
            child.plan(now_s, State.STARTING)

    def hurry(self, now_s: float) -> None:
        """What was waited for is there again: whoever waits on a condition is started now."""
        for child in self.children():
            if child.condition and child.due_s is not None:
                child.due_s, child.waits = now_s, 0

    # Going.

    def on_exit(self, exit_: Exit, now_s: float) -> None:
        """A child's thread has spoken its last word."""
        child = self._by_name.get(exit_.name)
        if child is None or not _is_current(child, exit_):
            if child is not None:
                child.left_behind.discard(exit_.incarnation)
            logger.warning("%s#%d, left behind as hung, has ended at last", exit_.name, exit_.incarnation)
            return
        self._write_down(child, exit_)
        reason = exit_.reason
        if (
            child.state is State.READY
            and child.ready_at_s is not None
            and now_s - child.ready_at_s >= self._backoff.stable_s
        ):
            child.crashes = child.waits = 0
        condition = next((text for kind, text in self._conditions.items() if isinstance(reason, kind)), "")
        if isinstance(reason, self._fatal):
            self._retire(child)
            self._finish(
                getattr(reason, "exit_code", GAVE_UP), f"{exit_.name} met what cannot be borne: {child.last_error}"
            )
        elif self._ending is not None or (child.spec.restart is Restart.TRANSIENT and reason is None):
            self._retire(child)
        elif condition:
            child.condition = condition
            child.waits += 1
            child.plan(now_s + self._backoff.wait_s(child.waits), State.RESTARTING)
        else:
            self._restart(child, now_s, State.RESTARTING)

    def _write_down(self, child: Child, exit_: Exit) -> None:
        """The one place where an end is logged: what it died of, what it was at, how much it left unread."""
        who, reason = f"{exit_.name}#{exit_.incarnation}", exit_.reason
        at = ", ".join(sorted({type(message).__name__ for message in exit_.in_hand})) or "no message"
        child.dropped += len(exit_.in_hand)
        if exit_.teardown_error is not None:
            child.note(exit_.teardown_error)
            logger.error("%s: its teardown failed", who, exc_info=exit_.teardown_error)
        if reason is None:
            logger.info("%s has ended; %d messages unread", who, len(child.mailbox))
            return
        child.note(reason)
        text = "%s died of %s, handling %s; %d messages unread"
        expected = isinstance(reason, (*self._conditions, *self._fatal))
        level = logging.WARNING if expected else logging.ERROR
        trace = None if expected else reason
        logger.log(level, text, who, child.last_error, at, len(child.mailbox), exc_info=trace)

    def _restart(self, child: Child, now_s: float, state: State) -> None:
        """Plans the next start, if the group's budget allows for it; otherwise gives up, or parks the child."""
        group = self._group_of(child)
        child.condition = ""
        child.crashes += 1
        if group.intensity.exceeded(now_s):
            budget = f"more than {group.group.max_restarts} restarts in {group.group.window_s:g} s"
            if not child.spec.essential:
                group.intensity.forget()  # the others did nothing wrong
                self._park(child, now_s, budget)
                return
            self._retire(child, state if state is State.HUNG else State.STOPPED)
            self.end(GAVE_UP, f"{budget} in group {group.group.name}, last {child.spec.name}: {child.last_error}")
            return
        wait_s = self._backoff.wait_s(child.crashes)
        logger.info("%s is started again in %.2f s", child.spec.name, wait_s)
        child.plan(now_s + wait_s, state)

    def _park(self, child: Child, now_s: float, why: str) -> None:
        """Leaves alone for a while what the process can do without."""
        name, wait_s = child.spec.name, self._backoff.park_s
        logger.error("%s is parked and tried again in %g s: %s, last %s", name, wait_s, why, child.last_error)
        child.parked = True
        child.plan(now_s + wait_s, State.PARKED)

    def _stop_next(self, children: Sequence[Child], now_s: float) -> bool:
        """Stops the last one that lives, one at a time; True while there is one."""
        for child in reversed(children):
            if child.context is None:
                continue
            if child.state is not State.STOPPING:
                child.state, child.stop_by_s = State.STOPPING, now_s + child.spec.shutdown_s
                child.mailbox.urge(Stop())
            elif now_s >= child.stop_by_s:
                self._abandon(child, now_s, f"did not stop within {child.spec.shutdown_s:g} s")
                continue
            return True
        return False

    def _abandon(self, child: Child, now_s: float, why: str) -> None:
        """Leaves a thread behind that does not come back: it can neither send nor read, and gets a successor."""
        context = child.context
        assert context is not None
        context.abandoned = True
        child.mailbox.close()
        child.hangs += 1
        child.left_behind.add(context.incarnation)
        child.note(f"{context} {why}")
        logger.error("%s; it is left behind here:\n%s", child.last_error, stack_of(context.thread_id))
        if self._ending is not None:
            self._retire(child, State.HUNG)
            if child.spec.essential:  # whoever speaks with the outside may be waiting for it, which is no fault of ours
                self._ending = (GAVE_UP, f"{self._ending[1]}, but {child.last_error}")
        elif child.hangs > MOST_HANGS and child.spec.essential:
            self._retire(child, State.HUNG)
            self.end(GAVE_UP, f"hung again: {child.last_error}")
        elif child.hangs > MOST_HANGS:
            self._park(child, now_s, "it hung again")
        else:
            self._restart(child, now_s, State.HUNG)

    def _retire(self, child: Child, state: State = State.STOPPED) -> None:
        if unread := child.retire(state):
            logger.warning("%s has no successor: %d messages stay unread", child.spec.name, unread)
        # A record with a hang behind it is kept: its old thread may still speak, under an incarnation that
        # only this record knows to be past.
        if child.dynamic and child.hangs == 0 and self._ending is None:
            group = self._group_of(child)
            group.children = tuple(other for other in group.children if other is not child)
            self._by_name = {name: other for name, other in self._by_name.items() if other is not child}

    def end(self, code: int, why: str) -> None:
        """Begins the orderly end, which `advance` completes. The first reason stands."""
        if self._ending is not None:
            return
        self._ending = (code, why)
        logger.log(logging.ERROR if code else logging.INFO, "ending: %s", why)
        for child in self.children():
            if child.context is None and child.due_s is not None:
                self._retire(child)

    def _finish(self, code: int, why: str) -> None:
        """The end: nobody is waited for any more, and the last line of the log says why."""
        for child in self.children():
            if child.context is not None:  # only at a fatal end
                child.mailbox.urge(Stop())
        if code:
            logger.critical("gave up: %s", why)
        else:
            logger.info("%s", why)
        self.code = code

    def _group_of(self, child: Child) -> RunningGroup:
        return next(group for group in self.groups if group.group.name == child.group)


def _is_current(child: Child, said: Ready | Exit) -> bool:
    return child.context is not None and child.incarnation == said.incarnation
