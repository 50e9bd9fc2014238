"""The webhook of X on the public listener: who may push, how much, and how many at once.

What a push says and where it goes is not asked here. A push is answered 200 once it is durable.
"""

import asyncio

from aiohttp import web

from adapters import metrics
from adapters.http.answers import answer
from adapters.http.views import Refused, Webhook
from adapters.x.webhook import challenge_answer, is_signed

SIGNATURE = "x-twitter-webhooks-signature"
# X's longest post twice (cut and whole), each character escaped, and all that comes with it.
BODY_BYTES = 512 * 1024
# A small part of what the listener serves at once: whoever pushes slowly does not keep viewers out.
PUSHES_AT_ONCE = 32


def webhook_app(app: web.Application, webhook: Webhook | None) -> None:
    """Add the route."""
    places = asyncio.Semaphore(PUSHES_AT_ONCE)

    def configured() -> Webhook:
        if webhook is None:
            raise Refused("webhooks are off here: no consumer secret of X is configured", "WEBHOOKS_OFF", 404)
        return webhook

    async def challenge(request: web.Request) -> web.Response:
        # Other fields than the token are not refused: X may add some.
        try:
            token = challenge_answer(configured().secret, request.query.get("crc_token", ""))
        except ValueError as fault:
            raise Refused(str(fault), "BAD_CHALLENGE") from None
        return answer({"response_token": token})

    async def push(request: web.Request) -> web.Response:
        given = configured()
        if places.locked():
            metrics.webhook_pushes.labels("refused").inc()
            raise Refused("too many pushes at once", "BUSY", 429)
        async with places:
            body = await _body(request)
            if not is_signed(given.secret, body, request.headers.get(SIGNATURE, "")):
                metrics.webhook_pushes.labels("unsigned").inc()
                raise Refused(f"{SIGNATURE} is missing, or not that of this body", "UNSIGNED", 403)
            await given.take(body)
        return answer({})

    app.router.add_get("/webhooks/x", challenge)
    app.router.add_post("/webhooks/x", push)


async def _body(request: web.Request) -> bytes:
    """The bytes as they were sent, which are what X has signed."""
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        raise Refused("the body is application/json, not compressed", "UNSUPPORTED_MEDIA_TYPE", 415)
    body = bytearray()
    try:
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > BODY_BYTES:
                raise Refused(f"the body is larger than {BODY_BYTES} bytes", "TOO_LARGE", 413)
    except (web.RequestPayloadError, ConnectionError):
        raise Refused("the body ends in the middle", "BAD_BODY") from None
    return bytes(body)
