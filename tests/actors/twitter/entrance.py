"""The stream's way in, on a stage."""

import json
from collections.abc import Callable
from typing import Any

from actors.twitter.ingest import LIMITS, TwitterIngest
from adapters.x.stream import PostStream
from messages.hints import SweepNow
from simulator.x import settings
from tests.harness.privates import lines_unread
from tests.harness.stage import MakeClient, Stage
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX


class Entrance:
    """The ingest actor on the stage. `streams` are the streams that it has made; `on_raw` is what they call."""

    def __init__(self, stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
        self.stage, self.x, self.x_client = stage, x, x_client
        self.streams: list[PostStream] = []
        self.on_raw: Callable[[bytes], None] = lambda _: None
        self.limits = LIMITS

    def enter(self, mailbox_size: int = 1_000) -> TwitterIngest:
        def make(context: Any) -> TwitterIngest:
            stage = self.stage
            return TwitterIngest(
                context, stage.access, stage.clock, self.x_client(), self._make_stream, 3, "reconciler", self.limits
            )

        self.actor = self.stage.enter("ingest", make, mailbox_size)
        return self.actor

    def connected(self, times: int = 1) -> None:
        """Steps until a stream stands, for the so-manieth time."""
        self.stage.until(lambda: self.sweeps == times, self.actor)

    @property
    def sweeps(self) -> int:
        """How often a sweep was asked for."""
        return self.stage.sent.count(("reconciler", SweepNow()))

    def waiting(self, count: int) -> None:
        """Until so many lines of the stream wait for the actor, which is not stepped."""
        until(lambda: self.lines() == count)

    def lines(self) -> int:
        """How many lines of the stream wait for the actor."""
        return len(lines_unread(self.actor.context.mailbox))

    def bytes_waiting(self) -> int:
        """How many bytes these lines have."""
        return sum(map(len, lines_unread(self.actor.context.mailbox)))

    def _make_stream(self, *callbacks: Any) -> PostStream:
        self.on_raw = callbacks[0]
        self.streams.append(PostStream(self.x.base_url, settings.BEARER_TOKEN, *callbacks))
        return self.streams[-1]


def line(post_id: int, replied_to: int, **more: Any) -> bytes:
    """What X sends of a reply."""
    post = {
        "id": str(post_id),
        "text": "1 ETH #AuctionDay",
        "author_id": "77",
        "conversation_id": str(replied_to),
        "referenced_tweets": [{"type": "replied_to", "id": str(replied_to)}],
    }
    author = {
        "id": "77",
        "username": "ann",
        "created_at": "2020-01-01T00:00:00.000Z",
        "public_metrics": {"followers_count": 10},
    }
    return json.dumps({"data": post | more, "includes": {"users": [author]}}).encode()
