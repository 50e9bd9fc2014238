"""The WebSocket of a viewer: sends it the feed, and reads only to notice that the viewer has left.

A viewer's pings and pongs count as its messages, since answering them costs the same.
"""

import asyncio
import contextlib
import re

from aiohttp import WSCloseCode, WSMsgType, web

from adapters.livestream.hub import FeedHub, Position, Viewer

# How many messages a viewer may send in a minute before it is disconnected. It has nothing to send but pongs to our
# pings, and browsers send nothing else.
MESSAGES_FORGIVEN = 32
MESSAGE_BYTES = 1_024
PING_S = 20.0
WRITE_BUFFER_BYTES = 16_384

_GOODBYE = WSCloseCode.POLICY_VIOLATION.to_bytes(2, "big") + b"viewers only listen"
_POSITION = re.compile(r"([A-Za-z0-9_-]{1,64})\.(0|[1-9][0-9]{0,17})")


def read_position(text: str) -> Position:
    """The position that "GENERATION.SEQ" names. Raises ValueError."""
    match = _POSITION.fullmatch(text)
    if match is None:
        raise ValueError("a position is GENERATION.SEQ, as hello and the frames give them")
    return Position(match[1], int(match[2]))


async def watch(hub: FeedHub, request: web.Request, after: Position | None) -> web.WebSocketResponse:
    """Serve one viewer until it leaves, misbehaves or is dropped. The request must be a WebSocket's."""
    transport = request.transport
    assert transport is not None, "the handler has just been called"
    socket = web.WebSocketResponse(
        heartbeat=PING_S,
        max_msg_size=MESSAGE_BYTES,
        writer_limit=WRITE_BUFFER_BYTES,
        compress=False,
        timeout=2.0,
        autoping=False,
    )
    await socket.prepare(request)
    viewer = Viewer(lambda frame: socket.send_frame(frame, WSMsgType.TEXT), transport.abort, after)
    feeding = asyncio.create_task(hub.feed(viewer))
    # A feed that failed ends the connection, so that the loop below ends too.
    feeding.add_done_callback(lambda task: None if task.cancelled() else transport.abort())
    try:
        with contextlib.suppress(ConnectionError):  # the viewer has gone, or was dropped, while it was answered
            await _listen(socket, transport, hub.limits.minute_s)
    finally:
        feeding.cancel()
        # A feed usually ends because its viewer is gone; any other error is ours and is raised.
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await feeding
        # Frames that a vanished viewer did not take must not stay in memory.
        if transport.get_write_buffer_size() > 0:
            transport.abort()
    return socket


async def _listen(socket: web.WebSocketResponse, transport: asyncio.Transport, minute_s: float) -> None:
    """Read the viewer's messages until it leaves; one that sends too many is disconnected."""
    loop = asyncio.get_running_loop()
    minute_ends_s, received = 0.0, 0
    async for message in socket:
        if loop.time() >= minute_ends_s:
            minute_ends_s, received = loop.time() + minute_s, 0
        received += 1
        if received > MESSAGES_FORGIVEN:
            # Nothing more is read of the viewer, and its close frame is not waited for.
            transport.pause_reading()
            await socket.send_frame(_GOODBYE, WSMsgType.CLOSE)
            transport.close()
            return
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
