"""A viewer's WebSocket: joins the hub, is listened to only to notice that it left.

Pings and pongs are what a viewer says, as any other message is: answering them costs the same.
"""

import asyncio
import contextlib
import re

from aiohttp import WSCloseCode, WSMsgType, web

from adapters.livestream.hub import FeedHub, Position, Viewer

# A viewer has nothing to say to us but pongs to our pings, and browsers send no others. A few messages a minute are
# forgiven; then it is shown the door.
MESSAGES_FORGIVEN = 32
MINUTE_S = 60.0
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
        with contextlib.suppress(ConnectionError):  # it has gone, or was dropped, while it was answered
            await _listen(socket, transport)
    finally:
        feeding.cancel()
        # That the viewer is gone is the usual end of its feed; anything else is ours and is raised.
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await feeding
        # What a vanished viewer did not take must not wait for it in our memory.
        if transport.get_write_buffer_size() > 0:
            transport.abort()
    return socket


async def _listen(socket: web.WebSocketResponse, transport: asyncio.Transport) -> None:
    """Hear the viewer until it leaves; one who talks is shown the door."""
    loop = asyncio.get_running_loop()
    minute_ends_s, heard = 0.0, 0
    async for message in socket:
        if loop.time() >= minute_ends_s:
            minute_ends_s, heard = loop.time() + MINUTE_S, 0
        heard += 1
        if heard > MESSAGES_FORGIVEN:
            # What it has sent meanwhile is not read any more: its goodbye is not waited for.
            transport.pause_reading()
            await socket.send_frame(_GOODBYE, WSMsgType.CLOSE)
            transport.close()
            return
        if message.type is WSMsgType.PING:
            await socket.pong(message.data)
