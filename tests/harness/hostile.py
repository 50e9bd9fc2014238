"""A hostile server: a TCP endpoint on loopback that spoils answers as its current mood says.

It forwards connections to a real endpoint (X, a chain node, the store), or stands alone and answers each received piece
as an HTTP request. In every mood but REFUSE a request reaches the real endpoint and takes effect; only the answer is
spoiled.
"""

import asyncio
import socket
import threading
import zlib
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from tests.harness.waiting import PATIENCE_S

PIECE_BYTES = 2**16
_RESET = bytes([1, 0, 0, 0, 0, 0, 0, 0])  # SO_LINGER: closing drops unsent bytes and resets the connection


class Mood(StrEnum):
    """How the endpoint treats an answer."""

    HONEST = "honest"  # forwards it
    REFUSE = "refuse"  # closes the port and resets connections
    SILENT = "silent"  # sends nothing
    STALL = "stall"  # sends half of it and then nothing
    DRIP = "drip"  # sends it byte by byte
    HANG_UP = "hang_up"  # sends half of it and then a reset
    ENDLESS_HEADERS = "endless_headers"  # sends headers without end instead
    FLOOD = "flood"  # sends a very long body instead
    BOMB = "bomb"  # sends a very long body instead, compressed to a thousandth
    HTML = "html"  # sends a provider's error page with status 200
    OTHER_JSON = "other_json"  # sends JSON of another shape
    NO_JSON = "no_json"  # sends JSON that breaks off
    EMPTY = "empty"  # sends an empty body
    REDIRECT = "redirect"  # redirects to another host


def _http(body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


LIES = {
    Mood.HTML: _http(b"<html><body>Bad gateway</body></html>", kind="text/html"),
    Mood.OTHER_JSON: _http(b'[{"jsonrpc": "2.0", "id": "x", "result": [[]]}]'),
    Mood.NO_JSON: _http(b'{"jsonrpc": "2.0", "id": 0, "res'),
    Mood.EMPTY: _http(b""),
    Mood.REDIRECT: _http(b"", "307 Temporary Redirect", more="Location: http://192.0.2.1/\r\n"),
}


class Hostile:
    """One hostile endpoint, served by a thread of its own between `start` and `stop`.

    `upstream` is the real endpoint: a port on loopback, or the path of a Unix socket. Without one, `honest` is the
    answer. A flood ends after `flood_bytes`, counted unpacked.
    """

    def __init__(
        self,
        upstream: int | Path | None = None,
        honest: bytes = _http(b"{}"),
        drip_s: float = 0.25,
        flood_bytes: int = 300 * 2**20,
    ) -> None:
        self._upstream, self._honest, self._flood_bytes = upstream, honest, flood_bytes
        self.drip_s = drip_s
        self.mood = Mood.HONEST
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None] | None] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hostile", daemon=True)

    def start(self) -> "Hostile":
        """Starts to listen on `port`."""
        self._thread.start()
        self._do(self._listen())
        return self

    @property
    def url(self) -> str:
        """The address for clients of HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Ends every connection and the thread."""
        self._do(self._hush())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def turn(self, mood: Mood) -> None:
        """Sets the mood for all answers from now on, on open connections too. For any thread.

        A connection whose answer was spoiled is reset at the next turn.
        """
        self._do(self._turn(mood))

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(what, self._loop)
        done.result(PATIENCE_S)

    async def _listen(self) -> None:
        self._turned = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _turn(self, mood: Mood) -> None:
        before, self.mood = self.mood, mood
        self._turned.set()
        self._turned = asyncio.Event()
        if mood is Mood.REFUSE:
            await self._hush()
        elif before is Mood.REFUSE:
            await self._listen()

    async def _hush(self) -> None:
        self._server.close()
        # A loop, because the task of a connection that is just being accepted does not exist yet.
        while at_work := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in at_work:
                task.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)
        await asyncio.sleep(0)  # lets the event loop close the transports

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # asyncio holds a task weakly, so this set keeps it alive.
        task = asyncio.current_task()
        self._serving.add(task)
        try:
            if self._upstream is None:
                while await reader.read(PIECE_BYTES):
                    await self._say(self._honest, writer)
            else:
                await self._relay(reader, writer, self._upstream)
            writer.close()  # normally, as the real endpoint has done
            await writer.wait_closed()
        except (OSError, asyncio.CancelledError):
            connected = writer.get_extra_info("socket")
            with suppress(OSError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        finally:
            self._serving.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, upstream: int | Path) -> None:
        real = (
            asyncio.open_unix_connection(str(upstream))
            if isinstance(upstream, Path)
            else asyncio.open_connection("127.0.0.1", upstream)
        )
        said, asked = await real
        forth = asyncio.create_task(_forward(reader, asked))
        try:
            while piece := await said.read(PIECE_BYTES):
                await self._say(piece, writer)
        finally:
            forth.cancel()
            asked.transport.abort()

    async def _say(self, answer: bytes, writer: asyncio.StreamWriter) -> None:
        """Sends this answer as the mood treats it. Raises ConnectionError where the connection is to be reset."""
        mood, turned = self.mood, self._turned
        if mood is Mood.DRIP:
            answer, mood = await self._drip(answer, writer), Mood.HONEST
        for part in self._spoiled(answer, mood):
            if turned.is_set() and mood is not Mood.HONEST:
                raise ConnectionError
            writer.write(part)
            await writer.drain()
        if mood is Mood.HANG_UP:
            raise ConnectionError
        if mood is not Mood.HONEST:
            await turned.wait()
            raise ConnectionError

    async def _drip(self, answer: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Sends a byte at a time until the mood turns, and returns the rest, which the caller sends at once. Sending
        the rest in single bytes would keep the thread too busy to notice the next turn."""
        turned = self._turned
        for at in range(len(answer)):
            if turned.is_set():
                return answer[at:]
            writer.write(answer[at : at + 1])
            await writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.drip_s):
                    await turned.wait()
        return b""

    def _spoiled(self, answer: bytes, mood: Mood) -> Iterator[bytes]:
        match mood:
            case Mood.HONEST:
                yield answer
            case Mood.STALL | Mood.HANG_UP:
                yield answer[: len(answer) // 2]
            case Mood.ENDLESS_HEADERS:
                yield b"HTTP/1.1 200 OK\r\n"
                yield from self._flood(b"X-More: " + b"a" * 1000 + b"\r\n")
            case Mood.FLOOD:
                yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._flood_bytes
                yield from self._flood(b" " * 1024)
            case Mood.BOMB:
                yield _http(_bomb(self._flood_bytes), more="Content-Encoding: gzip\r\n")
            case Mood.SILENT | Mood.REFUSE:
                pass
            case _:
                yield LIES[mood]

    def _flood(self, line: bytes) -> Iterator[bytes]:
        piece = line * (PIECE_BYTES // len(line))
        yield from (piece for _ in range(self._flood_bytes // len(piece)))


@cache
def _bomb(flood_bytes: int) -> bytes:
    """Returns compressed zeros; cached, because compressing takes a second."""
    pack, piece = zlib.compressobj(wbits=31), bytes(PIECE_BYTES)
    return b"".join([*(pack.compress(piece) for _ in range(flood_bytes // PIECE_BYTES)), pack.flush()])


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
