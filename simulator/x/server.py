"""The server process: builds the parts, serves them on loopback, and ends on a signal, on request or when idle."""

import sys
from pathlib import Path

from aiohttp import web

from simulator.lifetime import Lifetime, port_file
from simulator.x.answers import Answers
from simulator.x.auth import Authentication, Handler, behind
from simulator.x.clock import now_ms
from simulator.x.control import Control, Parts
from simulator.x.crowd import Crowd
from simulator.x.door import HOST, Door
from simulator.x.faults import Faults
from simulator.x.rates import Rates, state_limits
from simulator.x.reads import Reads
from simulator.x.rules import Rules
from simulator.x.schedule import Schedule
from simulator.x.settings import ACCOUNT_ID, CrowdOptions, Settings
from simulator.x.stream import Stream
from simulator.x.webhooks import Webhooks
from simulator.x.world import World
from simulator.x.writes import Writes

MAX_BODY = 512 * 1024  # the longest post, escaped, has 300 KB
_SHUTDOWN_S = 2.0
_ACCOUNT_AGE_MS = 3 * 365 * 86_400_000


class Server:
    """One simulated X."""

    def __init__(self, settings: Settings, options: CrowdOptions) -> None:
        self._faults = Faults(f"{settings.seed}:faults")
        self._schedule = Schedule(self._faults)
        rates = Rates(settings.rate_window_ms, settings.rate_day_ms)
        self._answers = Answers(self._faults, rates)
        self._life = Lifetime(settings.idle_exit_s)
        world = World()
        world.add_user(settings.account, now_ms() - _ACCOUNT_AGE_MS, ACCOUNT_ID)
        known, rules = Authentication(), Rules(settings.rules_delay_ms)
        self._stream = Stream(settings, rules, self._faults)
        world.on_post.append(self._stream.publish)
        self._webhooks = Webhooks(world, settings, self._faults, rules)
        self._crowd = Crowd(world, settings, options, self._faults)
        reads = Reads(world, settings, self._faults)
        writes = Writes(world, settings, self._faults, rules, self._stream)
        parts = Parts(world, settings, self._crowd, self._faults, self._schedule, rates, self._stream)
        control = Control(parts, self._life.stop)
        self._app = web.Application(middlewares=[self._answer], client_max_size=MAX_BODY)
        self._app.on_response_prepare.append(state_limits)
        self._app.add_routes(
            [
                web.get("/2/tweets/search/stream", behind(known.app, writes.stream), allow_head=False),
                web.get("/2/tweets/search/stream/rules", behind(known.app, writes.rules)),
                web.post("/2/tweets/search/stream/rules", behind(known.app, writes.change_rules)),
                web.get("/2/tweets/search/recent", behind(known.any, reads.search)),
                web.get("/2/tweets", behind(known.any, reads.lookup)),
                web.get("/2/tweets/{id}", behind(known.any, reads.one)),
                web.post("/2/tweets", behind(known.user, writes.create)),
                web.delete("/2/tweets/{id}", behind(known.user, writes.delete)),
                web.get("/2/users", behind(known.any, reads.users)),
                web.get("/2/users/me", behind(known.user, reads.me)),
                web.get("/2/users/{id}/tweets", behind(known.any, reads.own)),
                web.get("/2/users/{id}/mentions", behind(known.any, reads.mentioning)),
                web.delete("/2/connections/all", behind(known.app, writes.close_connections)),
                *self._webhooks.routes(known),
                *control.routes(),
            ]
        )

    async def run(self, port: int, file: Path | None) -> None:
        """Serves until a signal, a stop request or idleness. `port` 0 picks a free port; `file` has the port meanwhile.
        Raises OSError if the port is taken.
        """
        self._life.end_on_signals()
        # A request ends when its client leaves, so that a dropped stream is noticed at once.
        runner = web.AppRunner(self._app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        door = Door(runner, self._faults)
        try:
            port = await door.open(port)
            print(f"simulated X on http://{HOST}:{port}", file=sys.stderr, flush=True)
            with port_file(file, port):
                await self._life.until_over()
        finally:
            self._schedule.stop()
            await door.close()
            self._stream.close_all()
            await self._crowd.stop()
            await self._webhooks.close()
            await runner.cleanup()

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with self._life.request():
            return await self._answers.answer(request, handler)
