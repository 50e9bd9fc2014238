"""What to do about threads that do not come back. Python cannot kill a thread; it can be looked at and left
behind.

A hung actor is found by the supervisor, which leaves it behind. When the supervisor itself is kept from
running, because something holds the interpreter's lock, the last resort ends the process from outside of Python.
"""

import faulthandler
import signal
import sys
import time
import traceback

STANDARD_ERROR = 2


class LastResort:
    """Ends the process with a dump of all stacks when not re-armed for `after_s` seconds; None: never.

    These seconds are the processor's: what holds the interpreter's lock uses them up. A process that was stopped, or
    whose machine slept, does not, however long: no timer by a clock tells it from one that hangs. It ends by SIGPROF.
    """

    def __init__(self, after_s: float | None) -> None:
        self.after_s = after_s
        self._armed_at_s = float("-inf")

    def arm(self) -> None:
        """Starts the time again. Cheap to call often: it really re-arms after a tenth of `after_s` only."""
        now_s = time.monotonic()
        if self.after_s is not None and now_s - self._armed_at_s >= self.after_s / 10:
            self._armed_at_s = now_s
            faulthandler.register(signal.SIGPROF, file=STANDARD_ERROR, all_threads=True, chain=True)
            signal.setitimer(signal.ITIMER_PROF, self.after_s)

    def disarm(self) -> None:
        """Nothing will happen any more."""
        if self.after_s is not None:
            signal.setitimer(signal.ITIMER_PROF, 0.0)


def stack_of(thread_id: int | None) -> str:
    """Where a thread is right now, for the log; empty when it has ended."""
    frame = sys._current_frames().get(thread_id) if thread_id is not None else None
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
