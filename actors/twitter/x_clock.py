"""The check of X's clock: asks X for its time where no other request has shown it for a while."""

import logging

from actors.ports import RETRY_X_MS
from adapters import alarms
from adapters.x.client import XClient
from adapters.x.errors import XUnavailable

log = logging.getLogger(__name__)

ALARM = "x_clock"
CLOCK_HOLDS_S = 600.0  # after so long without an answer X is asked; the time carried on is half a second behind by then
IN_VAIN_S = 60.0  # after so long without an answer to that, X's silence is an alarm


class XClockCheck:
    """Reads X's clock through `x`, and raises an alarm while that fails. For one thread."""

    def __init__(self, x: XClient) -> None:
        self._x = x
        self._asked_s = float("-inf")

    def read(self) -> bool:
        """Ask X for its time at the start, and after CLOCK_HOLDS_S without an answer of X. Returns whether X was
        asked. So no day opens late for want of X's time, and wrong keys or a wrong machine clock are an alarm before
        they matter."""
        now_s = self._x.clock.steady_s()
        if self._x.clock.unread_s() < CLOCK_HOLDS_S:
            alarms.clear(ALARM)
            return False
        if now_s < self._asked_s + RETRY_X_MS / 1000:
            return False
        self._asked_s = now_s
        try:
            self._x.check_keys()
        except XUnavailable as unavailable:
            log.warning("the keys to X and X's clock could not be checked: %s", unavailable)
        if self._x.clock.reached_ms() is None:
            alarms.sound(ALARM, "no answer of X has shown its time: no day opens or closes before one has")
        elif self._x.clock.unread_s() >= CLOCK_HOLDS_S + IN_VAIN_S:
            alarms.sound(ALARM, "X has not answered for more than 10 min: nothing is posted, and no bid is found")
        return True
