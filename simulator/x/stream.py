"""The filtered stream: delivers each post at its planned times to the only client that may be connected.

A post that is due while no client is connected is lost for the stream.
"""

import asyncio

import msgspec
from aiohttp import web

from simulator.x.connection import Connection, reset
from simulator.x.faults import Faults, Kind
from simulator.x.problems import stream_refused
from simulator.x.render import View, one
from simulator.x.rules import Rules
from simulator.x.settings import Settings
from simulator.x.shapes import reshape
from simulator.x.world import Post

PATH = "/2/tweets/search/stream"


class Stream:
    """Delivers posts to the connected client."""

    def __init__(self, settings: Settings, rules: Rules, faults: Faults) -> None:
        self._settings = settings
        self._rules = rules
        self._faults = faults
        self.connection: Connection | None = None
        faults.on_add.append(self._look)

    def publish(self, post: Post) -> None:
        """Schedules the deliveries of a new post, as planned and changed by faults."""
        matching = self._rules.matching(post)
        if not matching:
            return
        for delay_ms in self._faults.delays(post.delivery_ms):
            asyncio.get_running_loop().call_later(delay_ms / 1000, self._deliver, post, matching)

    def _deliver(self, post: Post, matching: list[dict[str, str]]) -> None:
        connection = self.connection
        if connection is None or connection.stalled or connection.closing or post.gone:
            return
        body = one(post, connection.view)
        # Each line gets a copy of the rules, because a fault may remove the tags of one line.
        body["matching_rules"] = [dict(rule) for rule in matching]
        reshape(body, self._faults, "GET", PATH)
        connection.put(post, msgspec.json.encode(body) + b"\r\n")

    def _look(self) -> None:
        # A fault was added: the rules and the open connection check at once whether it concerns them.
        if self._faults.strikes(Kind.FOREIGN_RULES):
            self._rules.replace("cats", "someone-else")
        if self.connection:
            self.connection.woken.set()

    def close_all(self) -> int:
        """Ends the open connection; returns the number of ended connections."""
        if self.connection is None:
            return 0
        self.connection.close()
        return 1

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /2/tweets/search/stream. Raises Problem: 409 without rules, 429 if a client is connected already."""
        view = View.asked(request.query)
        if not self._rules:
            raise stream_refused(
                409, "RuleConfigurationIssue", "You must define rules before connecting to the stream."
            )
        if self.connection or self._faults.strikes(Kind.TOO_MANY_CONNECTIONS):
            raise stream_refused(
                429, "TooManyConnections", "This stream is currently at the maximum allowed connection limit."
            )
        connection = self.connection = Connection(view, self._faults, self._settings.keepalive_s)
        response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
        response.enable_chunked_encoding()
        try:
            await response.prepare(request)
            await connection.run(request, response)
            return response
        except (ConnectionError, TimeoutError):
            # The client has left, or does not read.
            reset(request)
            return response
        finally:
            self.connection = None
