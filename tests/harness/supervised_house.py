"""A small house under a real supervisor, with an embedded server that its keeper starts again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from actors.auction.actor import Auction
from actors.eliza_bridge import ElizaBridge
from actors.lease_keeper import LeaseKeeper
from actors.livestream_publisher import LivestreamPublisher
from actors.ports import StoreAccess
from actors.scheduler.actor import Scheduler
from adapters.redis import functions
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import NotOwner, StoreError
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from adapters.redis.log import LogReader
from adapters.redis.queue import Queue
from adapters.wall_clock import wall_clock_ms
from api.injection import injected
from messages.commands import PlaceBid
from messages.events import BidAccepted
from supervision import Backoff, ChildSpec, Context, Group, Supervisor
from supervisor import CONDITIONS
from tests.harness.stage import Shown, day_plan


class House:
    """A small process: one day's auction, the host, the publisher, and the keeper of an embedded server."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server, self.keys, token = server, Keys("m"), new_token()
        self.access = StoreAccess(lambda: connect(server.url, timeout_s=2), self.keys, token)
        self.client = self.access.connect()
        functions.load(self.client)
        assert Lease(self.client, self.keys, token, 2_000).take()
        self.shown = Shown()
        self.plan = [day_plan(1, wall_clock_ms())]
        self.supervisor = Supervisor(
            [
                Group("store", children=[ChildSpec("lease_keeper", self._keeper)]),
                Group(
                    "listeners", children=[ChildSpec("publisher", self._publisher), ChildSpec("bridge", self._bridge)]
                ),
                Group("auctions"),
                Group("house", children=[ChildSpec("scheduler", self._scheduler)]),
            ],
            CONDITIONS,
            fatal=(NotOwner,),
            backoff=Backoff(first_s=0.01, longest_s=0.1),
            last_resort_s=None,
        )

    def _keeper(self, context: Context) -> Any:
        return LeaseKeeper.start(context, self.access, 2_000, self.server.ensure)

    def _publisher(self, context: Context) -> Any:
        return LivestreamPublisher.start(context, self.access, self.shown)

    def _bridge(self, context: Context) -> Any:
        return ElizaBridge.start(context, self.access, wall_clock_ms, ["publisher"])

    def _scheduler(self, context: Context) -> Any:
        return Scheduler.start(
            context, self.plan, self.access, wall_clock_ms, self._start_auction, ["publisher", "bridge"]
        )

    def _start_auction(self, name: str) -> None:
        def factory(context: Context) -> Any:
            return Auction.start(context, name, self.access, wall_clock_ms, ["publisher", "bridge", "scheduler"])

        self.supervisor.start_child("auctions", ChildSpec(name, factory))

    def phase(self) -> str:
        return (execute(self.client, "HGET", self.keys.current, "phase") or b"").decode()

    def incarnations(self) -> dict[str, int]:
        """Who is ready, and in which life."""
        return {child.name: child.incarnation for child in self.supervisor.tree() if child.state == "READY"}

    def answers(self, condition: Callable[[], Any]) -> Any:
        """Whether it holds; False while the store is away."""
        try:
            return condition()
        except (redis.RedisError, StoreError):
            return False

    def bid(self, text: str, author_id: int) -> PlaceBid:
        """Appends an injected bid to the queue of the auction on stage. Returns the bid."""
        stored: dict[bytes, bytes] = execute(self.client, "HGETALL", self.keys.current)
        stage = {name.decode(): value.decode() for name, value in stored.items()}
        fields = {
            "type": "PlaceBid",
            "text": text,
            "author_id": author_id,
            "author_created_at_ms": 0,
        }
        auction_id, command = injected(fields, "test", wall_clock_ms(), author_id, stage)
        assert isinstance(command, PlaceBid)
        Queue(self.client, self.keys).append(auction_id, [command])
        return command

    def decided(self) -> list[int]:
        return [event.post_id for event in self.events() if isinstance(event, BidAccepted)]

    def events(self) -> list[Any]:
        return [event for entry in LogReader(self.client, self.keys).read(0, 1_000) for event in entry.events()]


@contextmanager
def running(folder: Path) -> Iterator[House]:
    """One that runs; it and its server end in good order."""
    server = EmbeddedServer(folder)
    server.ensure()
    try:
        house = House(server)
        house.supervisor.start()
        try:
            yield house
        finally:
            house.supervisor.stop()
            code = house.supervisor.wait(20)
            house.client.close()
            house.shown.close()
        assert code == 0
    finally:
        server.stop()
