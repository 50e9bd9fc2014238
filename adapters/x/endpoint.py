"""The seam below tweepy: where its requests really go, how long they may live, and how to cut one off.

tweepy knows one host, sets no time-outs, and closes its sessions as it likes. All of that is put right here, one
layer below it: in a requests session that leads elsewhere, and the adapter that it goes out by. This module knows
nothing about what is said over the connection.

OAuth 1.0a signs the URL of the request, and a server checks it against the one that it was called by (RFC 5849,
3.4.1.2). So the host is exchanged before a request is prepared, which is when requests_oauthlib signs it.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

TWEEPY_HOST = "https://api.twitter.com"
CONNECT_S = 5.0
BODY_BYTES = 32 * 2**20  # a page of a hundred longest posts stays below it
LINE_BYTES = 2**20  # the longest post with everything around it is a third of it


class Endpoint(HTTPAdapter):
    """The way to `base_url`, which refuses to go anywhere else (a redirect, say).

    `timeout_s` bounds each wait for bytes, and a whole request except where it is a stream: a body that drips in
    does not live longer. Bodies and the stream's lines are bounded too; beyond that the connection counts as lost.
    """

    def __init__(self, base_url: str, timeout_s: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1)
        self._base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._shut = False

    def session(self) -> requests.Session:
        """A session that sends what tweepy means for X this way, and has no other way out.

        Closing it, as tweepy does, changes nothing about that.
        """
        made = _Elsewhere(self._base_url)
        made.mount("https://", self)
        made.mount("http://", self)
        return made

    def shut(self) -> None:
        """End the open connection now, and each later one as soon as it stands. For another thread; final."""
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
        """As HTTPAdapter.send; tweepy's own time-out and the proxies of its own host are not asked."""
        url = request.url or ""
        if not url.startswith(self._base_url + "/"):
            raise requests.exceptions.InvalidURL(f"led away from {self._base_url}", request=request)
        timeout = (min(CONNECT_S, self._timeout_s), self._timeout_s)
        proxies = get_environ_proxies(url)
        # Bounds the headers and the body as a whole. A stream lives on after its headers: its owner cuts it off.
        overdue = threading.Event()
        deadline = threading.Timer(self._timeout_s, self._cut, (overdue,))
        deadline.daemon = True
        deadline.start()
        try:
            response = super().send(request, stream, timeout, verify, cert, proxies)
            response.raw = (
                _BoundedLines(response.raw)
                if stream and response.status_code == 200
                else BytesIO(_whole_body(response.raw, request))
            )
        finally:
            deadline.cancel()
        if overdue.is_set():
            # What was cut off may look complete: headers end with the connection, and so do some bodies.
            response.close()
            raise requests.ReadTimeout(f"no whole answer in {self._timeout_s} s", request=request)
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """As HTTPAdapter's, with connections that remember their socket here."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            plain = pool.ConnectionCls

            def connect(connection: Any) -> None:
                plain.connect(connection)
                self._remember(connection.sock)

            pool.ConnectionCls = type(plain.__name__, (plain,), {"connect": connect})
        return pool

    def _remember(self, connected: socket.socket) -> None:
        with self._lock:
            self._socket = connected
            shut = self._shut
        if shut:
            self._cut()

    def _cut(self, overdue: threading.Event | None = None) -> None:
        if overdue:
            overdue.set()
        with self._lock:
            connected = self._socket
        if connected is not None:
            # Not the socket's own method: that of a TLS socket takes its state away from the thread that is reading.
            with suppress(OSError):  # the connection is gone already
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Elsewhere(requests.Session):
    """Exchanges tweepy's host in every request; what is meant for another host stays as it is, and is refused."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self._base_url = base_url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As Session.request."""
        meant = url.decode() if isinstance(url, bytes) else url
        if meant.startswith(TWEEPY_HOST + "/"):
            meant = self._base_url + meant.removeprefix(TWEEPY_HOST)
        return super().request(method, meant, *args, **kwargs)


def _whole_body(raw: Any, request: requests.PreparedRequest) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        for part in raw.stream(2**16, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > BODY_BYTES:
                raise urllib3.exceptions.ProtocolError(f"a body of more than {BODY_BYTES} bytes")
    except (urllib3.exceptions.HTTPError, OSError) as fault:
        raise requests.ConnectionError(fault, request=request) from fault
    finally:
        raw.close()
    return b"".join(parts)


class _BoundedLines:
    """A raw response whose lines end within LINE_BYTES: requests would collect an endless one for ever."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def stream(self, amount: int, decode_content: bool = True) -> Iterator[bytes]:
        open_line = 0
        for part in self._raw.stream(amount, decode_content=decode_content):
            after_last_end = len(part) - 1 - part.rfind(b"\n")
            open_line = after_last_end if b"\n" in part else open_line + len(part)
            if open_line > LINE_BYTES:
                raise urllib3.exceptions.ProtocolError(f"a line of more than {LINE_BYTES} bytes")
            yield part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
