"""The unmodified tweepy streams from the simulated X: rules, one connection, and all that goes wrong with it."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import tweepy

from simulator.x.settings import BEARER_TOKEN
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x

STREAM = "/2/tweets/search/stream"


class Recorder(tweepy.StreamingClient):  # type: ignore[misc]  # tweepy has no types
    """tweepy's own client; what happens to it is noted down."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.posts: queue.Queue[dict[str, Any]] = queue.Queue()
        self.happened: queue.Queue[str] = queue.Queue()
        self.alive = threading.Event()

    def on_data(self, raw_data: bytes) -> None:
        self.posts.put(json.loads(raw_data))

    def on_keep_alive(self) -> None:
        self.alive.set()

    def on_connect(self) -> None:
        self.happened.put("connect")

    def on_closed(self, response: requests.Response) -> None:
        self.happened.put("closed")

    def on_connection_error(self) -> None:
        self.happened.put("broken")

    def on_request_error(self, status_code: int) -> None:
        self.happened.put(f"status {status_code}")
        self.disconnect()

    def next_id(self) -> int:
        return int(self.posts.get(timeout=20)["data"]["id"])

    def next_event(self) -> str:
        return self.happened.get(timeout=20)


@contextmanager
def streaming(x: SimulatedX, **parameters: Any) -> Iterator[Recorder]:
    client = x.streaming(Recorder)
    assert isinstance(client, Recorder)
    thread = client.filter(threaded=True, **parameters)
    try:
        yield client
    finally:
        # A line makes tweepy look whether it is to go on; the keep-alive is that line.
        client.disconnect()
        thread.join(20)
        assert not thread.is_alive()


def add_rules(x: SimulatedX, *rules: tweepy.StreamRule) -> tweepy.Response:
    client = x.streaming()
    try:
        return client.add_rules(list(rules))
    finally:
        client.session.close()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[SimulatedX]:
    """An X whose stream says something often, so that clients end soon."""
    with simulated_x(tmp_path, keepalive_s=0.2) as running:
        yield running


@pytest.fixture
def auction(quick: SimulatedX) -> int:
    """An auction post whose conversation the stream follows."""
    post_id = quick.create("auction #AuctionDay")
    add_rules(quick, tweepy.StreamRule(f"conversation_id:{post_id}", tag="auction"))
    return post_id


@pytest.mark.requirement("X-1")
def test_the_stream_brings_the_conversation_with_its_authors_and_rules(quick: SimulatedX, auction: int) -> None:
    with streaming(quick, expansions=["author_id"], tweet_fields=["conversation_id"], user_fields=["created_at"]) as s:
        assert s.next_event() == "connect"
        quick.create("elsewhere #AuctionDay")
        reply = quick.reply("ann", "1 ETH #AuctionDay", auction)
        nested = quick.reply("bob", "2 ETH #AuctionDay", reply)
        first = s.posts.get(timeout=20)
        assert first["data"] == {
            "id": str(reply),
            "text": "@auction_house 1 ETH #AuctionDay",
            "edit_history_tweet_ids": [str(reply)],
            "author_id": first["includes"]["users"][0]["id"],
            "conversation_id": str(auction),
        }
        assert first["includes"]["users"][0].keys() == {"id", "name", "username", "created_at"}
        assert [rule["tag"] for rule in first["matching_rules"]] == ["auction"]
        assert s.next_id() == nested
        assert s.alive.wait(20)
    shown = {int(post["id"]): post["shown"] for post in quick.ask("truth")["posts"]}
    assert (shown[auction], shown[reply], shown[nested]) == (False, True, True)


@pytest.mark.requirement("X-1")
def test_without_rules_there_is_no_stream_and_never_a_second_one(quick: SimulatedX) -> None:
    with streaming(quick) as s:
        assert s.next_event() == "status 409"
        s.session.close()
    add_rules(quick, tweepy.StreamRule("#AuctionDay"))
    with streaming(quick) as s:
        assert s.next_event() == "connect"
        headers = {"Authorization": f"Bearer {BEARER_TOKEN}"}
        with requests.get(quick.base_url + STREAM, headers=headers, timeout=10) as second:
            assert second.status_code == 429
            assert second.json()["connection_issue"] == "TooManyConnections"
        with requests.delete(quick.base_url + "/2/connections/all", headers=headers, timeout=10) as ended:
            assert ended.json()["data"]["successful_kills"] == 1
        assert s.next_event() == "closed"
        assert s.next_event() == "connect"
    quick.until_nobody_streams()


