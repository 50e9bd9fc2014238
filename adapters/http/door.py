"""The door of a listener: lets in as many connections as have a place, and ends those too slow or too talkative.

aiohttp accepts without end, and waits without end for requests that strangers do not send and answers that they do not
take. Here a connection has a place before anything is made for it, or is closed at once. It is ended by a head that
does not come, a head without end, and an answer that is not taken.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from adapters import metrics
from adapters.http.answers import refusal, secure
from adapters.http.clients import Client, Clients
from adapters.http.places import Places

LINGER_S = 1.0  # how long to receive the rest of a body that is not read
HEAD_BYTES = 32_768
# What a viewer may send over its WebSocket in a minute, where it has nothing to send. Bytes are counted, since control
# frames are no messages and cost as much.
TALK_BYTES = 4_096
# Connections that wait in the system to be accepted: beyond these it drops some, which try again a second later.
BACKLOG = 4_096
ACCEPTED_A_TURN = 128
# Sent bytes that the system keeps for a connection whose other side does not read: megabytes, unless it is limited.
SEND_BUFFER_BYTES = 131_072
# asyncio allocates this much for each read before it knows how much there is: 256 KiB, unless it is told otherwise.
READ_BYTES = 16_384
REST_S = 0.1  # the pause after an error of accepting

_OF_STRANGERS = HttpProcessingError, web.RequestPayloadError, ConnectionError


class Deadlines(NamedTuple):
    """How long (s) the other side of a connection may take."""

    head_s: float = 5.0
    """For a request's head, from the connection's beginning or the last answer on."""
    proxy_idle_s: float = 75.0
    """For the same, where it is a proxy, which keeps its connections and closes them itself."""
    answer_s: float = 20.0
    """To read an answer."""
    minute_s: float = 60.0
    """To send TALK_BYTES, where it is a viewer."""


DEADLINES = Deadlines()


class Connection(web.RequestHandler):
    """One connection, with deadlines for its other side."""

    def __init__(self, server: web.Server, client: Client, on_end: Callable[[], None], deadlines: Deadlines) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            # aiohttp closes a connection that has not sent a whole head by then, whether it was silent or slow.
            keepalive_timeout=deadlines.proxy_idle_s if client.is_proxy else deadlines.head_s,
            lingering_time=LINGER_S,
            access_log=None,  # type: ignore[arg-type]
        )
        self._on_end, self._deadlines = on_end, deadlines
        self._head_bytes = 0
        self._talk_bytes, self._minute_ends_s = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        transport.max_size = READ_BYTES  # type: ignore[attr-defined]

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._on_end()

    def data_received(self, data: bytes) -> None:
        if self._payload_parser is not None and self._sends_too_much(len(data)):  # only a WebSocket has this parser
            self._cut()
            return
        super().data_received(data)
        if len(self._message_tail) > TALK_BYTES:  # bytes that came with the handshake
            self._cut()
        waits_for_head = self._waiter is not None and not self._messages
        self._head_bytes = self._head_bytes + len(data) if waits_for_head else 0
        if self._head_bytes > HEAD_BYTES:
            metrics.http_malformed.inc()
            self.force_close()

    def _cut(self) -> None:
        metrics.http_malformed.inc()
        if self.transport is not None:
            self.transport.abort()

    def _sends_too_much(self, more_bytes: int) -> bool:
        now_s = time.monotonic()
        if now_s >= self._minute_ends_s:
            self._talk_bytes, self._minute_ends_s = 0, now_s + self._deadlines.minute_s
        self._talk_bytes += more_bytes
        return self._talk_bytes > TALK_BYTES

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        transport = self.transport
        try:
            async with asyncio.timeout(self._deadlines.answer_s):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if transport is not None:
                transport.abort()
            return resp, True

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if not isinstance(exc, _OF_STRANGERS):
            return super().handle_error(request, status, exc, message)
        metrics.http_malformed.inc()
        response = refusal("BAD_REQUEST", "this is no HTTP request that can be read", 400)
        secure(response)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        if isinstance(error, _OF_STRANGERS):
            metrics.http_malformed.inc()
        # Not logged: an answer that became ready just when aiohttp's shutdown gave it up.
        elif not (isinstance(error, asyncio.InvalidStateError) and self._force_close):
            super().log_exception(*args, **kw)


class Door:
    """Accepts the connections that get a place, for one server, from `open` to `close`; both run on the loop."""

    def __init__(self, places: Places, clients: Clients, deadlines: Deadlines) -> None:
        self._places, self._clients, self._deadlines = places, clients, deadlines
        self._open = ExitStack()  # the listening sockets
        self._listening: list[socket.socket] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self, server: web.Server, host: str, port: int) -> int:
        """Listen at this address. Returns the port. Raises OSError, and then nothing listens."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with ExitStack() as opened:
            for family, address in {(family, address[:2]): None for family, _, _, _, address in found}:
                listening = opened.enter_context(socket.create_server(address, family=family, backlog=BACKLOG))
                # Accepted sockets inherit this size.
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
                listening.setblocking(False)
                self._listening.append(listening)
            self._open = opened.pop_all()
        for listening in self._listening:
            self._listen(server, listening)
        return int(self._listening[0].getsockname()[1])

    async def close(self) -> None:
        """Accept no connection any more. Those that are open stay open."""
        for listening in self._listening:
            asyncio.get_running_loop().remove_reader(listening)
        self._listening.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._open.close()

    def _listen(self, server: web.Server, listening: socket.socket) -> None:
        # asyncio's own sock_accept leaves a traceback in the log when it is cancelled while a connection comes.
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening, self._accept, server, listening)

    def _accept(self, server: web.Server, listening: socket.socket) -> None:
        """Accept some of the connections that wait; between two turns the loop does other work."""
        for _ in range(ACCEPTED_A_TURN):
            try:
                connection, address = listening.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor or no memory is left, or the other side has gone already
                metrics.errors.labels("accept").inc()
                loop = asyncio.get_running_loop()
                loop.remove_reader(listening)
                loop.call_later(REST_S, self._listen, server, listening)
                return
            connection.setblocking(False)
            client = self._clients.of_peer(address[0])
            if self._places.take(client):
                self._begin(server, connection, client)
            else:
                connection.close()

    def _begin(self, server: web.Server, connection: socket.socket, client: Client) -> None:
        loop = asyncio.get_running_loop()
        made = Connection(server, client, lambda: self._places.give_back(client), self._deadlines)
        task = loop.create_task(loop.connect_accepted_socket(lambda: made, connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
