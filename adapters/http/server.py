"""The two listeners of the HTTP server: a public one, and one for operators and machines, usually on loopback."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.http.answers import add_headers, middleware_for
from adapters.http.auth import Operators
from adapters.http.clients import Clients
from adapters.http.door import DEADLINES, Deadlines, Door
from adapters.http.paying import SaleContract
from adapters.http.places import Places
from adapters.http.private import Identity, private_app
from adapters.http.public import public_app
from adapters.http.shares import Shares
from adapters.http.views import Views
from adapters.http.webhook import PUSH_LIMITS, PushLimits, webhook_app
from adapters.livestream.hub import FeedHub

PUBLIC_BODY_BYTES = 1_024
PRIVATE_BODY_BYTES = 65_536
SHUTDOWN_S = 2.0
# How many connections one client may have: enough for an office behind one address.
CONNECTIONS_EACH = 128
READERS, READERS_EACH = 64, 16
# Requests in 10 s, of all clients and of each: loading a page takes seven; so many in all take less than a tenth of the
# loop's time.
REQUESTS, REQUESTS_EACH = 2_000, 20
# Places beyond those for all, kept for addresses that the settings name, as that of the broadcast.
KEPT = 32
PRIVATE_CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where to listen (port 0: the port in `before`, or any where that is taken), who may act, the folder of the lots'
    images, how many public connections there are for all, which clients are proxies or have places kept, the identity
    of this process, what bounds the other side, and the contract that sells the lots."""

    public_host: str = "127.0.0.1"
    public_port: int = 0
    private_host: str = "127.0.0.1"
    private_port: int = 0
    operators: Operators = field(default_factory=Operators)
    images: Path | None = None
    connections: int = 4_096
    clients: Clients = field(default_factory=Clients)
    before: tuple[int, int] = (0, 0)  # the ports, public and private, of the process that worked here before
    identity: Identity = field(default_factory=Identity)
    deadlines: Deadlines = DEADLINES
    pushes: PushLimits = PUSH_LIMITS
    shutdown_s: float = SHUTDOWN_S
    contract: SaleContract = field(default_factory=SaleContract)


class HttpServer:
    """Both listeners, and the task that runs the hub. `start` and `stop` run on the loop."""

    def __init__(self, settings: HttpSettings, views: Views, hub: FeedHub) -> None:
        self._settings, self._views, self._hub = settings, views, hub
        self._runners: list[web.AppRunner] = []
        self._doors: list[Door] = []
        self.public_port = self.private_port = 0

    async def start(self) -> None:
        """Listen. Raises OSError where an address cannot be had; then nothing listens."""
        self._ticking = asyncio.create_task(self._hub.run())  # first: `stop` needs it, whatever of the rest fails
        settings, before = self._settings, self._settings.before
        clients = settings.clients
        everybody = Places("connections", settings.connections, CONNECTIONS_EACH, KEPT)
        readers, shares = Places("readers", READERS, READERS_EACH, KEPT), Shares(REQUESTS, REQUESTS_EACH)
        reading = {"/api/": readers, "/pay/": readers}
        public = _app(PUBLIC_BODY_BYTES, middleware_for("public", clients, reading, shares))
        public_app(public, self._views.reads, self._hub, settings.images, clients, everybody, settings.contract)
        webhook_app(public, self._views.webhook, settings.pushes)
        private = _app(PRIVATE_BODY_BYTES, middleware_for("private", clients, {}))
        private_app(private, self._views, settings.operators, settings.identity, settings.private_host)
        operators = Places("private connections", PRIVATE_CONNECTIONS, PRIVATE_CONNECTIONS)
        try:
            self.public_port = await self._listen(
                public, everybody, settings.public_host, settings.public_port, before[0]
            )
            self.private_port = await self._listen(
                private, operators, settings.private_host, settings.private_port, before[1]
            )
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect the viewers and close both listeners; takes at most some seconds."""
        self._ticking.cancel()
        await asyncio.wait([self._ticking])
        await asyncio.gather(*(door.close() for door in self._doors))
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        self._doors.clear()
        self._runners.clear()

    async def _listen(self, app: web.Application, places: Places, host: str, port: int, before: int) -> int:
        runner = web.AppRunner(app, shutdown_timeout=self._settings.shutdown_s, handle_signals=False)
        self._runners.append(runner)
        await runner.setup()
        assert runner.server is not None, "it has just been set up"
        door = Door(places, self._settings.clients, self._settings.deadlines)
        self._doors.append(door)
        try:
            return await door.open(runner.server, host, port or before)
        except OSError:
            if port or not before:
                raise
            return await door.open(runner.server, host, 0)


def _app(body_bytes: int, middleware: Middleware) -> web.Application:
    app = web.Application(middlewares=[middleware], client_max_size=body_bytes)
    app.on_response_prepare.append(add_headers)
    return app
