"""The supervisor: a thread that starts children in order, notices every end and hang, and keeps them running.

The supervisor is a plain thread and not an actor, so that no failure of an actor can end it. Each turn of its loop lets
the table take every step that is due, then processes reports; `table` makes the decisions.

A thread reports its own end (`Exit`, after its teardown). `is_alive` is not used: it says "dead" while the old thread
still works. The caller of `wait` gets the exit code and ends the process; this module ends it only through
`watchdog.LastResort`.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from supervision.backoff import Backoff
from supervision.child import ChildSpec, Group
from supervision.context import Crash, Exit, Ready
from supervision.mailbox import Delivery
from supervision.status import ChildStatus
from supervision.table import GAVE_UP, ChildTable
from supervision.watchdog import LastResort

logger = logging.getLogger(__name__)

LONGEST_TURN_S = 0.5


Step = Callable[[float], None]
"""A step of the table that the supervisor was told to take. Its argument is the time (s, monotonic)."""


class Supervisor:
    """Keeps the children of `groups` running. All methods may be called from any thread, at any time.

    `conditions` maps exception types that mean "not now" rather than "broken", such as a store that is away, to names.
    A child that ends with one is restarted with backoff, outside the restart budget, and shows the name meanwhile. A
    child that ends with a `fatal` type ends everything at once, with the exception's `exit_code`, or 70.
    `last_resort_s` is how long the supervisor itself may be unable to run (None: for ever; for tests). After that, if
    processor time is used up meanwhile, `watchdog.LastResort` ends the process; if not, `fault` reports it.
    Raises `ValueError` when a name occurs twice.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        conditions: Mapping[type[BaseException], str] | None = None,
        fatal: tuple[type[BaseException], ...] = (),
        *,
        backoff: Backoff | None = None,
        last_resort_s: float | None = 60.0,
    ) -> None:
        # A SimpleQueue, because its `put` is reentrant and `stop` is called from signal handlers. Its length is bounded
        # by the number of children: each incarnation reports twice.
        self._told: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self._table = ChildTable(groups, conditions or {}, fatal, backoff or Backoff(), self._report)
        self._last_resort = LastResort(last_resort_s)
        self._turned_s = time.monotonic()
        self._code: int | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts all children in order; may be called once only.

        Returns when each child is ready, over or parked, waits on a condition, or has taken longer than its `hang_s`.
        Also returns when the supervisor has given up: `wait(0)` then gives the exit code.
        """
        self._thread.start()
        self._started.wait(sum(child.spec.hang_s for child in self._table.children()) + 60.0)

    def start_child(self, group_name: str, spec: ChildSpec) -> None:
        """Adds a child at the end of a group and starts it soon, without blocking; does nothing if the child runs.

        Until it is added, `send` answers `UNKNOWN`. It is removed from the group when it ends for good. Raises
        `KeyError` when there is no such group.
        """
        group = {group.group.name: group for group in self._table.groups}[group_name]
        self._told.put(partial(self._table.on_start_child, group, spec))

    def send(self, name: str, message: Any) -> Delivery:
        """Puts `message` into the mailbox of the child that is called `name` now; never blocks, never raises."""
        return self._table.deliver(name, message)

    def crash(self, name: str) -> Delivery:
        """Raises an `InjectedCrash` in the actor, before it reads the messages that wait for it."""
        return self._table.deliver(name, Crash())

    def hurry(self) -> None:
        """Starts all children that wait on a condition now, since the condition has passed. Does not block."""
        self._told.put(self._table.hurry)

    def stop(self) -> None:
        """Begins to stop all children in reverse order, each within its `shutdown_s`. Does not block."""
        self._told.put(lambda now_s: self._table.end(0, "stopped as asked"))

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Waits for the end of all children; returns the exit code, or None after `timeout_s`. The code is 0 where they
        were stopped as asked, all essential ones in time, else 70 or the code of a fatal error."""
        self._ended.wait(timeout_s)
        return self._code

    def fault(self) -> str:
        """Says that the supervisor's loop has not run for `last_resort_s`, so that no child is watched; else empty.

        After a pause of the whole process this is so for a moment, too: the caller should ask twice before it acts.
        """
        after_s = self._last_resort.after_s
        if after_s is None or self._ended.is_set() or time.monotonic() - self._turned_s <= after_s:
            return ""
        return f"the supervisor's loop has not run for {after_s:g} s"

    def tree(self) -> list[ChildStatus]:
        """The status of every child, in start order."""
        now_s = time.monotonic()
        return [child.status(now_s) for child in self._table.children()]

    def _report(self, said: Ready | Exit) -> None:
        if isinstance(said, Ready):
            self._told.put(partial(self._table.on_ready, said))
        else:
            self._told.put(partial(self._table.on_exit, said))

    # From here on everything runs in the supervisor's own thread.

    def _run(self) -> None:
        code = GAVE_UP
        try:
            while self._table.code is None:
                self._turn()
            code = self._table.code
        except BaseException:
            logger.critical("gave up: the supervisor itself failed", exc_info=True)
        finally:
            self._last_resort.disarm()
            self._code = code
            self._started.set()
            self._ended.set()

    def _turn(self) -> None:
        self._last_resort.arm()
        now_s = self._turned_s = time.monotonic()
        self._table.advance(now_s)
        if self._table.is_settled(now_s):
            self._started.set()
        if self._table.code is not None:
            return
        for step in self._listen():
            step(time.monotonic())
            if self._table.code is not None:
                return

    def _listen(self) -> Iterator[Step]:
        """Yields the steps that were told; waits for the first no longer than until the table's next step is due."""
        try:
            yield self._told.get(timeout=self._table.pause_s(time.monotonic(), LONGEST_TURN_S))
            while True:
                yield self._told.get_nowait()
        except queue.Empty:
            return
