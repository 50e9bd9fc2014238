"""A worker process: a part of this program that takes one order on its standard input and writes lines to its output.

Its input is a pipe from this process: when the pipe ends, however this process ends, the worker ends too. Its caller
decides what its lines and its exit code mean.
"""

import logging
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

STOP_S = 3.0  # how long a worker may take to end; less than an actor gets to stop, so that its keeper can wait for it

log = logging.getLogger(__name__)


class OwnProcess:
    """A worker process, which runs from the moment this object is made. `on_line` is called in a thread of its own
    with each line of the worker's output."""

    def __init__(self, command: Sequence[str], order: bytes, on_line: Callable[[str], object]) -> None:
        """`order` is the first line of input, which others do not see as they do a command line. Raises OSError."""
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        assert self._process.stdin is not None, "its input is a pipe"
        try:
            self._process.stdin.write(order + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            log.warning("the process %s ended before it could read its order", command[-1])
        threading.Thread(target=self._read, args=(on_line,), name="own-process", daemon=True).start()

    def exit_code(self) -> int | None:
        """The worker's exit code; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Close the worker's input, which ends it, and kill it where that takes longer than STOP_S."""
        assert self._process.stdin is not None, "its input is a pipe"
        with suppress(BrokenPipeError):  # input that it never read
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)

    def _read(self, on_line: Callable[[str], object]) -> None:
        assert self._process.stdout is not None, "its output is a pipe"
        with self._process.stdout as lines:
            for line in lines:
                on_line(line.decode().rstrip("\n"))
