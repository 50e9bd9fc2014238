"""A part of ours in a process of its own: it is started with one order, says lines, and ends with its standard input.

What it says and what its end means is not decided here. It ends with us, however we end, since its input is a pipe.
"""

import logging
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

STOP_S = 3.0  # less than an actor gets to finish, so that whoever keeps it can see to its end

log = logging.getLogger(__name__)


class OwnProcess:
    """Runs from the moment it is made. `on_line` is called in a thread of its own, with each line of its output."""

    def __init__(self, command: Sequence[str], order: bytes, on_line: Callable[[str], object]) -> None:
        """`order` is its first line of input: what must not be seen on a command line. Raises OSError."""
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        assert self._process.stdin is not None, "it is told through a pipe"
        try:
            self._process.stdin.write(order + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            log.warning("%s ended before it could be told anything", command[-1])
        threading.Thread(target=self._read, args=(on_line,), name="own-process", daemon=True).start()

    def exit_code(self) -> int | None:
        """How it has ended; None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """End it: by the end of its input, and if that takes longer than STOP_S, by force."""
        assert self._process.stdin is not None, "it is told through a pipe"
        with suppress(BrokenPipeError):  # what it never read does not matter any more
            self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)

    def _read(self, on_line: Callable[[str], object]) -> None:
        assert self._process.stdout is not None, "it speaks through a pipe"
        with self._process.stdout as lines:
            for line in lines:
                on_line(line.decode().rstrip("\n"))
