"""The supervisor: a thread that starts children in order, notices every end and hang, and keeps them running.

It is a plain thread and not an actor, because what watches must not die of what it watches. Each turn of its
loop lets the table take every step that is due, and then hears what is reported; `table` holds the decisions.

Ends are told by the dying thread itself (`Exit`, after its teardown), never by `is_alive`, which says "dead"
while the old thread still works. The exit code is for the caller of `wait` to act on: this module never ends
the process, except through `watchdog.LastResort`.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from supervision.backoff import Backoff
from supervision.child import ChildSpec, Group, RunningGroup
from supervision.context import Crash, Exit, Ready
from supervision.mailbox import Delivery
from supervision.status import ChildStatus
from supervision.table import GAVE_UP, ChildTable
from supervision.watchdog import LastResort

logger = logging.getLogger(__name__)

LONGEST_TURN_S = 0.5


@dataclass(frozen=True, slots=True)
class _StartChild:
    group: RunningGroup
    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class _Hurry:
    pass


@dataclass(frozen=True, slots=True)
class _StopAll:
    pass


class Supervisor:
    """Keeps the children of `groups` running. All methods may be called from any thread, at any time.

    `conditions` names exception types that say "not now" rather than "broken" (a store that is away): who
    dies of one is tried again with back-off, outside the restart budget, and shows that name meanwhile. Who
    dies of a `fatal` type ends everything at once, with the `exit_code` that the exception has, or 70.
    `last_resort_s` ends the process when the supervisor itself cannot run for so long (None: never; for tests), by
    itself where that takes the processor's time, through `fault` where it only blocks.
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
        # SimpleQueue, because `stop` is called from signal handlers and its `put` is reentrant. What is in it
        # is bounded by the children: each incarnation reports twice.
        self._said: queue.SimpleQueue[Ready | Exit | _StartChild | _Hurry | _StopAll] = queue.SimpleQueue()
        self._table = ChildTable(groups, conditions or {}, fatal, backoff or Backoff(), self._said.put)
        self._last_resort = LastResort(last_resort_s)
        self._turned_s = time.monotonic()
        self._code: int | None = None
        self._started = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Starts all children in order; once only.

        Returns when each is ready, over, waits on a condition, or has had its `hang_s`. Returns too when the
        supervisor has given up; `wait(0)` tells.
        """
        self._thread.start()
        self._started.wait(sum(child.spec.hang_s for child in self._table.children()) + 60.0)

    def start_child(self, group_name: str, spec: ChildSpec) -> None:
        """Adds a child at the end of a group and starts it soon, without blocking; no-op when its name runs.

        Until then `send` answers `UNKNOWN`. A child that came this way is forgotten when it ends for good.
        Raises `KeyError` when there is no such group.
        """
        group = {group.group.name: group for group in self._table.groups}[group_name]
        self._said.put(_StartChild(group, spec))

    def send(self, name: str, message: Any) -> Delivery:
        """Puts `message` into the mailbox of the child that bears `name` now; never blocks, never raises."""
        return self._table.deliver(name, message)

    def crash(self, name: str) -> Delivery:
        """Has an `InjectedCrash` raised in the actor, ahead of the data that waits for it."""
        return self._table.deliver(name, Crash())

    def hurry(self) -> None:
        """Starts those who wait on a condition now, since what they waited for is there again. Does not block."""
        self._said.put(_Hurry())

    def stop(self) -> None:
        """Asks for an orderly end: in reverse order, each within its `shutdown_s`. Does not block."""
        self._said.put(_StopAll())

    def wait(self, timeout_s: float | None = None) -> int | None:
        """The exit code, once all has ended: 0 as asked, all that is essential in time; 70 otherwise. None: not yet."""
        self._ended.wait(timeout_s)
        return self._code

    def fault(self) -> str:
        """Why nobody is watched any more, or nothing: the supervisor has not come round for `last_resort_s`.

        So it is too, for a moment, after a pause of the whole process: whoever acts on it looks twice.
        """
        after_s = self._last_resort.after_s
        if after_s is None or self._ended.is_set() or time.monotonic() - self._turned_s <= after_s:
            return ""
        return f"the supervisor did not come round within {after_s:g} s"

    def tree(self) -> list[ChildStatus]:
        """How every child stands now, in start order."""
        now_s = time.monotonic()
        return [child.status(now_s) for child in self._table.children()]

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
        for said in self._listen():
            match said:
                case Ready():
                    self._table.on_ready(said, time.monotonic())
                case Exit():
                    self._table.on_exit(said, time.monotonic())
                case _StartChild():
                    self._table.on_start_child(said.group, said.spec, time.monotonic())
                case _Hurry():
                    self._table.hurry(time.monotonic())
                case _StopAll():
                    self._table.end(0, "stopped as asked")
            if self._table.code is not None:
                return

    def _listen(self) -> Iterator[Ready | Exit | _StartChild | _Hurry | _StopAll]:
        """What was said, waiting for it no longer than until the next step is due."""
        try:
            yield self._said.get(timeout=self._table.pause_s(time.monotonic(), LONGEST_TURN_S))
            while True:
                yield self._said.get_nowait()
        except queue.Empty:
            return
