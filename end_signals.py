"""Notes SIGTERM and SIGINT, so that a process can check between two steps of its start or run whether it has to end.

No step is interrupted, so everything that a start has taken can be given back. Before the signals are noted, they end
the program at once, as is the system's default: then nothing has been taken yet.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

LONG_LIVED = "run", "demo"  # the commands that run a marathon; the signals end any other command at once
_NUMBERS = signal.SIGTERM, signal.SIGINT
_asked = threading.Event()


@contextmanager
def noted() -> Iterator[None]:
    """A context in which both signals do nothing but make `asked` true. For the main thread; may be nested."""
    before = {number: signal.signal(number, _note) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _note not in before.values():
            _asked.clear()


def noted_by(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """The context `noted` for the command line of a long-lived command; for any other one a context without effect."""
    return noted() if arguments and arguments[0] in LONG_LIVED else nullcontext()


def asked() -> bool:
    """Whether a signal has asked this process to end."""
    return _asked.is_set()


def leave_if_asked() -> None:
    """Raises SystemExit(0) where a signal has asked this process to end during its start."""
    if asked():
        raise SystemExit(0)


def _note(*_: object) -> None:
    _asked.set()
