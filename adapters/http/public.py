"""The routes of the public listener: the stage page, the page to pay on, the feed, auctions and bids. Reading only."""

import re
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from adapters.http.answers import answer, query
from adapters.http.clients import Client, Clients
from adapters.http.paying import SaleContract, qr_code, settlement_of
from adapters.http.places import Places
from adapters.http.views import Json, NotFound, Reads, Refused
from adapters.livestream.hub import FeedHub
from adapters.livestream.viewers import read_position, watch

SEATS_EACH = 64
KEPT_SEATS = 16
PAGE_SIZE = 50
PAGE_SIZE_MAX = 200

PAGES = Path(__file__).parent / "pages"
_PAY_PAGE = "/pay/{id}"
_PAGE_FILES = {
    "/": "stage.html",
    _PAY_PAGE: "pay.html",
    **{
        f"/{name}": name
        for name in ("common.css", "common.js", "feed.js", "pay.css", "pay.js", "stage.css", "stage.js", "wallet.js")
    },
}
_PAGE_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_IMAGE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.(?:png|jpe?g|webp|gif|avif|svg)")
_AUCTION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}-[0-9]{2,4}")
_USER_ID = _POST_ID = re.compile(r"[1-9][0-9]{0,18}")
_AFTER = re.compile(r"[A-Za-z0-9_:-]{1,96}")


def public_app(
    app: web.Application,
    reads: Reads,
    hub: FeedHub,
    images: Path | None,
    clients: Clients,
    connections: Places,
    contract: SaleContract,
) -> None:
    """Add the public routes; `images` is the folder of the lots' images, if there is one, and `contract` sells them."""
    seats = Places("viewers", hub.limits.viewers, SEATS_EACH, KEPT_SEATS)

    # Read once: a page that is missing or unreadable is found at start.
    bodies = {route: (PAGES / name).read_bytes() for route, name in _PAGE_FILES.items()}

    def page(route: str) -> web.Response:
        kind = _PAGE_TYPES[Path(_PAGE_FILES[route]).suffix]
        headers = {"Cache-Control": "no-cache"}
        return web.Response(body=bodies[route], content_type=kind, charset="utf-8", headers=headers)

    async def get_page(request: web.Request) -> web.Response:
        return page(request.path)

    async def pay_page(request: web.Request) -> web.Response:
        _matched(request, _AUCTION_ID)
        return page(_PAY_PAGE)

    async def livestream(request: web.Request) -> web.StreamResponse:
        fields = query(request, "after")
        try:
            after = read_position(fields["after"]) if "after" in fields else None
        except ValueError as fault:
            raise Refused(str(fault), "BAD_POSITION") from None
        if not _speaks_websocket(request):
            raise Refused("this address speaks WebSocket", "UPGRADE_REQUIRED", 426)
        # The seat is taken before the handshake, while which others may come.
        with seats.held(clients.of_request(request), "TOO_MANY_VIEWERS"):
            return await watch(hub, request, after)

    async def current(request: web.Request) -> web.Response:
        query(request)
        return _shared(await reads.current())

    async def auctions(request: web.Request) -> web.Response:
        query(request)
        return _shared(await reads.auctions())

    async def auction(request: web.Request) -> web.Response:
        query(request)
        return _shared(await reads.auction(_matched(request, _AUCTION_ID)))

    async def settlement_now(request: web.Request) -> dict[str, Json]:
        return settlement_of(await reads.auction(_matched(request, _AUCTION_ID)), contract)

    async def settlement(request: web.Request) -> web.Response:
        query(request)
        return _shared({**await settlement_now(request), "server_time_ms": hub.clock()})

    async def payment_code(request: web.Request) -> web.Response:
        payment = (await settlement_now(request))["payment"]
        if payment is None:
            raise NotFound("there is nothing to pay here now")
        headers = {"Cache-Control": "no-store"}
        return web.Response(body=qr_code(payment["uri"]), content_type="image/svg+xml", headers=headers)

    async def bids(request: web.Request) -> web.Response:
        return _shared(await reads.bids(_matched(request, _AUCTION_ID), *_page(request)))

    async def receipt(request: web.Request) -> web.Response:
        post = query(request, "post").get("post", "")
        if not _POST_ID.fullmatch(post):
            raise Refused("`post` is the id of the post that bids", "BAD_POST")
        return _shared(await reads.receipt(_matched(request, _AUCTION_ID), int(post)))

    async def user_bids(request: web.Request) -> web.Response:
        return _shared(await reads.user_bids(int(_matched(request, _USER_ID)), *_page(request)))

    async def image(request: web.Request) -> web.StreamResponse:
        _check_dates(request)
        name = request.match_info["name"]
        path = images / name if images and _IMAGE_NAME.fullmatch(name) else None
        if path is None or not path.is_file():
            raise NotFound("there is no such image")
        return _Image(path, connections, clients.of_request(request))

    for route in _PAGE_FILES:
        app.router.add_get(route, pay_page if route == _PAY_PAGE else get_page)
    app.router.add_get("/pay/{id}/code.svg", payment_code)
    app.router.add_get("/livestream", livestream)
    app.router.add_get("/api/auctions", auctions)
    app.router.add_get("/api/auctions/current", current)
    app.router.add_get("/api/auctions/{id}", auction)
    app.router.add_get("/api/auctions/{id}/bids", bids)
    app.router.add_get("/api/auctions/{id}/receipt", receipt)
    app.router.add_get("/api/auctions/{id}/settlement", settlement)
    app.router.add_get("/api/users/{id}/bids", user_bids)
    app.router.add_get("/images/{name}", image)


class _Image(web.FileResponse):
    """The answer with an image. It takes a connection's place while the file is open, until it is sent or given up."""

    def __init__(self, path: Path, places: Places, client: Client) -> None:
        super().__init__(path, headers={"Cache-Control": "max-age=3600"})
        self._places, self._client = places, client

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        try:
            with self._places.held(self._client):
                return await super().prepare(request)
        except Refused as refused:
            self.set_status(refused.status)
            return await web.StreamResponse.prepare(self, request)


def _speaks_websocket(request: web.Request) -> bool:
    try:
        return web.WebSocketResponse().can_prepare(request).ok
    except ValueError:  # aiohttp fails over a WebSocket key that is not ASCII
        return False


def _check_dates(request: web.Request) -> None:
    """Raise Refused for dates that no calendar has: aiohttp reads them while it sends, too late for an answer."""
    try:
        _ = request.if_modified_since, request.if_unmodified_since, request.if_range
    except OverflowError:
        raise Refused("a date in the headers does not exist", "BAD_DATE") from None


def _shared(value: Json) -> web.Response:
    # Public facts, without cookies: any page on the web may show them.
    return answer(value, headers={"Access-Control-Allow-Origin": "*"})


def _matched(request: web.Request, pattern: re.Pattern[str]) -> str:
    text = request.match_info["id"]
    if not pattern.fullmatch(text):
        raise NotFound("this is no id of an auction or a user")
    return text


def _page(request: web.Request) -> tuple[str | None, int]:
    fields = query(request, "after", "limit")
    after, limit = fields.get("after"), fields.get("limit", str(PAGE_SIZE))
    if after is not None and not _AFTER.fullmatch(after):
        raise Refused("`after` must be the `next` of the page before", "BAD_POSITION")
    if not re.fullmatch(r"[1-9][0-9]{0,2}", limit) or int(limit) > PAGE_SIZE_MAX:
        raise Refused(f"`limit` is a number from 1 to {PAGE_SIZE_MAX}", "BAD_LIMIT")
    return after, int(limit)
