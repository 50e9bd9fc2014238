"""The filtered stream: one connection, chunked JSON lines, keep-alives, and everything that goes wrong with it.

Posts are delivered when they are to be delivered; what comes due while nobody is connected is lost on the stream.
"""

import asyncio
import socket
import struct
from collections import deque

import msgspec
from aiohttp import web

from simulator.x.clock import now_ms
from simulator.x.faults import Faults, Kind
from simulator.x.problems import stream_refused
from simulator.x.render import View, page
from simulator.x.rules import Rules
from simulator.x.settings import Settings
from simulator.x.world import Post

# A client that does not read is disconnected when so many posts wait for it.
MAX_WAITING = 10_000
_WRITE_DEADLINE_S = 30.0
_NO_LINGER = struct.pack("ii", 1, 0)


class Connection:
    """One client on the stream; `lines` wait to be written, `woken` says that there is something to do."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.lines: deque[tuple[Post | None, bytes]] = deque()
        self.woken = asyncio.Event()
        self.closing = False
        self.stalled = False

    def put(self, post: Post, line: bytes) -> None:
        """Queues the post's line; a full queue ends the connection, as X's does."""
        if len(self.lines) >= MAX_WAITING:
            self.closing = True
        else:
            self.lines.append((post, line))
        self.woken.set()

    def close(self) -> None:
        """Asks the connection to end."""
        self.closing = True
        self.woken.set()


class Stream:
    """Delivers posts to whoever is connected."""

    def __init__(self, settings: Settings, rules: Rules, faults: Faults) -> None:
        self._settings = settings
        self._rules = rules
        self._faults = faults
        self.connection: Connection | None = None

    def publish(self, post: Post) -> None:
        """Schedules the deliveries of a new post, as planned and as the faults have it."""
        matching = self._rules.matching(post)
        if not matching:
            return
        delays = post.delivery_ms
        if self._faults.strikes(Kind.LOST):
            delays = ()
        elif late := self._faults.strikes(Kind.LATE):
            delays = tuple(delay + late.ms for delay in delays)
        if delays and (twice := self._faults.strikes(Kind.DUPLICATE)):
            delays = (*delays, delays[-1] + twice.ms)
        for delay in delays:
            asyncio.get_running_loop().call_later(delay / 1000, self._deliver, post, matching)

    def _deliver(self, post: Post, matching: list[dict[str, str]]) -> None:
        connection = self.connection
        if connection is None or connection.stalled or connection.closing or post.gone:
            return
        body = page([post], connection.view)
        body["data"] = body["data"][0]
        connection.put(post, msgspec.json.encode(body | {"matching_rules": matching}) + b"\r\n")

    def disturb(self) -> None:
        """A fault has been commanded: the open connection looks at once whether it is meant."""
        if self.connection:
            self.connection.woken.set()

    def close_all(self) -> int:
        """Ends what is open; how many that were."""
        if self.connection is None:
            return 0
        self.connection.close()
        return 1

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /2/tweets/search/stream. Raises Problem (409 without rules, 429 where one is connected)."""
        view = View.asked(request.query)
        if not self._rules:
            raise stream_refused(
                409, "RuleConfigurationIssue", "You must define rules before connecting to the stream."
            )
        if self.connection:
            raise stream_refused(
                429, "TooManyConnections", "This stream is currently at the maximum allowed connection limit."
            )
        connection = self.connection = Connection(view)
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            await self._run(connection, request, response)
            return response
        except (ConnectionError, TimeoutError):
            # The client has left, or does not read.
            reset(request)
            return response
        finally:
            self.connection = None

    async def _run(self, connection: Connection, request: web.Request, response: web.StreamResponse) -> None:
        while not connection.closing:
            if self._faults.strikes(Kind.EOF):
                break
            if self._faults.strikes(Kind.RST):
                reset(request)
                return
            if stall := self._faults.strikes(Kind.STALL):
                # Silent: neither posts nor keep-alives; what comes due meanwhile is lost.
                connection.stalled = True
                await asyncio.sleep(stall.ms / 1000)
                connection.stalled = False
            await self._write(connection, response)
        await response.write_eof()

    async def _write(self, connection: Connection, response: web.StreamResponse) -> None:
        if not connection.lines:
            connection.woken.clear()
            try:
                async with asyncio.timeout(self._settings.keepalive_s):
                    await connection.woken.wait()
            except TimeoutError:
                connection.lines.append((None, b"\r\n"))
        async with asyncio.timeout(_WRITE_DEADLINE_S):
            while connection.lines:
                post, line = connection.lines.popleft()
                await response.write(line)
                if post:
                    post.streamed_at_ms.append(now_ms())


def reset(request: web.Request) -> None:
    """Ends the request's connection with a TCP reset, without a word."""
    transport = request.transport
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
