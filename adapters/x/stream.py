"""X's filtered stream: one connection per start, which delivers raw lines, and one report when it has ended.

It decodes nothing and never reconnects by itself. tweepy would: at once and without end after a clean end of the
stream, where X allows 50 connections in 15 minutes. The owner starts it again, after `StreamEnd.wait_ms`.
"""

import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
import requests
import tweepy

from adapters.wall_clock import wall_clock_ms
from adapters.x.budget import Budget
from adapters.x.endpoint import Endpoint
from adapters.x.errors import root_of
from adapters.x.fields import POST_PARAMETERS
from adapters.x.limits import describe, retry_after_ms

STOP_S = 2.0
# X sends CR LF each 20 s; tweepy's own bound of 21 s would leave one second for delays on the way.
STALL_S = 25.0
# Small pieces cost time in a burst; larger ones do not delay: a read ends with X's chunk, which ends with a post.
_READ_BYTES = 2**14
_ENDPOINT = "stream"  # its name in the budget
_LEFT = 499  # the status of a request whose client has left, as servers note it: no failure


class EndCause(StrEnum):
    """What ended a stream."""

    STOPPED = "stopped"  # stop() was called
    CLOSED = "closed"  # X ended it in good order
    LOST = "lost"  # no connection, reset, cut off, stalled, unreadable
    REFUSED = "refused"  # an HTTP status other than 200
    FAILED = "failed"  # on_raw or on_connected raised: bytes may be lost, a sweep will find them


class StreamEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a stream has ended. `retry_after_ms` is the wait that a refusal asks for, None where it names none."""

    cause: EndCause
    detail: str = ""
    http_status: int | None = None
    retry_after_ms: int | None = None

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}" if self.detail else str(self.cause)

    def wait_ms(self, failures: int) -> int:
        """How long X wants us to wait before the next start (ms), without jitter.

        `failures` counts the ends before this one since the stream last held for some minutes; counting from
        the last successful connect instead would let a server that closes at once be called in a hot loop.
        """
        doublings = min(failures, 10)
        if self.http_status in (420, 429):
            return max(min(60_000 << doublings, 320_000), self.retry_after_ms or 0)
        if self.cause is EndCause.REFUSED:
            return max(min(5_000 << doublings, 320_000), self.retry_after_ms or 0)
        return min(250 * failures, 16_000)


class PostStream:
    """The filtered stream on a real tweepy StreamingClient, in a thread of its own.

    All three callbacks come on that thread. `on_raw(line)` gets the bytes of each line but keep-alives. It may block
    for a moment, and so slow X down (its buffer takes some seconds of posts, then X disconnects), but needs a deadline
    of its own. `on_connected()` comes with each connection: the time to sweep. `on_ended(end)` comes exactly once for
    each start(), as the last call; from then on start() may be called again.
    """

    def __init__(
        self,
        base_url: str,
        bearer_token: str,
        on_raw: Callable[[bytes], None],
        on_connected: Callable[[], None],
        on_ended: Callable[[StreamEnd], None],
        *,
        stall_s: float = STALL_S,
        budget: Budget | None = None,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._budget, self._now_ms = budget or Budget(), now_ms
        self._base_url, self._bearer_token, self._stall_s = base_url, bearer_token, stall_s
        self._on_raw, self._on_connected, self._on_ended = on_raw, on_connected, on_ended
        self._connection: _Connection | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Connect, once, in a new thread. Raises RuntimeError while the stream is running, HeldBack where X's window
        allows none now."""
        if self._connection is not None:
            raise RuntimeError("the stream is running")
        self._budget.spend(_ENDPOINT, self._now_ms())
        self._connection = _Connection(
            Endpoint(self._base_url, self._stall_s),
            self._bearer_token,
            self._on_raw,
            self._on_connected,
            self._answered,
        )
        self._thread = threading.Thread(target=self._run, args=(self._connection,), name="x-stream", daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float = STOP_S) -> bool:
        """End the stream, also in the middle of a wait for bytes. Never raises; does nothing when the stream has ended.

        Returns True when the stream has ended within the deadline. Otherwise it is still connecting (5 s at most) or
        inside a callback, and ends right after that. Called from a callback it does not wait.
        """
        connection, thread = self._connection, self._thread
        if connection is not None:
            connection.stop()
        if thread is None or thread is threading.current_thread():
            return connection is None
        thread.join(deadline_s)
        return not thread.is_alive()

    def _run(self, connection: "_Connection") -> None:
        end = StreamEnd(cause=EndCause.FAILED)
        try:
            end = connection.run()
        finally:
            if not connection.was_answered:
                status = _LEFT if end.cause is EndCause.STOPPED else None
                self._budget.note(_ENDPOINT, status, {}, self._now_ms())
            self._connection = None
            self._on_ended(end)

    def _answered(self, response: requests.Response) -> int | None:
        """Note X's answer to the connection in the budget. Returns the wait (ms) that it asks for, if any."""
        now_ms = self._now_ms()
        self._budget.note(_ENDPOINT, response.status_code, response.headers, now_ms)
        return retry_after_ms(response.headers, now_ms)


