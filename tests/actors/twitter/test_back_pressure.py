"""More is offered than can be handled: sources are slowed, what waits in memory and in the queue stays bounded, and
nothing is lost.
"""

import threading
import time
from functools import partial
from typing import Any

import pytest

from actors.auction.actor import Limits
from actors.twitter import ingest, reconciler
from actors.twitter.ingest import RawPosts
from adapters.redis.client import execute
from adapters.redis.errors import QueueFull
from adapters.redis.queue import Queue, QueueLimits
from messages.events import BidAccepted, BidRefused
from supervisor import CONDITIONS
from tests.actors.twitter.entrance import Entrance, line
from tests.actors.twitter.sweeping import bids
from tests.harness.builders import reply
from tests.harness.stage import OpenOnX, Stage
from tests.harness.x_process import SimulatedX

pytestmark = pytest.mark.requirement("QUE-4")

QUEUE_BYTES, WAITING_BYTES, LINES_A_MESSAGE = 100_000, 50_000, 8


@pytest.fixture
def entrance(stage: Stage, x: SimulatedX, x_client: Any, monkeypatch: pytest.MonkeyPatch) -> Entrance:
    """The stream's way in, with little room."""
    for module in (ingest, reconciler):
        monkeypatch.setattr(module, "Queue", partial(Queue, limits=QueueLimits(QUEUE_BYTES)))
    entrance = Entrance(stage, x, x_client)
    entrance.limits = ingest.Limits(lines_a_message=LINES_A_MESSAGE, waiting_bytes=WAITING_BYTES)
    return entrance


def queue_bytes(stage: Stage) -> int:
    return int(execute(stage.client, "MEMORY", "USAGE", stage.keys.queue("m-01")) or 0)


def test_ten_times_what_can_be_handled_waits_where_it_comes_from(
    stage: Stage,
    entrance: Entrance,
    open_on_x: OpenOnX,
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage.auction_limits = Limits(bids_a_commit=1, commits_a_turn=1)
    auction, post_id = open_on_x()
    actor = entrance.enter(mailbox_size=10_000)
    entrance.connected()
    text = "1 ETH #AuctionDay " + "." * 1_500
    posts = [line(post_id + (1 << 22) + number, post_id, text=text) for number in range(900)]
    assert sum(map(len, posts)) > 10 * (QUEUE_BYTES + WAITING_BYTES)
    most_queued, most_waiting, is_over = [0], [0], threading.Event()

    def stream() -> None:
        for raw in posts:
            entrance.on_raw(raw)

    def decide() -> None:
        while not is_over.wait(0.01):
            most_queued.append(queue_bytes(stage))
            most_waiting.append(entrance.bytes_waiting())
            auction.tick()

    threads = [threading.Thread(target=stream), threading.Thread(target=decide)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while threads[0].is_alive() or len(actor.context.mailbox) or bids(stage, "m-01"):
        assert time.monotonic() < deadline
        stage.step(actor)
    is_over.set()
    for thread in threads:
        thread.join(10)
    a_batch = LINES_A_MESSAGE * len(posts[0])
    assert QUEUE_BYTES < max(most_queued) < QUEUE_BYTES + 2 * a_batch, "it was full, and took no more"
    assert WAITING_BYTES / 2 < max(most_waiting) <= WAITING_BYTES + len(posts[0])
    assert len(stage.logged(BidAccepted, BidRefused)) == len(posts)
    assert "found no room" not in caplog.text


def test_a_queue_that_does_not_empty_ends_the_stream_until_it_does(
    stage: Stage, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    entrance.limits = entrance.limits._replace(back_pressure_s=0.05)
    auction, post_id = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    filler = [line(post_id + (2 << 22) + number, post_id, text="#AuctionDay " + "x" * 20_000) for number in range(20)]
    actor.handle(RawPosts(*filler))
    late = line(post_id + (3 << 22), post_id)
    with pytest.raises(QueueFull, match="the queue of m-01 is full") as full:
        actor.handle(RawPosts(late))
    assert CONDITIONS[type(full.value)] == "WAITING_FOR_ROOM"
    actor = entrance.enter()
    stage.step(actor)
    assert len(entrance.streams) == 1, "nobody connects who could not take anything"
    stage.step(auction)
    entrance.connected(times=2)
    assert entrance.sweeps == 2, "what was missed is swept"
    actor.handle(RawPosts(late))
    stage.step(auction)
    assert len(stage.logged(BidAccepted, BidRefused)) == len(filler) + 1


def test_a_few_posts_of_a_megabyte_fill_the_mailbox_too(stage: Stage, entrance: Entrance, open_on_x: OpenOnX) -> None:
    entrance.limits = entrance.limits._replace(back_pressure_s=0.05)
    _, post_id = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    big = [line(post_id + (2 << 22) + number, post_id, text="x" * 30_000) for number in range(4)]
    for raw in big:
        entrance.on_raw(raw)
    assert entrance.lines() == 2, "the third found no room, and is left for a sweep"
    stage.step(actor)
    for raw in big[2:]:
        entrance.on_raw(raw)
    assert entrance.lines() == 2
    successor = entrance.enter()
    entrance.connected(times=2)
    successor.handle(RawPosts(*big))  # what it inherits was counted by its predecessor
    for raw in big:
        entrance.on_raw(raw)
    assert entrance.lines() == 2, "and makes no more room"


def test_an_auction_with_enough_to_decide_is_not_swept_until_it_has_caught_up(
    stage: Stage, entrance: Entrance, open_on_x: OpenOnX, x: SimulatedX, x_client: Any
) -> None:
    auction, post_id = open_on_x()
    stage.queues.append("m-01", [reply(number, number, "x" * 20_000) for number in range(1, 20)])
    before = bids(stage, "m-01")
    missed = x.reply("ann", "0.3 ETH #AuctionDay", post_id)
    stage.clock.goes_on(60_000)
    stage.step(actor := stage.reconciler(x_client()))
    assert bids(stage, "m-01") == before
    stage.step(auction)
    stage.clock.goes_on(60_000)
    stage.step(actor)
    assert bids(stage, "m-01") == [missed]
