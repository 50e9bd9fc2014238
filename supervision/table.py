"""The child table makes all decisions of the supervisor: which child runs, is to be started, or has to stop.

The table never waits, and the time is an argument. Each call tells it that something has happened (`on_...`) or that
time has passed (`advance`), and the table does what is due now, so any number of children can be starting or stopping
at once. Only the supervisor's thread changes the table; other threads read it (`deliver`, `children`).
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
"""The exit code for "gave up": a process manager should start the process again, and a normal start recovers."""

MOST_HANGS = 1
"""How often a child may hang and get a successor, its hung thread left behind. The next hang ends the process or, where
the child is not essential, parks the child."""

MOST_LEFT_BEHIND = 3
"""A child is not started again while this many of its threads hang."""

STALL_S = 2.0
"""When the supervisor has not run for this long, the whole process was paused (by the machine, or a debugger): that
time does not count as a hang of a child."""


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
        self.groups = tuple(map(RunningGroup, groups))
        self.code: int | None = None
        self._by_name = {child.spec.name: child for child in self.children()}
        if len(self._by_name) < len(self.children()) or len({group.name for group in groups}) < len(groups):
            raise ValueError("two groups or two children have the same name")
        self._conditions = dict(conditions)
        self._fatal = fatal
        self._backoff = backoff
        self._report = report
        self._ending: tuple[int, str] | None = None
        self._turned_s = self._awake_since_s = float("-inf")

    # Reading, from any thread.

    def children(self) -> tuple[Child, ...]:
        """All children in start order."""
        return tuple(child for group in self.groups for child in group.children)

    def is_settled(self, now_s: float) -> bool:
        """Whether the first start is complete: no child is left for which others would wait."""
        return all(child.is_settled(now_s) for child in self.children() if not child.dynamic)

    def deliver(self, name: str, message: Any) -> Delivery:
        """Puts `message` into the mailbox of the child that is called `name` now."""
        child = self._by_name.get(name)
        if child is None:
            return Delivery.UNKNOWN
        delivery = child.mailbox.urge(message) if isinstance(message, Crash) else child.mailbox.offer(message)
        return Delivery.UNKNOWN if delivery is Delivery.RESTARTING and child.is_over() else delivery

    def pause_s(self, now_s: float, longest_s: float) -> float:
        """How long (s) the supervisor may wait for reports until a step is due or hangs have to be looked for."""
        for child in self.children():
            longest_s = min(longest_s, child.spec.hang_s / 4)
            if child.state is State.STOPPING:
                longest_s = min(longest_s, child.stop_by_s - now_s)
            elif child.due_s is not None and child.due_s > now_s:
                longest_s = min(longest_s, child.due_s - now_s)
        return max(0.0, longest_s)

    # Time has passed.

    def advance(self, now_s: float) -> None:
        """Takes every due step: gives up hung children, stops children in reverse order, starts them in order."""
        if now_s - self._turned_s > STALL_S:
            self._awake_since_s = now_s
        self._turned_s = now_s
        for child in self.children():
            busy_s = min(child.busy_s(now_s), now_s - self._awake_since_s)
            if child.state is not State.STOPPING and busy_s > child.spec.hang_s:
                self._abandon(child, now_s, f"hung for more than {child.spec.hang_s:g} s")
            elif child.parked and child.has_proven_itself(now_s):
                child.parked = False
                logger.warning("%s, which was parked, works again", child.spec.name)
        if self._ending is not None:
            if not self._stop_next(self.children(), now_s):
                self._finish(*self._ending)
            return
        for child in self.children():
            if child.due_s is not None and child.due_s <= now_s and self._may_launch(child, now_s):
                self._launch(child, now_s)

    # Starting.

    def _may_launch(self, child: Child, now_s: float) -> bool:
        """Whether all children before it in the start order are settled, and fewer than MOST_LEFT_BEHIND of its threads
        hang."""
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
        except BaseException as error:  # the actor was not started, so it cannot report its end itself
            context.abandoned = True
            mailbox.close()
            self._report(Exit(context.name, context.incarnation, error, None, ()))

    def on_ready(self, ready: Ready, now_s: float) -> None:
        """Records that a child has answered its first ping: it is ready."""
        child = self._by_name.get(ready.name)
        if child is None or not _is_current(child, ready) or child.state is not State.STARTING:
            return
        logger.info("%s#%d is ready", ready.name, ready.incarnation)
        child.state, child.ready_at_s, child.trying_since_s, child.condition = State.READY, now_s, None, ""

    def on_start_child(self, group: RunningGroup, spec: ChildSpec, now_s: float) -> None:
        """Adds a child of this name, or plans its start where it has ended."""
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
        """Plans the start of all children that wait on a condition for now, since the condition has passed."""
        for child in self.children():
            if child.condition and child.due_s is not None:
                child.due_s, child.waits = now_s, 0

    # Ending.

    def on_exit(self, exit_: Exit, now_s: float) -> None:
        """Records that a child's thread has ended, and decides what follows."""
        child = self._by_name.get(exit_.name)
        if child is None or not _is_current(child, exit_):
            if child is not None:
                child.left_behind.discard(exit_.incarnation)
            logger.warning("%s#%d, left behind as hung, has ended at last", exit_.name, exit_.incarnation)
            return
        reason = exit_.reason
        child.record_exit(exit_, expected=isinstance(reason, (*self._conditions, *self._fatal)))
        if child.ready_at_s is not None and now_s - child.ready_at_s >= self._backoff.stable_s:
            child.crashes = child.waits = 0
        condition = next((text for kind, text in self._conditions.items() if isinstance(reason, kind)), "")
        if isinstance(reason, self._fatal):
            self._retire(child)
            code: int = getattr(reason, "exit_code", GAVE_UP)
            self._finish(code, f"{exit_.name} died of a fatal error: {child.last_error}")
        elif self._ending is not None or (child.spec.restart is Restart.TRANSIENT and reason is None):
            self._retire(child)
        elif condition:
            child.condition = condition
            child.waits += 1
            child.plan(now_s + self._backoff.wait_s(child.waits), State.RESTARTING)
        else:
            self._restart(child, now_s, State.RESTARTING)

    def _restart(self, child: Child, now_s: float, state: State) -> None:
        """Plans the next start, if the group's budget allows for it; otherwise gives up, or parks the child."""
        group = self._group_of(child)
        child.condition = ""
        child.crashes += 1
        if group.intensity.exceeded(now_s):
            budget = f"more than {group.group.max_restarts} restarts in {group.group.window_s:g} s"
            if not child.spec.essential:
                group.intensity.forget()  # the other children of the group keep the whole budget
                self._park(child, now_s, budget)
                return
            self._retire(child, state if state is State.HUNG else State.STOPPED)
            self.end(GAVE_UP, f"{budget} in group {group.group.name}, last {child.spec.name}: {child.last_error}")
            return
        wait_s = self._backoff.wait_s(child.crashes)
        logger.info("%s is started again in %.2f s", child.spec.name, wait_s)
        child.plan(now_s + wait_s, state)

    def _park(self, child: Child, now_s: float, why: str) -> None:
        """Parks a child that is not essential: plans its next start after `park_s`."""
        name, wait_s = child.spec.name, self._backoff.park_s
        logger.error("%s is parked and tried again in %g s: %s, last %s", name, wait_s, why, child.last_error)
        child.parked = True
        child.plan(now_s + wait_s, State.PARKED)

    def _stop_next(self, children: Sequence[Child], now_s: float) -> bool:
        """Stops the last child that still runs, one at a time; returns whether there is one."""
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
        """Gives up a hung thread and leaves it behind: it can neither send nor read any more, and gets a successor."""
        context = child.context
        assert context is not None
        context.abandoned = True
        child.mailbox.close()
        child.hangs += 1
        child.left_behind.add(context.incarnation)
        child.note(f"{context} {why}")
        logger.error("%s; its thread is left behind here:\n%s", child.last_error, stack_of(context.thread_id))
        if self._ending is not None:
            self._retire(child, State.HUNG)
            if child.spec.essential:  # any other child may be waiting for an outside system: no fault of this process
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
        # The record of a child that has hung is kept: its old thread may still report, and only this record says that
        # the incarnation of that thread is outdated.
        if child.dynamic and child.hangs == 0 and self._ending is None:
            group = self._group_of(child)
            group.children = tuple(other for other in group.children if other is not child)
            self._by_name = {name: other for name, other in self._by_name.items() if other is not child}

    def end(self, code: int, why: str) -> None:
        """Begins the orderly end of all children, which `advance` completes. Only the first call counts."""
        if self._ending is not None:
            return
        self._ending = (code, why)
        logger.log(logging.ERROR if code else logging.INFO, "ending: %s", why)
        for child in self.children():
            if child.context is None and child.due_s is not None:
                self._retire(child)

    def _finish(self, code: int, why: str) -> None:
        """Ends without waiting for any child; the last line of the log says why."""
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
