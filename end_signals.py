"""SIGTERM and SIGINT, noted for whoever starts or runs a house: it looks between two steps whether it was asked to end.

Nothing is broken off halfway, so whatever a start has begun can be given back. Before the first line of the program
runs, the system's default ends it: then nothing has been begun.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

LONG_LIVED = "run", "demo"  # the commands that begin a house; any other one is ended as the system does it
_NUMBERS = signal.SIGTERM, signal.SIGINT
_asked = threading.Event()


@contextmanager
def noted() -> Iterator[None]:
    """Inside, both signals do nothing but stand in `asked`. For the main thread; may be nested."""
    before = {number: signal.signal(number, _note) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _note not in before.values():
            _asked.clear()


def noted_by(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """`noted`, where this command line begins a house."""
    return noted() if arguments and arguments[0] in LONG_LIVED else nullcontext()


def asked() -> bool:
    """Whether this process is to end."""
    return _asked.is_set()


def leave_if_asked() -> None:
    """The end of a start that is no longer wanted. Raises SystemExit(0)."""
    if asked():
        raise SystemExit(0)


def _note(*_: object) -> None:
    _asked.set()
