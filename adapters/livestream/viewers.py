"""A viewer's WebSocket: joins the hub, is listened to only to notice that it left."""

import asyncio
import contextlib
import re

from aiohttp import WSCloseCode, WSMsgType, web

from adapters.livestream.hub import FeedHub, Position, Viewer

# A viewer has nothing to say to us. A few messages are forgiven; then it is shown the door.
MESSAGES_FORGIVEN = 32
MESSAGE_BYTES = 1_024
PING_S = 20.0
WRITE_BUFFER_BYTES = 16_384

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
        heartbeat=PING_S, max_msg_size=MESSAGE_BYTES, writer_limit=WRITE_BUFFER_BYTES, compress=False, timeout=2.0
    )
    await socket.prepare(request)
    viewer = Viewer(lambda frame: socket.send_frame(frame, WSMsgType.TEXT), transport.abort, after)
    feeding = asyncio.create_task(hub.feed(viewer))
    # A feed that failed ends the connection, so that the loop below ends too.
    feeding.add_done_callback(lambda task: None if task.cancelled() else transport.abort())
    try:
        heard = 0
        async for _ in socket:
            heard += 1
            if heard > MESSAGES_FORGIVEN:
                await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"viewers only listen")
    finally:
        feeding.cancel()
        # That the viewer is gone is the usual end of its feed; anything else is ours and is raised.
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await feeding
        # What a vanished viewer did not take must not wait for it in our memory.
        if transport.get_write_buffer_size() > 0:
            transport.abort()
    return socket
