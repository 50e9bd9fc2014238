"""How long a simulator lives: until a signal, until it is told to stop, or until nobody has asked it for a while."""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import own_files


class Lifetime:
    """The life of one process."""

    def __init__(self, idle_exit_s: float) -> None:
        self._idle_exit_s = idle_exit_s
        self._stopping = asyncio.Event()
        self._busy = 0
        self._idle_since = time.monotonic()

    def stop(self) -> None:
        """Ends the process."""
        self._stopping.set()

    def end_on_signals(self) -> None:
        """Lets SIGTERM and SIGINT end the process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)

    @contextmanager
    def request(self) -> Iterator[None]:
        """A request, during which the process is not idle."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._idle_since = time.monotonic()

    async def until_over(self) -> None:
        """Waits until the process has to end."""
        while not self._stopping.is_set():
            idle_s = 0.0 if self._busy else time.monotonic() - self._idle_since
            left_s = self._idle_exit_s - idle_s
            if left_s <= 0:
                return
            try:
                async with asyncio.timeout(left_s):
                    await self._stopping.wait()
            except TimeoutError:
                continue


@contextmanager
def port_file(path: Path | None, *ports: int) -> Iterator[None]:
    """Keeps the ports in a file, one a line, while the process serves them."""
    text = "".join(f"{port}\n" for port in ports)
    if path:
        own_files.write_whole(path, text.encode())
    try:
        yield
    finally:
        # A successor may have written its own port already.
        if path and path.exists() and path.read_text() == text:
            path.unlink()
