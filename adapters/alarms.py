"""What an operator should see on /status until it has passed: a sentence for each trouble, by the name of the trouble.

Like the metrics it is one board for the process. Nothing is decided by it, and nothing here notifies anybody.
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
    """There is trouble: `what` says in a sentence what it is and what to do. Logged once, however often it is said.

    `name` begins with a word of a small closed set, which the metric shows; a part behind a colon tells cases apart.
    """
    with _lock:
        is_new = _sounding.get(name) != what
        if name in _sounding or len(_sounding) < MOST:
            _sounding[name] = what
        _show(name)
    if is_new:
        log.error("alarm: %s", what)


def clear(name: str) -> None:
    """The trouble has passed, if there was any."""
    with _lock:
        what = _sounding.pop(name, None)
        if what is not None:
            _show(name)
    if what is not None:
        log.warning("the alarm is over: %s", what)


def sounding() -> Mapping[str, str]:
    """All troubles there are now, by name."""
    with _lock:
        return dict(_sounding)


def _show(name: str) -> None:
    kind = name.partition(":")[0]
    metrics.alarms.labels(kind).set(sum(1 for other in _sounding if other.partition(":")[0] == kind))
