"""The routes of the private listener, for operators and machines: health, status, metrics, orders, injection."""

import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, get_args

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST

from adapters.http.answers import answer, query
from adapters.http.auth import Operators, check_own_name, host_of
from adapters.http.views import Json, Refused, Views
from adapters.process_file import proof
from messages.codec import UnreadableMessage
from messages.commands import AuctionCommand
from messages.known_words import did_you_mean

DEPTH_MAX = 8
_NONCE = re.compile(r"[0-9a-f]{64}")

# The keys that each of the queue's commands may have. `auction_id` is the queue's address where it is no field.
_KNOWN_KEYS = {
    command.__name__: {"type", "auction_id", *(field.name for field in msgspec.structs.fields(command))}
    for command in get_args(AuctionCommand)
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The marathon of this process, and the secret of its data directory, with which it proves that it runs there."""

    marathon_id: str = ""
    secret: str = field(default="", repr=False)


def private_app(app: web.Application, views: Views, operators: Operators, identity: Identity, host: str) -> None:
    """Add the private routes. `host` is where they are listened for: a request that names another is refused."""

    async def refuse_other_names(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_own_name(host_of(request), host)
        return await handler(request)

    def who_and_where(request: web.Request) -> str:
        """The name of the operator; a request may also name the marathon that it is meant for. Raises Refused."""
        by = operators.name_of(request)
        meant = query(request, "marathon").get("marathon", identity.marathon_id)
        if meant != identity.marathon_id:
            raise Refused(f"this is the marathon {identity.marathon_id}, not {meant!r:.60}", "WRONG_MARATHON", 409)
        return by

    async def prove(request: web.Request) -> web.Response:
        nonce = query(request, "nonce").get("nonce", "")
        if not _NONCE.fullmatch(nonce):
            raise Refused("`nonce` is 64 hex digits", "BAD_NONCE")
        assert request.transport is not None, "somebody asks"
        port = request.transport.get_extra_info("sockname")[1]
        said = proof(identity.secret, nonce, identity.marathon_id, port) if identity.secret else ""
        return answer({"marathon_id": identity.marathon_id, "proof": said})

    async def healthz(request: web.Request) -> web.Response:
        return answer({"alive": True})

    async def readyz(request: web.Request) -> web.Response:
        ready, reasons = views.ready()
        return answer({"ready": ready, "reasons": reasons}, 200 if ready else 503)

    async def status(request: web.Request) -> web.Response:
        query(request)
        return answer(await views.status())

    async def show_metrics(request: web.Request) -> web.Response:
        return web.Response(body=await views.metrics(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def accepted(doing: Awaitable[Json]) -> web.Response:
        try:
            return answer(await doing, 202)
        except UnreadableMessage as fault:
            raise Refused(str(fault), "UNREADABLE") from None

    async def inject(request: web.Request) -> web.Response:
        by = who_and_where(request)
        if views.inject is None:
            raise Refused("injection is off here", "INJECTION_OFF", 403)
        return await accepted(views.inject(read_command(await _body(request)), by))

    async def operate(request: web.Request) -> web.Response:
        by = who_and_where(request)
        if views.operate is None:
            raise Refused("nobody takes orders here", "ORDERS_OFF", 403)
        return await accepted(views.operate(request.match_info["command"], read_object(await _body(request)), by))

    app.middlewares.append(web.middleware(refuse_other_names))
    app.router.add_get("/proof", prove)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/status", status)
    app.router.add_get("/metrics", show_metrics)
    app.router.add_post("/inject", inject)
    app.router.add_post("/operator/{command}", operate)


async def _body(request: web.Request) -> bytes:
    if request.content_type != "application/json":
        raise Refused("the body is application/json", "UNSUPPORTED_MEDIA_TYPE", 415)
    return await request.read()


def read_command(body: bytes) -> dict[str, Any]:
    """The fields of an injected command, with its `type`. Raises Refused; whether it makes sense is not asked here."""
    fields = read_object(body)
    if not isinstance(fields.get("type"), str):
        raise Refused("a command is an object with a string `type`", "BAD_COMMAND")
    known = _KNOWN_KEYS.get(fields["type"])
    if known and (unknown := sorted(fields.keys() - known)):
        near = did_you_mean(unknown[0][:40], known)
        raise Refused(f"{fields['type']} has no field {unknown[0][:40]!r}{near}", "UNKNOWN_KEY")
    return fields


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object that is not nested too deeply. Raises Refused."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise Refused(f"this is not JSON: {fault}", "BAD_JSON") from None
    except RecursionError:
        raise Refused("this is nested too deeply", "TOO_DEEP") from None
    if not isinstance(fields, dict):
        raise Refused("a command is an object", "BAD_COMMAND")
    if _depth_exceeds(fields, DEPTH_MAX):
        raise Refused("this is nested too deeply", "TOO_DEEP")
    return fields


def _depth_exceeds(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return False
    return levels == 0 or any(_depth_exceeds(item, levels - 1) for item in value)
