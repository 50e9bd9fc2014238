"""A running process whose stream is dead: the simulated X pushes, and every bid is decided all the same, once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from adapters.redis.client import execute
from adapters.redis.log import LogReader
from messages.base import Phase
from messages.events import AuctionOpened, BidAccepted, BidRefused, BidWithdrawn
from process import Process
from settings import Settings
from simulator.x.settings import ACCOUNT_ID
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x
from tests.system.at_work import at_work

EVENTS_READ = 1_000


@pytest.fixture
def x(tmp_path: Path) -> Iterator[SimulatedX]:
    """An X that refuses every stream."""
    with simulated_x(tmp_path) as running:
        running.tell("faults", kind="http_503", rate=1, path="/2/tweets/search/stream")
        yield running


@pytest.fixture
def process(x: SimulatedX, tmp_path: Path) -> Iterator[Process]:
    """A process with one long day, whose sweeps come too late to find anything first."""

    def slow(settings: Settings) -> Settings:
        return msgspec.structs.replace(settings, x=msgspec.structs.replace(settings.x, search_lag_ms=300_000))

    with at_work(tmp_path / "data", x.base_url, slow) as process:
        yield process


def logged(process: Process, *kinds: type[Any]) -> list[Any]:
    entries = LogReader(process.client, process.keys).read(0, EVENTS_READ)
    return [event for entry in entries for event in entry.events() if isinstance(event, kinds)]


@pytest.mark.requirement("X-2", "QUE-1", "BID-9")
def test_signed_replies_are_decided_without_the_stream_and_pushed_again_they_count_once(
    x: SimulatedX, process: Process
) -> None:
    [opened] = until(lambda: logged(process, AuctionOpened))
    client = x.client()
    url = f"http://127.0.0.1:{process.public_port}/webhooks/x"
    webhook_id = client.request("POST", "/2/webhooks", json={"url": url}).json()["data"]["id"]

    def subscribe(event_type: str, user_id: str) -> None:
        wanted = {"event_type": event_type, "filter": {"user_id": user_id}, "webhook_id": webhook_id}
        client.request("POST", "/2/activity/subscriptions", json=wanted)

    subscribe("post.reply.create", str(ACCOUNT_ID))
    x.tell("faults", kind="duplicate", rate=1, path="/webhooks", ms=0)
    hashtag = process.settings.marathon.hashtag
    bids = [x.reply("ann", f"{number} ETH #{hashtag}", opened.post_id) for number in (1, 2, 3)]
    bids.append(x.reply("bob", f"2 ETH #{hashtag}", opened.post_id))
    bids.append(x.reply("bob", f"5 ETH #{hashtag}", opened.post_id))
    x.tell("faults", kind="bad_signature", count=1, path="/webhooks")
    x.tell("faults", kind="duplicate", rate=0, path="/webhooks")
    x.reply("eve", f"9 ETH #{hashtag}", opened.post_id)
    verdicts = until(lambda: len(found := logged(process, BidAccepted, BidRefused)) >= len(bids) and found)
    assert sorted(verdict.post_id for verdict in verdicts) == bids
    assert {verdict.source for verdict in verdicts} == {"webhook"}
    current = requests.get(f"http://127.0.0.1:{process.public_port}/api/auctions/current", timeout=10).json()
    assert (current["leader_handle"], current["phase"]) == ("bob", Phase.ACTIVE)

    author = next(verdict.bidder_id for verdict in verdicts if verdict.bidder_handle == "bob")
    subscribe("post.delete", str(author))
    x.tell("delete", id=str(bids[-1]))
    [gone] = until(lambda: logged(process, BidWithdrawn))
    assert (gone.post_id, gone.cause) == (bids[-1], "deleted")
    # Whatever was pushed twice has been read by now, since the withdrawal came behind it.
    assert len(logged(process, BidAccepted, BidRefused)) == len(bids)
    assert execute(process.client, "XLEN", process.keys.dead) == 0
    client.session.close()