class _Connection(tweepy.StreamingClient):  # type: ignore[misc]  # tweepy has no types
    """One connection of tweepy's client. Its hooks note why the stream ends."""

    def __init__(
        self,
        endpoint: Endpoint,
        bearer_token: str,
        on_raw: Callable[[bytes], None],
        on_connected: Callable[[], None],
        on_answered: Callable[[requests.Response], int | None],
    ) -> None:
        super().__init__(bearer_token, chunk_size=_READ_BYTES)
        self.was_answered = False
        self._endpoint = endpoint
        self._raw, self._connected, self._answered = on_raw, on_connected, on_answered
        self._end: StreamEnd | None = None
        self._stopping = False
        self.session = endpoint.session()
        self.session.hooks["response"].append(self._note_answer)

    def run(self) -> StreamEnd:
        """Connect and read until the end. Blocks."""
        if not self._stopping:
            self.filter(**POST_PARAMETERS)
        if self._stopping:
            return StreamEnd(cause=EndCause.STOPPED)
        return self._end or StreamEnd(cause=EndCause.LOST)

    def stop(self) -> None:
        """End the connection. For another thread: tweepy's own flag alone would be seen at the next line only."""
        self._stopping = True
        self.disconnect()
        self._endpoint.shut()

    def on_connect(self) -> None:
        self._connected()

    def on_data(self, raw_data: bytes) -> None:
        # tweepy's own method would parse the line, and end the stream for good at the first unexpected one.
        if self._stopping:
            return
        try:
            self._raw(raw_data)
        except Exception as fault:  # no error may reach tweepy; the owner is told
            self.on_exception(fault)

    def on_keep_alive(self) -> None:
        """Nothing to do: where keep-alives are missing, the deadline ends the stream."""

    def on_closed(self, response: requests.Response) -> None:
        self._finish(StreamEnd(cause=EndCause.CLOSED))

    def on_connection_error(self) -> None:
        # tweepy calls this while it handles the error, and does not pass it on.
        fault = sys.exception()
        self._finish(StreamEnd(cause=EndCause.LOST, detail=root_of(fault) if fault else ""))

    def on_request_error(self, status_code: int) -> None:
        # `_note_answer` has noted the response before, with more details: the first end counts.
        self._finish(StreamEnd(cause=EndCause.REFUSED, http_status=status_code))

    def on_exception(self, exception: Exception) -> None:
        self._finish(StreamEnd(cause=EndCause.FAILED, detail=f"{type(exception).__name__}: {exception}"))

    def on_disconnect(self) -> None:
        """Nothing to do: PostStream reports the end, when this thread has nothing left to do."""

    def _note_answer(self, response: requests.Response, *_args: Any, **_kwargs: Any) -> None:
        if self.was_answered:
            return  # the answer after a redirect, which is no second connection
        self.was_answered = True
        again_ms = self._answered(response)
        if response.status_code >= 400:
            self._end = StreamEnd(
                cause=EndCause.REFUSED,
                detail=describe(response),
                http_status=response.status_code,
                retry_after_ms=again_ms,
            )

    def _finish(self, end: StreamEnd) -> None:
        self._end = self._end or end
        self.disconnect()
