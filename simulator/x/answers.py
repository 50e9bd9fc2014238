"""The steps of every request to X's API: rate window, faults, the handler, and error bodies."""

import asyncio
from itertools import cycle

from aiohttp import web

from simulator.x.auth import Handler
from simulator.x.clock import now_ms
from simulator.x.connection import reset
from simulator.x.faults import Faults, Kind
from simulator.x.problems import Problem, credits_depleted, forbidden
from simulator.x.rates import Rates
from simulator.x.world import WorldFull

_OVER_CAPACITY = (
    ("text/html", "<html><head><title>503 Service Unavailable</title></head><body>Over capacity</body></html>"),
    ("text/plain", "upstream connect error or disconnect/reset before headers"),
)


class Answers:
    """Answers requests with their handlers, within the rate windows and with the current faults."""

    def __init__(self, faults: Faults, rates: Rates) -> None:
        self._faults, self._rates = faults, rates
        self._over_capacity = cycle(_OVER_CAPACITY)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Returns the answer, perhaps spoiled by a fault. Requests to the control plane have no faults."""
        try:
            if not request.path.startswith("/2/"):
                return await handler(request)
            self._rates.take(request)
            return self._instead(request) or await self._troubled(request, handler)
        except Problem as problem:
            return web.json_response(problem.body, status=problem.status)
        except WorldFull as full:
            return web.json_response({"title": "Service Unavailable", "detail": str(full)}, status=503)

    def _instead(self, request: web.Request) -> web.Response | None:
        """Returns or raises a refusal by a fault, before the request takes effect; None without a fault."""
        if self._faults.strikes(Kind.HTTP_503, request.method, request.path):
            content_type, text = next(self._over_capacity)
            return web.Response(status=503, text=text, content_type=content_type)
        if self._faults.strikes(Kind.HTTP_402, request.method, request.path):
            raise credits_depleted()
        if self._faults.strikes(Kind.HTTP_403, request.method, request.path):
            raise forbidden("You are not permitted to perform this action.")
        if limited := self._faults.strikes(Kind.HTTP_429, request.method, request.path):
            reset_s = None if limited.reset_s is None else now_ms() // 1000 + limited.reset_s
            self._rates.told(request, reset_s)
            raise self._rates.refusal()
        return None

    async def _troubled(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Returns the handler's answer; a fault may delay or drop it after the request has taken effect."""
        answer = await handler(request)
        if slow := self._faults.strikes(Kind.SLOW, request.method, request.path):
            await asyncio.sleep(slow.ms / 1000)
        if silent := self._faults.strikes(Kind.NO_ANSWER, request.method, request.path):
            await asyncio.sleep(silent.ms / 1000)
            reset(request)
        elif self._faults.strikes(Kind.RESPONSE_LOST, request.method, request.path):
            reset(request)
        return answer
