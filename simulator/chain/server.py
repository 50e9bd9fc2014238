"""The server process: one chain, and an endpoint with a control plane on each of its ports on loopback."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec
from aiohttp import web

from simulator.chain.chain import Chain
from simulator.chain.clock import Clock
from simulator.chain.control import Control
from simulator.chain.endpoint import Endpoint
from simulator.chain.errors import RpcError
from simulator.chain.faults import Faults
from simulator.chain.payers import Payers
from simulator.chain.settings import Settings
from simulator.lifetime import Lifetime, port_file

HOST = "127.0.0.1"
MAX_BODY = 5 * 2**20  # as at geth
_SHUTDOWN_S = 0.5


async def serve(settings: Settings, port: int, file: Path | None) -> None:
    """Serves until a signal, a stop request or idleness. `port` 0 picks free ports; `file` has the ports meanwhile, one
    a line. Raises OSError if the port is taken.
    """
    life = Lifetime(settings.idle_exit_s)
    life.end_on_signals()
    chain = Chain(settings, started_s=time.time_ns() // 10**9 - settings.behind_ms // 1000)
    clock, payers = Clock(settings.block_ms, settings.behind_ms, chain.add_block), Payers(chain)
    if settings.block_ms:
        chain.now_ms = clock.now_ms
    ports = []
    async with AsyncExitStack() as stack:
        for number in range(settings.endpoints):
            faults = Faults(f"{settings.seed}:{number}:faults")
            runner = web.AppRunner(
                _application(life, Endpoint(chain, faults), Control(chain, clock, payers, faults, life)),
                access_log=None,
                handler_cancellation=True,
                shutdown_timeout=_SHUTDOWN_S,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, HOST, port if number == 0 else 0).start()
            ports.append(runner.addresses[0][1])
        print(f"simulated chain on {' '.join(f'http://{HOST}:{one}' for one in ports)}", file=sys.stderr, flush=True)
        making = asyncio.create_task(clock.run())
        making.add_done_callback(lambda _: life.stop())
        with port_file(file, *ports):
            await life.until_over()
        making.cancel()
        with suppress(asyncio.CancelledError):
            await making


def _application(life: Lifetime, endpoint: Endpoint, control: Control) -> web.Application:
    @web.middleware
    async def counted(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        with life.request():
            try:
                return await handler(request)
            except (msgspec.DecodeError, ValueError, RpcError) as fault:
                return web.json_response({"error": str(fault)}, status=400)

    application = web.Application(middlewares=[counted], client_max_size=MAX_BODY)
    # A provider's address has a path, which may hold a key.
    application.add_routes([*control.routes(), web.post("/{path:.*}", endpoint.answer)])
    return application
