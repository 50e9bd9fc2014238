"""The routes of X's webhook: bound pushes in size, time and number, and check their signatures.

A push is answered 200 once it is on disk; `api/webhook` reads and queues it.
"""

import asyncio
from typing import NamedTuple

from aiohttp import web

from adapters import metrics
from adapters.http.answers import answer
from adapters.http.views import Refused, Webhook
from adapters.x.webhook import challenge_answer, is_signed

SIGNATURE = "x-twitter-webhooks-signature"
# X's longest post twice (cut and whole), each character escaped, and all that comes with it.
BODY_BYTES = 512 * 1024
# How many bodies are read at once; where no more may be read, the one that has taken longest so far is given up.
BODIES_AT_ONCE = 32


class PushLimits(NamedTuple):
    """Bounds of X's pushes."""

    body_s: float = 2.0
    """How long (s) a body may take: X sends it together with its head."""
    at_once: int = 32
    """How many pushes are queued at once; these are X's own, since their signatures were checked."""


PUSH_LIMITS = PushLimits()


def webhook_app(app: web.Application, webhook: Webhook | None, limits: PushLimits) -> None:
    """Add the webhook's routes to the public listener."""
    places = asyncio.Semaphore(limits.at_once)
    reading: dict[asyncio.Timeout, None] = {}

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
        body = await _body_in_time(request, reading, limits.body_s)
        if not is_signed(given.secret, body, request.headers.get(SIGNATURE, "")):
            metrics.webhook_pushes.labels("unsigned").inc()
            raise Refused(f"{SIGNATURE} is missing, or is not the signature of this body", "UNSIGNED", 403)
        if places.locked():
            metrics.webhook_pushes.labels("refused").inc()
            raise Refused("too many pushes at once", "BUSY", 429)
        async with places:
            await given.take(body)
        return answer({})

    app.router.add_get("/webhooks/x", challenge)
    app.router.add_post("/webhooks/x", push)


async def _body_in_time(request: web.Request, reading: dict[asyncio.Timeout, None], within_s: float) -> bytes:
    """Read the body within this time, and before BODIES_AT_ONCE later ones have begun. Raises Refused (408)."""
    if len(reading) >= BODIES_AT_ONCE:
        slowest = next(iter(reading))
        del reading[slowest]
        if not slowest.expired():
            slowest.reschedule(asyncio.get_running_loop().time())
    try:
        async with asyncio.timeout(within_s) as deadline:
            reading[deadline] = None
            return await _body(request)
    except TimeoutError:
        metrics.webhook_pushes.labels("slow").inc()
        raise Refused("the body did not come in time", "TOO_SLOW", 408) from None
    finally:
        reading.pop(deadline, None)


async def _body(request: web.Request) -> bytes:
    """Read the bytes as they were sent, which are those that X has signed. Raises Refused."""
    if request.content_type != "application/json" or "Content-Encoding" in request.headers:
        raise Refused("the body must be application/json, not compressed", "UNSUPPORTED_MEDIA_TYPE", 415)
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > BODY_BYTES:
            raise Refused(f"the body is larger than {BODY_BYTES} bytes", "TOO_LARGE", 413)
    return bytes(body)
