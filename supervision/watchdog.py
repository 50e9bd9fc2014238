"""What to do about threads that do not come back. Python cannot kill a thread; it can be looked at and left
behind.

A hung actor is found by the supervisor, which leaves it behind. When the supervisor itself is kept from
running, because something holds the interpreter's lock or a factory blocks, the last resort ends the process
from outside of Python.
"""

import faulthandler
import signal
import sys
import time
import traceback

STANDARD_ERROR = 2
BLOCKED = 10


class LastResort:
    """Ends the process with a dump of all stacks when not re-armed for `after_s` seconds; None: never.

    These seconds are the processor's: what holds the interpreter's lock uses them up, a process that was stopped does
    not. For what blocks without working there is a second time, ten times as long, by the clock. The first ends the
    process by SIGPROF, the second with faulthandler's own exit code, 1.
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
            faulthandler.dump_traceback_later(BLOCKED * self.after_s, exit=True, file=STANDARD_ERROR)

    def disarm(self) -> None:
        """Nothing will happen any more."""
        if self.after_s is not None:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            faulthandler.cancel_dump_traceback_later()


def stack_of(thread_id: int | None) -> str:
    """Where a thread is right now, for the log; empty when it has ended."""
    frame = sys._current_frames().get(thread_id) if thread_id is not None else None
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
