"""Handles threads that hang: Python cannot kill a thread, only show its stack and leave it behind.

The supervisor finds hung actors and leaves their threads behind. When the supervisor itself cannot run, because a
thread holds the interpreter's lock, `LastResort` ends the process by a signal that needs no Python code.
"""

import faulthandler
import signal
import sys
import time
import traceback

STANDARD_ERROR = 2


class LastResort:
    """Ends the process by SIGPROF, with a dump of all stacks, when not re-armed for `after_s` seconds of processor
    time; None: never.

    A thread that holds the interpreter's lock uses up processor time; a process that was stopped, or whose machine
    slept, does not. A timer by the clock could not tell these cases apart.
    """

    def __init__(self, after_s: float | None) -> None:
        self.after_s = after_s
        self._armed_at_s = float("-inf")

    def arm(self) -> None:
        """Starts the timer anew. Cheap to call often: it really does so only once a tenth of `after_s` has passed."""
        now_s = time.monotonic()
        if self.after_s is not None and now_s - self._armed_at_s >= self.after_s / 10:
            self._armed_at_s = now_s
            faulthandler.register(signal.SIGPROF, file=STANDARD_ERROR, all_threads=True, chain=True)
            signal.setitimer(signal.ITIMER_PROF, self.after_s)

    def disarm(self) -> None:
        """Switches the timer off."""
        if self.after_s is not None:
            signal.setitimer(signal.ITIMER_PROF, 0.0)


def stack_of(thread_id: int | None) -> str:
    """The current stack of a thread as text, for the log; empty when the thread has ended."""
    frame = sys._current_frames().get(thread_id) if thread_id is not None else None  # noqa: SLF001  # it is documented
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
