"""Bounded HTTP requests: each has one deadline for the whole of it, and a largest answer, whatever the other side does.

requests bounds each wait for bytes only, so that an answer which drips in lives for ever, and it collects whatever is
sent. Both limits are set one layer below, in the adapter that its sessions send through. The caller decides what a
request says, and what a failure means.
"""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from io import BytesIO
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from loopback import is_loopback

CONNECT_S = 5.0
LINE_BYTES = 2**20  # of a line of a stream: twice X's longest post; one with a parent as long is left to the sweep
S = TypeVar("S", bound=requests.Session)


class BodyTooLarge(requests.ConnectionError):
    """An answer holds more than it may. `response` has its status and its headers."""

    response: requests.Response


class BoundedAdapter(HTTPAdapter):
    """The transport adapter of requests' sessions, with limits. For one thread.

    `timeout_s` bounds a whole request, from looking up the name to the last byte of the answer, and in a stream each
    line. An answer holds `most_bytes` at most, unpacked. Beyond that the connection counts as lost. Redirects are not
    followed: each would be another request.
    """

    def __init__(self, timeout_s: float, most_bytes: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._timeout_s, self._most_bytes = timeout_s, most_bytes
        self._lock = threading.Lock()
        self._socket: Any = None
        self._shut = False
        self._dialling: threading.Thread | None = None
        self.begun = 0
        """Grows before each piece of a request is sent: where it has not grown, a failed request was never sent."""

    def mounted(self, session: S) -> S:
        """The same session, whose requests all go through this adapter from here on.

        Of the environment the session takes the certificates, and the proxies for other machines, but no credentials.
        """
        session.mount("https://", self)
        session.mount("http://", self)
        session.trust_env = False
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        session.max_redirects = 0
        return session

    def shut(self) -> None:
        """Cut the open connection now, and each later one as soon as it is made; final. For another thread."""
        with self._lock:
            self._shut = True
        self._cut()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """As HTTPAdapter.send; the caller's time-outs and proxies are ignored."""
        timeout = (min(CONNECT_S, self._timeout_s), self._timeout_s)
        deadline = self._deadline = _Deadline(self._cut, self._timeout_s)
        is_stream = False
        try:
            response = super().send(request, stream, timeout, verify, cert, _proxies(request.url or ""))
            is_stream = stream and response.status_code == 200
            response.raw = _BoundedLines(response.raw, deadline) if is_stream else _Whole(self._whole_body(response))
        except requests.RequestException:
            raise
        except (OSError, urllib3.exceptions.HTTPError) as fault:
            # Errors that requests does not translate: no certificates where they should be, a malformed host name.
            raise requests.ConnectionError(fault, request=request) from fault
        finally:
            if is_stream:
                deadline.pause()  # until the stream is read
            else:
                deadline.cancel()
        if deadline.has_passed:
            # An answer that was cut off may look complete: headers end with the connection, and so do some bodies.
            response.close()
            raise requests.ReadTimeout(f"no whole answer in {self._timeout_s} s", request=request)
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As HTTPAdapter's, with connections that keep to the deadline and whose socket can be cut from here."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            plain = pool.ConnectionCls

            def dial(connection: Any) -> socket.socket:
                return self._dial(lambda: plain._new_conn(connection))  # noqa: SLF001  # urllib3 has no public hook

            def tunnel(connection: Any) -> None:
                plain._tunnel(connection)  # noqa: SLF001  # urllib3 has no public hook
                if self._deadline.has_passed:  # a proxy's answer that was cut off may look complete
                    raise urllib3.exceptions.ConnectTimeoutError("no whole answer of the proxy in time")

            def connect(connection: Any) -> None:
                begun = self.begun
                try:
                    plain.connect(connection)
                finally:
                    self.begun = begun  # bytes for a proxy on the way are not the request
                self._remember(connection.sock)

            def send(connection: Any, data: Any) -> None:
                if connection.sock is None:
                    connection.connect()
                self.begun += 1
                plain.send(connection, data)

            ours = {"_new_conn": dial, "_tunnel": tunnel, "connect": connect, "send": send}
            pool.ConnectionCls = type(plain.__name__, (plain,), ours)
        return pool

    def _dial(self, dial: Callable[[], socket.socket]) -> socket.socket:
        """Look up the name and connect, which nothing can interrupt, in a thread. One that takes too long is left
        behind, and no other is started before it ends."""
        if self._dialling is not None and self._dialling.is_alive():
            raise urllib3.exceptions.ConnectTimeoutError("the last connection is still being looked up")
        dialled: Future[socket.socket] = Future()
        self._dialling = threading.Thread(target=_answer, args=(dialled, dial), name="dialling", daemon=True)
        self._dialling.start()
        try:
            connected = dialled.result(min(CONNECT_S, self._deadline.left_s()))
        except TimeoutError:
            if dialled.cancel():
                raise urllib3.exceptions.ConnectTimeoutError("no connection in time") from None
            connected = dialled.result()
        # Where TLS follows, its handshake as a whole is bounded by this.
        connected.settimeout(max(self._deadline.left_s(), 0.001))
        self._remember(connected)
        return connected

    def _remember(self, connected: Any) -> None:
        with self._lock:
            self._socket = connected
            is_over = self._shut or self._deadline.has_passed
        if is_over:
            self._cut()

    def _cut(self) -> None:
        with self._lock:
            connected = self._socket
        connected = getattr(connected, "socket", connected)  # the socket below, where TLS runs within TLS to a proxy
        if connected is not None:
            # Not the socket's own method: a TLS socket's would drop the state that the reading thread still uses.
            with suppress(OSError):  # the connection is gone already
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

    def _whole_body(self, response: requests.Response) -> bytes:
        body = bytearray()
        try:
            for part in response.raw.stream(2**16, decode_content=True):
                body += part
                if len(body) > self._most_bytes:
                    break
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise requests.ConnectionError(fault, request=response.request) from fault
        finally:
            response.raw.close()
        if len(body) > self._most_bytes:
            raise BodyTooLarge(f"a body of more than {self._most_bytes} bytes", response=response)
        return bytes(body)


class _Whole(BytesIO):
    """A raw response whose body was read before: requests takes it in one piece, where it would make two copies of a
    file."""

    def stream(self, amount: int, decode_content: bool = True) -> Iterator[bytes]:
        yield self.getvalue()


class _Deadline(threading.Thread):
    """Calls `cut` when `after_s` seconds have passed without a `begin_anew`, `pause` or `cancel`."""

    def __init__(self, cut: Callable[[], None], after_s: float) -> None:
        super().__init__(name="deadline", daemon=True)
        self._cut, self._after_s = cut, after_s
        self._cancelled = threading.Event()
        self.has_passed = False
        self.begin_anew()
        self.start()

    def left_s(self) -> float:
        """Seconds until the deadline passes."""
        return self._at_s - time.monotonic()

    def begin_anew(self) -> None:
        """Count the time from now on."""
        self._at_s = time.monotonic() + self._after_s

    def pause(self) -> None:
        """Stop the time until `begin_anew`."""
        self._at_s = float("inf")

    def cancel(self) -> None:
        """End the deadline, which does not pass any more."""
        self._cancelled.set()

    def run(self) -> None:
        # The thread looks more often than it has to, since waking it for each line of a stream would cost more.
        while not self._cancelled.wait(min(max(self.left_s(), 0.0), self._after_s / 10)):
            if self.left_s() <= 0:
                self.has_passed = True
                self._cut()
                return


class _BoundedLines:
    """A raw response whose lines end within LINE_BYTES and within the deadline: requests would collect an endless
    line, and wait for ever for one that drips in. The time that the reader takes for a line does not count."""

    def __init__(self, raw: Any, deadline: _Deadline) -> None:
        self._raw, self._deadline = raw, deadline

    def stream(self, amount: int, decode_content: bool = True) -> Iterator[bytes]:
        open_line = 0
        self._deadline.begin_anew()
        try:
            for part in self._raw.stream(amount, decode_content=decode_content):
                has_end = b"\n" in part
                open_line = len(part) - 1 - part.rfind(b"\n") if has_end else open_line + len(part)
                if open_line > LINE_BYTES:
                    raise urllib3.exceptions.ProtocolError(f"a line of more than {LINE_BYTES} bytes")
                if has_end:
                    self._deadline.pause()
                yield part
                if has_end:
                    self._deadline.begin_anew()
            if self._deadline.has_passed:
                raise urllib3.exceptions.ProtocolError("no whole line in time")
        finally:
            self._deadline.cancel()

    def close(self) -> None:
        self._deadline.cancel()
        self._raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


def _answer(asked: "Future[socket.socket]", dial: Callable[[], socket.socket]) -> None:
    try:
        connected = dial()
    except BaseException as fault:
        if asked.set_running_or_notify_cancel():
            asked.set_exception(fault)
        return
    if asked.set_running_or_notify_cancel():
        asked.set_result(connected)
    else:
        connected.close()


def _proxies(url: str) -> Mapping[str, str]:
    """The environment's proxies for this address; none for this machine, which no proxy can reach."""
    return {} if is_loopback(urlsplit(url).hostname or "") else get_environ_proxies(url)
