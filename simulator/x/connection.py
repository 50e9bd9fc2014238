"""The connection of one client to the stream: its queued lines, keep-alives, and faults that stall or end it."""

import asyncio
import json
import socket
import struct
from collections import deque

from aiohttp import web

from simulator.x.clock import now_ms
from simulator.x.faults import Faults, Kind
from simulator.x.problems import OPERATIONAL_DISCONNECT
from simulator.x.render import View
from simulator.x.world import Post

# A client that does not read is disconnected when this many posts wait for it.
MAX_WAITING = 10_000
GIANT_CHARS = 2 * 2**20
_WRITE_DEADLINE_S = 30.0
_NO_LINGER = struct.pack("ii", 1, 0)
_LINE_END = b"\r\n"


class Connection:
    """The connection of one client: `lines` wait to be written, `woken` is set when there is something to do."""

    def __init__(self, view: View, faults: Faults, keepalive_s: float) -> None:
        self.view = view
        self.lines: deque[tuple[Post | None, bytes]] = deque()
        self.woken = asyncio.Event()
        self.closing = False
        self.stalled = False
        self._faults, self._keepalive_s = faults, keepalive_s

    def put(self, post: Post, line: bytes) -> None:
        """Queues the post's line. A full queue ends the connection, as at X."""
        if len(self.lines) >= MAX_WAITING:
            self.closing = True
        else:
            self.lines.append((post, line))
        self.woken.set()

    def close(self) -> None:
        """Asks the connection to end."""
        self.closing = True
        self.woken.set()

    async def run(self, request: web.Request, response: web.StreamResponse) -> None:
        """Serves the client until the connection ends. Raises ConnectionError or TimeoutError if the client fails."""
        while not self.closing:
            if self._faults.strikes(Kind.RST):
                reset(request)
                return
            if self._faults.strikes(Kind.CUT):
                if request.transport is not None:
                    request.transport.close()  # a FIN in the middle of the answer
                return
            if self._faults.strikes(Kind.EOF):
                break
            if self._faults.strikes(Kind.DISCONNECT):
                await response.write(json.dumps(OPERATIONAL_DISCONNECT).encode() + _LINE_END)
                break
            if self._faults.strikes(Kind.TRUNCATED):
                await response.write(b'{"data":{"id":"1')
                break
            self._odd_lines()
            await self._stall()
            await self._write(response)
        await response.write_eof()

    def _odd_lines(self) -> None:
        if self._faults.strikes(Kind.UNKNOWN_MESSAGE):
            self.lines.append((None, b'{"weather":{"kind":"frogs"}}' + _LINE_END))
        if self._faults.strikes(Kind.GIANT_LINE):
            self.lines.append((None, b'{"noise":"' + b"x" * GIANT_CHARS + b'"}' + _LINE_END))

    async def _stall(self) -> None:
        """Stalls by a fault: sends neither posts nor keep-alives; posts due meanwhile are lost."""
        if stall := self._faults.strikes(Kind.STALL):
            self.stalled = True
            await asyncio.sleep(stall.ms / 1000)
            self.stalled = False

    async def _write(self, response: web.StreamResponse) -> None:
        if not self.lines and not await self._is_woken(self._keepalive_s):
            slow = self._faults.strikes(Kind.SLOW_KEEPALIVE)
            if not slow or not await self._is_woken(slow.ms / 1000):
                self.lines.append((None, _LINE_END))
        async with asyncio.timeout(_WRITE_DEADLINE_S):
            while self.lines:
                post, line = self.lines.popleft()
                await response.write(line)
                if post:
                    post.streamed_at_ms.append(now_ms())

    async def _is_woken(self, within_s: float) -> bool:
        self.woken.clear()
        try:
            async with asyncio.timeout(within_s):
                return await self.woken.wait()
        except TimeoutError:
            return False


def reset(request: web.Request) -> None:
    """Ends the request's connection with a TCP reset."""
    transport = request.transport
    if transport is None:
        return
    connected = transport.get_extra_info("socket")
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
