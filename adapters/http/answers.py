"""The common parts of all answers: JSON, one form of error, security headers, deadlines and limits."""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext

import msgspec
import redis
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters import metrics
from adapters.http.auth import host_of
from adapters.http.clients import Clients
from adapters.http.places import Places
from adapters.http.shares import Shares
from adapters.http.views import Json, Refused
from adapters.redis.errors import StoreError
from ledger.entry import LogDamaged

log = logging.getLogger(__name__)

DEADLINE_S = 5.0
PUSHES = "POST", "/webhooks/x"  # no client's share bounds these: X sends as many as there are bids, and signs them
# Statuses that end the connection: connecting again costs the client more than it costs us.
ENDS_CONNECTION = 403, 429

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def answer(value: Json, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """The value as JSON, not to be cached."""
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def refusal(error: str, reason: str, status: int, headers: dict[str, str] | None = None) -> web.Response:
    """The one form of an error: a word for programs and a line for people."""
    return answer({"error": error, "reason": reason}, status, headers)


def query(request: web.Request, *known: str) -> dict[str, str]:
    """The fields of the query, each at most once. Raises Refused for a field that is not known here, or given twice."""
    fields: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in known:
            raise Refused(f"there is no field {name[:40]!r} here; known: {', '.join(known) or 'none'}", "UNKNOWN_KEY")
        if name in fields:
            raise Refused(f"{name!r} is given twice", "REPEATED_KEY")
        fields[name] = value
    return fields


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the security headers to any answer that leaves, errors included."""
    secure(response)


def secure(response: web.StreamResponse) -> None:
    """Add the security headers."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "auction-manager"


def middleware_for(
    listener: str, clients: Clients, places: Mapping[str, Places], shares: Shares | None = None
) -> Middleware:
    """The middleware of one listener: counts, limits, deadlines, and JSON for everything that goes wrong.

    `places` bounds, by the beginning of a path, how many requests are under way at routes that wait for something.
    `shares`, where given, bounds how often each client asks.
    """

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s = time.perf_counter()
        its = next((places[start] for start in places if request.path.startswith(start)), None)

        async def handled(request: web.Request) -> web.StreamResponse:
            host_of(request)
            client = clients.of_request(request)
            is_push = (request.method, request.path) == PUSHES
            if shares and not is_push and not shares.take(client, time.monotonic()):
                raise Refused("too many requests; please wait some seconds", "TOO_MANY_REQUESTS", 429)
            with its.held(client) if its else nullcontext():
                return await handler(request)

        # Viewers stay; they have a limit and deadlines of their own.
        response = await _answered(request, handled, None if request.path == "/livestream" else DEADLINE_S)
        if response.status in ENDS_CONNECTION:
            response.force_close()
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "other"
        metrics.http_requests.labels(listener, route, str(response.status)).inc()
        if response.status != 101:
            metrics.http_request_seconds.labels(listener, route).observe(time.perf_counter() - began_s)
        return response

    return handle


async def _answered(request: web.Request, handler: Handler, deadline_s: float | None) -> web.StreamResponse:
    what = f"{request.method} {request.path[:200]}"
    try:
        async with asyncio.timeout(deadline_s):
            return await handler(request)
    except Refused as refused:
        retry = {"Retry-After": "1"} if refused.status in (429, 503) else None
        return refusal(refused.error, refused.reason, refused.status, retry)
    except web.HTTPException as http:
        return _plain(http)
    except (ConnectionError, web.RequestPayloadError):
        metrics.http_malformed.inc()
        return refusal("BAD_BODY", "the body ends in the middle", 400)
    except (TimeoutError, redis.RedisError, StoreError, LogDamaged) as fault:
        log.warning("%s: %r", what, fault)
        reason = "no answer in time; whether anything was done is not known"
        return refusal("UNAVAILABLE", reason, 503, {"Retry-After": "1"})
    except Exception as fault:
        if isinstance(fault, RuntimeError) and request.transport is None:
            # aiohttp's error for a body whose sender left before we began to read it. Nobody gets this answer.
            metrics.http_malformed.inc()
            return refusal("BAD_BODY", "the body ends in the middle", 400)
        log.exception("%s failed", what)
        metrics.errors.labels("http").inc()
        return refusal("INTERNAL", "this is our fault; it has been logged", 500)


_REASONS = {404: "there is nothing here", 413: "the body is too large"}


def _plain(http: web.HTTPException) -> web.Response:
    """aiohttp's own errors (no such route, wrong method, too large) in our form."""
    headers = {"Allow": http.headers["Allow"]} if "Allow" in http.headers else None
    reason = _REASONS.get(http.status, f"allowed: {http.headers['Allow']}" if headers else http.reason)
    word = http.reason.upper().replace(" ", "_") if http.status != 413 else "TOO_LARGE"
    return refusal(word, reason, http.status, headers)
