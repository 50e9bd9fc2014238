"""The listening port on loopback, which a fault can close for a while, like a network failure."""

import asyncio
from contextlib import suppress

from aiohttp import web

from simulator.x.faults import Faults, Kind

HOST = "127.0.0.1"
_AGAIN_S = 0.05


class Door:
    """Opens and closes the port of a runner. Open connections stay while the port is closed."""

    def __init__(self, runner: web.AppRunner, faults: Faults) -> None:
        self._runner, self._faults = runner, faults
        self._port = 0
        self._shut: asyncio.Task[None] | None = None
        faults.on_add.append(self._look)

    async def open(self, port: int) -> int:
        """Starts to listen and returns the port; 0 picks a free one. Raises OSError if the port is taken."""
        self._site = web.TCPSite(self._runner, HOST, port)
        await self._site.start()
        self._port = self._runner.addresses[0][1]
        return self._port

    async def close(self) -> None:
        """Stops opening and closing the port."""
        if self._shut:
            self._shut.cancel()
            with suppress(asyncio.CancelledError):
                await self._shut

    def _look(self) -> None:
        if self._shut is None or self._shut.done():
            fault = self._faults.strikes(Kind.REFUSED)
            if fault:
                self._shut = asyncio.get_running_loop().create_task(self._stay_shut(fault.ms))

    async def _stay_shut(self, ms: int) -> None:
        await self._site.stop()
        await asyncio.sleep(ms / 1000)
        while True:
            try:
                await self.open(self._port)
            except OSError:
                # Another process uses the port for a moment, as the local end of a connection.
                await asyncio.sleep(_AGAIN_S)
            else:
                return
