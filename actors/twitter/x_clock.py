"""The check of X's clock: X is asked for its time when no other request has shown it for a while."""

import logging

from actors.ports import RETRY_X_MS
from adapters import alarms
from adapters.x.client import XClient
from adapters.x.errors import XUnavailable

log = logging.getLogger(__name__)

ALARM = "x_clock"
CLOCK_HOLDS_S = 600.0  # for so long X's clock is carried on, by then half a second behind
IN_VAIN_S = 60.0  # X is asked for its time for so long, until its silence is an alarm


class XClockCheck:
    """Reads X's clock through `x`, and tells an operator while that fails. For one thread."""

    def __init__(self, x: XClient) -> None:
        self._x = x
        self._asked_s = float("-inf")

    def read(self) -> bool:
        """At the beginning, and when X has not been asked for a while: an opening must not come late, and keys that X
        does not take, or a machine whose clock is wrong, are an alarm before they matter. Whether X was asked."""
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
            log.warning("the keys to X could not be checked, nor its clock be read: %s", unavailable)
        if self._x.clock.reached_ms() is None:
            alarms.sound(ALARM, "no answer of X has shown its time: no day opens, and none is closed, before one has")
        elif self._x.clock.unread_s() >= CLOCK_HOLDS_S + IN_VAIN_S:
            alarms.sound(ALARM, "X has not answered for more than 10 min: nothing is posted, and nothing found")
        return True