@pytest.mark.requirement("X-1")
def test_after_an_end_a_reset_and_a_stall_the_stream_is_there_again(quick: SimulatedX, auction: int) -> None:
    with streaming(quick) as s:
        assert s.next_event() == "connect"
        quick.tell("faults", kind="eof", count=1)
        assert [s.next_event(), s.next_event()] == ["closed", "connect"]
        quick.tell("faults", kind="rst", count=1)
        assert [s.next_event(), s.next_event()] == ["broken", "connect"]
        quick.tell("faults", kind="stall", count=1, ms=400)
        lost = quick.reply("ann", "1 ETH #AuctionDay", auction)
        until(lambda: not quick.ask("faults")["faults"])
        s.alive.clear()
        assert s.alive.wait(20)
        found = quick.reply("ann", "2 ETH #AuctionDay", auction)
        assert s.next_id() in (lost, found)


@pytest.mark.requirement("X-1", "X-3")
def test_posts_come_late_twice_in_another_order_or_never(quick: SimulatedX, auction: int) -> None:
    with streaming(quick) as s:
        assert s.next_event() == "connect"
        quick.tell("faults", kind="lost", count=1)
        lost = quick.reply("ann", "1 ETH #AuctionDay", auction)
        quick.tell("faults", kind="late", count=1, ms=300)
        late = quick.reply("bob", "2 ETH #AuctionDay", auction)
        quick.tell("faults", kind="duplicate", count=1, ms=50)
        twice = quick.reply("cid", "3 ETH #AuctionDay", auction)
        assert [s.next_id() for _ in range(3)] == [twice, twice, late]
        planned = quick.reply("dan", "4 ETH #AuctionDay", auction, delivery_ms=[0, 10, 20])
        assert [s.next_id() for _ in range(3)] == [planned] * 3
    streamed = {int(post["id"]): len(post["streamed_at_ms"]) for post in quick.ask("truth")["posts"]}
    assert streamed == {auction: 0, lost: 0, late: 1, twice: 2, planned: 3}
    client = quick.client()
    found = client.search_recent_tweets(f"conversation_id:{auction}", since_id=auction)
    assert {int(post.id) for post in found.data} == {lost, late, twice, planned}
    client.session.close()


@pytest.mark.requirement("X-1")
def test_rules_are_listed_refused_removed_and_take_effect_late(tmp_path: Path) -> None:
    with simulated_x(tmp_path, keepalive_s=0.2, rules_delay_ms=700) as x:
        client = x.streaming()
        assert client.get_rules().data is None
        added = client.add_rules(tweepy.StreamRule("#AuctionDay -from:bob", tag="day"))
        again = client.add_rules(tweepy.StreamRule("#AuctionDay -from:bob"))
        assert again.errors[0]["title"] == "DuplicateRule"
        for wrong in ("is:reply", "colour:red", "(#AuctionDay", "one OR two", "-#AuctionDay", "conversation_id:x"):
            with pytest.raises(tweepy.BadRequest):
                client.add_rules(tweepy.StreamRule(wrong))
        assert [(rule.value, rule.tag) for rule in client.get_rules().data] == [("#AuctionDay -from:bob", "day")]
        with streaming(x) as s:
            assert s.next_event() == "connect"
            x.tell("post", author="ann", text="too early #AuctionDay")
            heard: list[int] = []

            def is_heard() -> bool:
                x.tell("post", author="bob", text="not I #AuctionDay")
                heard.append(int(x.tell("post", author="ann", text="now? #auctionday")["id"]))
                return not s.posts.empty()

            until(is_heard)
            assert s.next_id() in heard[1:]
        client.delete_rules(added.data[0].id)
        assert client.get_rules().data is None
        client.session.close()
