"""The two listeners: one for everybody, one for operators and machines, which is loopback unless configured."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from adapters.http.answers import add_headers, manners
from adapters.http.private import private_app
from adapters.http.public import public_app
from adapters.http.views import Views
from adapters.http.webhook import webhook_app
from adapters.livestream.hub import FeedHub

PUBLIC_BODY_BYTES = 1_024
PRIVATE_BODY_BYTES = 65_536
KEEPALIVE_S = 30.0
SHUTDOWN_S = 2.0
BACKLOG = 1_024


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Where to listen (port 0: any free one), who may act (name to secret), where the lots' images are."""

    public_host: str = "127.0.0.1"
    public_port: int = 0
    private_host: str = "127.0.0.1"
    private_port: int = 0
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    images: Path | None = None


class HttpServer:
    """Both listeners and the hub's clock. `start` and `stop` run on the loop."""

    def __init__(self, settings: HttpSettings, views: Views, hub: FeedHub) -> None:
        self._settings, self._views, self._hub = settings, views, hub
        self._runners: list[web.AppRunner] = []
        self.public_port = self.private_port = 0

    async def start(self) -> None:
        """Listen. Raises OSError where an address cannot be had; then nothing listens."""
        settings = self._settings
        public = _app("public", PUBLIC_BODY_BYTES)
        public_app(public, self._views.reads, self._hub, settings.images)
        webhook_app(public, self._views.webhook)
        private = _app("private", PRIVATE_BODY_BYTES)
        private_app(private, self._views, settings.tokens)
        self._ticking = asyncio.create_task(self._hub.run())
        try:
            self.public_port = await self._listen(public, settings.public_host, settings.public_port)
            self.private_port = await self._listen(private, settings.private_host, settings.private_port)
        except OSError:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Let the viewers go and close both listeners; takes at most some seconds."""
        self._ticking.cancel()
        await asyncio.wait([self._ticking])
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))
        self._runners.clear()

    async def _listen(self, app: web.Application, host: str, port: int) -> int:
        runner = web.AppRunner(
            app, access_log=None, keepalive_timeout=KEEPALIVE_S, shutdown_timeout=SHUTDOWN_S, handle_signals=False
        )
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
        return int(runner.addresses[0][1])


def _app(listener: str, body_bytes: int) -> web.Application:
    app = web.Application(middlewares=[manners(listener)], client_max_size=body_bytes)
    app.on_response_prepare.append(add_headers)
    return app
