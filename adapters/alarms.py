"""The alarms: present troubles that an operator sees on /status until each is over, a sentence under the name of each.

There is one set for the process, as with the metrics. Nothing is decided by alarms, and nothing here notifies anybody.
"""

import logging
import threading
from collections.abc import Mapping

from adapters import metrics

MOST = 100
log = logging.getLogger(__name__)
_lock = threading.Lock()
_sounding: dict[str, str] = {}


def sound(name: str, what: str) -> None:
    """Begin an alarm, or change its sentence `what`, which says what is wrong and what to do. It is logged once.

    `name` begins with a word of a small closed set, which the metric shows; a part after a colon tells cases apart.
    """
    with _lock:
        is_new = _sounding.get(name) != what
        if name in _sounding or len(_sounding) < MOST:
            _sounding[name] = what
        _show(name)
    if is_new:
        log.error("alarm: %s", what)


def clear(name: str) -> None:
    """End the alarm of this name, if there is one."""
    with _lock:
        what = _sounding.pop(name, None)
        if what is not None:
            _show(name)
    if what is not None:
        log.warning("the alarm is over: %s", what)


def sounding() -> Mapping[str, str]:
    """The sentences of all present alarms, by name."""
    with _lock:
        return dict(_sounding)


def _show(name: str) -> None:
    kind = name.partition(":")[0]
    metrics.alarms.labels(kind).set(sum(1 for other in _sounding if other.partition(":")[0] == kind))
