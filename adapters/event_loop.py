"""The event loop: one asyncio loop in a thread of its own, for HTTP, WebSockets and async clients.

Actors hand work over and go on; results come back to them as messages.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")
log = logging.getLogger(__name__)

BEAT_S = 0.25  # how often the loop notes that it is not blocked


class LoopThread:
    """A loop that other threads may use from `start` to `stop`; each object is started once."""

    def __init__(self, name: str = "event-loop") -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._beat_at_s = time.monotonic()

    def start(self) -> None:
        """Run the loop, first what was handed over before."""
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop; other threads may wait for the future. Raises RuntimeError once stopped."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:
            work.close()
            raise

    def call(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a function on the loop, soon, in the order of the calls. Raises RuntimeError once stopped."""
        self.loop.call_soon_threadsafe(lambda: function(*args, **kwargs))

    def beat_age_ms(self) -> int:
        """How long ago (ms) the loop last noted that it is not blocked: far above BEAT_S, something blocks it."""
        return int((time.monotonic() - self._beat_at_s) * 1000)

    def fault(self, hang_s: float) -> str:
        """Why the loop does not run any more, in words: it has ended, or was blocked for `hang_s`. Empty: it runs."""
        if not self._thread.is_alive():
            return f"the thread of the {self._thread.name} has ended"
        if self.beat_age_ms() > hang_s * 1000:
            return f"the thread of the {self._thread.name} did not come round within {hang_s:g} s"
        return ""

    def stop(self, deadline_s: float = 5.0) -> bool:
        """Cancel what runs, close the loop and wait for its thread. Returns False where that took longer."""
        if not self._thread.ident:
            self.loop.close()
            return True
        with contextlib.suppress(RuntimeError):  # it has been stopped before
            self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(deadline_s)
        if self._thread.is_alive():
            log.error("%s did not stop within %s s", self._thread.name, deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self._beat()
        try:
            self.loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def _beat(self) -> None:
        self._beat_at_s = time.monotonic()
        self.loop.call_later(BEAT_S, self._beat)
