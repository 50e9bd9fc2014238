"""The stream's way in: what X sends is durable in the right queue, and what cannot be read stops nothing."""

from typing import Any

import pytest

from actors.twitter import ingest as twitter_ingest
from actors.twitter.following import open_conversations
from actors.twitter.ingest import Limits, RawPosts, StreamEnded
from adapters.redis.client import connect
from adapters.redis.errors import StoreUnavailable
from adapters.redis.queue import START
from adapters.x.stream import EndCause, StreamEnd
from messages.base import Phase
from messages.commands import PlaceBid, WithdrawBid
from messages.events import AuctionOpened
from messages.hints import QueueGrew
from tests.actors.twitter.entrance import Entrance, line
from tests.actors.twitter.sweeping import bids
from tests.harness.stage import MakeClient, OpenOnX, Stage
from tests.harness.store import full_memory
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

STREAM = {"method": "GET", "path": "/2/tweets/search/stream"}


@pytest.fixture
def entrance(stage: Stage, x: SimulatedX, x_client: MakeClient) -> Entrance:
    return Entrance(stage, x, x_client)


# ---- routing


@pytest.mark.requirement("X-1", "QUE-1", "LIFE-4")
def test_replies_reach_the_queue_of_their_auction_in_batches(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    (_, first), (_, second) = open_on_x(1), open_on_x(2)
    actor = entrance.enter()
    entrance.connected()
    x.tell("post", author="stranger", text="9 ETH #AuctionDay")
    to_first = [x.reply("ann", f"0.{n} ETH #AuctionDay", first) for n in (2, 3)]
    to_second = [x.reply("bob", "0.2 ETH #AuctionDay", second)]
    to_first.append(x.reply("cid", "0.4 ETH #AuctionDay", to_first[0]))  # not a bid, but the auction's to say
    entrance.waiting(4)
    stage.sent.clear()
    stage.step(actor)
    assert [[command.post_id for command in batch] for batch in stage.batches("m-01")] == [to_first]
    assert [[command.post_id for command in batch] for batch in stage.batches("m-02")] == [to_second]
    assert stage.sent == [("m-01", QueueGrew()), ("m-02", QueueGrew())]
    bid = stage.queued("m-02")[0]
    assert (bid.author_handle, bid.source, bid.replied_to_id) == ("bob", "stream", second)
    assert bid.author_created_at_ms is not None


@pytest.mark.requirement("X-6", "BID-8")
def test_an_edited_post_withdraws_the_versions_before_it(stage: Stage, entrance: Entrance, open_on_x: OpenOnX) -> None:
    auction, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    versions = [post + (n << 22) for n in (1, 2, 3)]
    for n, version in enumerate(versions, 1):
        entrance.on_raw(line(version, post, edit_history_tweet_ids=[str(each) for each in versions[:n]]))
    stage.step(actor)
    told = [(type(command), command.post_id) for command in stage.queued("m-01")]
    assert told == [
        (PlaceBid, versions[0]),
        (WithdrawBid, versions[0]),
        (PlaceBid, versions[1]),
        (WithdrawBid, versions[0]),
        (WithdrawBid, versions[1]),
        (PlaceBid, versions[2]),
    ]
    assert {command.cause for command in stage.queued("m-01") if isinstance(command, WithdrawBid)} == {"edited"}
    stage.step(auction)
    assert stage.current()["leader_post_id"] in ("", str(versions[2]))


UNREADABLE = {
    "cut off": line(5, 4)[:-5],
    "no JSON": b"<html>",
    "no UTF-8": b'{"data": {"id": "5", "text": "\xff"}}',
    "another type": b'{"data": 5}',
    "an id that is none": line(5, 4, id="-5"),
    "an id beyond all ids": line(5, 4, id="9" * 30),
    "too deep": b'{"data":' + b"[" * 10_000,
}


@pytest.mark.requirement("QUE-2", "X-1")
def test_lines_that_cannot_be_read_are_kept_with_their_bytes_and_the_stream_goes_on(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    _, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    for raw in UNREADABLE.values():
        entrance.on_raw(raw)
    entrance.on_raw(b'{"errors": [{"title": "operational-disconnect"}]}')
    entrance.on_raw(b'{"news": {"id": "5"}}')
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    entrance.waiting(len(UNREADABLE) + 3)
    stage.step(actor)
    letters = [letter for _, letter in stage.queues.dead_letters(START, 100)]
    assert [letter.data for letter in letters] == list(UNREADABLE.values())
    assert all(letter.error and letter.at_ms == stage.clock() for letter in letters)
    assert bids(stage, "m-01") == [made]
    assert len(entrance.streams) == 1


# ---- more than there is room for


@pytest.mark.requirement("SUP-3", "QUE-4", "X-1")
def test_a_full_mailbox_makes_the_stream_wait_and_loses_nothing(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    entrance.limits = Limits(lines_a_message=1)
    _, post = open_on_x()
    actor = entrance.enter(mailbox_size=4)
    entrance.connected()
    made = [x.reply("ann", f"0.{n} ETH #AuctionDay", post) for n in range(10, 30)]
    mailbox = actor.context.mailbox
    until(lambda: mailbox.refused > 0)
    assert len(mailbox) == mailbox.high_water == 4
    stage.until(lambda: len(bids(stage, "m-01")) == len(made), actor)
    assert bids(stage, "m-01") == made
    assert mailbox.high_water == 4


@pytest.mark.requirement("QUE-4", "X-1")
def test_what_finds_no_room_for_too_long_is_given_up_and_said_so(
    stage: Stage,
    x: SimulatedX,
    entrance: Entrance,
    open_on_x: OpenOnX,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entrance.limits = Limits(back_pressure_s=0.02, lines_a_message=1)
    _, post = open_on_x()
    actor = entrance.enter(mailbox_size=2)
    entrance.connected()
    made = [x.reply("ann", f"0.{n} ETH #AuctionDay", post) for n in (2, 3, 4)]
    until(lambda: "no room" in caplog.text)
    stage.until(lambda: bids(stage, "m-01") == made[:2], actor)
    made.append(x.reply("ann", "0.5 ETH #AuctionDay", post))
    stage.until(lambda: bids(stage, "m-01") == [*made[:2], made[3]], actor)
    assert len(entrance.streams) == 1, "the stream itself is well"


# ---- the connection


@pytest.mark.requirement("X-1", "X-3")
def test_after_its_end_the_stream_is_made_again_when_x_allows_and_a_sweep_is_asked_for(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX, caplog: pytest.LogCaptureFixture
) -> None:
    _, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    x.tell("faults", kind="eof", count=1)
    entrance.connected(times=2)  # X wants no wait before the first attempt
    x.tell("faults", kind="rst", count=1)
    stage.until(lambda: caplog.text.count("the stream has ended") == 2, actor)
    stage.clock.goes_on(249)
    stage.step(actor)
    assert (len(entrance.streams), entrance.sweeps) == (2, 2)
    stage.clock.goes_on(1)
    entrance.connected(times=3)
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    stage.until(lambda: bids(stage, "m-01") == [made], actor)


@pytest.mark.requirement("X-1", "X-4")
def test_a_refused_connection_is_tried_again_after_a_minute_at_the_earliest(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX, caplog: pytest.LogCaptureFixture
) -> None:
    open_on_x()
    actor = entrance.enter()
    entrance.connected()
    x.tell("faults", kind="http_429", count=1, reset_s=0, **STREAM)
    x.tell("faults", kind="eof", count=1)
    stage.until(lambda: caplog.text.count("the stream has ended") == 2, actor)
    assert len(entrance.streams) == 2
    stage.clock.goes_on(59_999)
    stage.step(actor, actor)
    assert len(entrance.streams) == 2
    stage.clock.goes_on(320_000)
    entrance.connected(times=2)
    assert len(entrance.streams) == 3


@pytest.mark.requirement("X-1")
def test_ends_long_ago_are_forgiven_to_a_stream_that_has_held(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX, caplog: pytest.LogCaptureFixture
) -> None:
    open_on_x()
    actor = entrance.enter()
    entrance.connected()
    for ends in range(1, 4):
        stage.clock.goes_on(twitter_ingest.STABLE_MS + 1)
        x.tell("faults", kind="eof", count=1)
        stage.until(lambda: caplog.text.count("the stream has ended") == ends, actor)  # noqa: B023
        entrance.connected(times=ends + 1)
    assert caplog.text.count("the next connection is in 0 ms") == 3


@pytest.mark.requirement("X-1")
def test_the_rules_follow_the_open_conversations(
    stage: Stage, x: SimulatedX, x_client: MakeClient, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    actor = entrance.enter()
    stage.step(actor)
    assert entrance.streams == [], "nothing to follow, nothing to connect for"
    _, first = open_on_x(1)
    entrance.connected()
    assert x.rules().keys() == {f"conversation_id:{first}"}
    _, second = open_on_x(2)
    x.tell("faults", kind="http_503", count=1, path="/2/tweets/search/stream/rules")
    stage.step(actor, actor)
    assert x.rules().keys() == {f"conversation_id:{first}"}
    stage.clock.goes_on(2_000)
    stage.step(actor)
    assert x.rules().keys() == {f"conversation_id:{first}", f"conversation_id:{second}"}
    stage.client.hset(stage.keys.day(1), "phase", Phase.COMPLETED)
    stage.step(actor)
    assert x.rules().keys() == {f"conversation_id:{second}"}
    assert len(entrance.streams) == 1


@pytest.mark.requirement("X-1")
def test_rules_that_somebody_else_has_deleted_are_set_again_and_others_are_left_alone(
    stage: Stage, x: SimulatedX, x_client: MakeClient, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    _, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    assert x_client().set_rules("m-auction-", {})
    assert x_client().set_rules("of others", {"of others": "from:ann"})
    stage.step(actor)
    assert x.rules().keys() == {"from:ann"}
    stage.clock.goes_on(twitter_ingest.RULES_MS)
    stage.step(actor)
    assert x.rules().keys() == {"from:ann", f"conversation_id:{post}"}
    assert x_client().set_rules("of others", {})


@pytest.mark.requirement("X-1")
def test_with_no_open_auction_the_stream_and_its_rules_are_given_up_and_come_back_with_the_next(
    stage: Stage, x: SimulatedX, x_client: MakeClient, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    def is_idle() -> bool:
        return not x.ask("health")["stream_connected"] and not x.rules()

    open_on_x(1)
    actor = entrance.enter()
    entrance.connected()
    stage.client.hset(stage.keys.day(1), "phase", Phase.COMPLETED)
    stage.until(is_idle, actor)
    _, second = open_on_x(2)
    entrance.connected(times=2)
    made = x.reply("ann", "0.2 ETH #AuctionDay", second)
    stage.until(lambda: bids(stage, "m-02") == [made], actor)
    stage.leave("ingest")
    stage.client.hset(stage.keys.day(2), "phase", Phase.COMPLETED)
    actor = entrance.enter()
    stage.until(is_idle, actor)


# ---- going on


@pytest.mark.requirement("SUP-3", "X-1", "X-3")
def test_a_successor_follows_what_is_open_in_the_store(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    _, first = open_on_x(1)
    _, second = open_on_x(2)
    actor = entrance.enter()
    entrance.connected()
    stage.leave("ingest")
    x.until_nobody_streams()
    lost = x.reply("ann", "0.2 ETH #AuctionDay", first)
    actor = entrance.enter()
    assert [type(event) for event in stage.logged(AuctionOpened)] == [AuctionOpened, AuctionOpened]
    entrance.connected(times=2)
    made = [x.reply("ann", "0.3 ETH #AuctionDay", post) for post in (first, second)]
    stage.until(lambda: (bids(stage, "m-01"), bids(stage, "m-02")) == (made[:1], made[1:]), actor)
    assert lost not in bids(stage, "m-01"), "that one is for the sweep to find"


@pytest.mark.requirement("SUP-3", "X-1")
def test_the_end_of_a_predecessors_stream_is_not_the_end_of_ours(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    _, post = open_on_x()
    entrance.enter()
    actor = entrance.enter()
    entrance.connected()
    end = StreamEnd(cause=EndCause.STOPPED)
    actor.context.mailbox.offer(StreamEnded(end, actor.context.incarnation - 1))
    stage.step(actor, actor)
    assert len(entrance.streams) == 1
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    stage.until(lambda: bids(stage, "m-01") == [made], actor)


@pytest.mark.requirement("QUE-1", "RED-3")
def test_without_a_store_nothing_counts_as_received(
    stage: Stage, x: SimulatedX, entrance: Entrance, open_on_x: OpenOnX
) -> None:
    _, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    actor.context.mailbox.offer(RawPosts(line(post + (1 << 22), post)))
    with full_memory(stage.client), pytest.raises(StoreUnavailable):
        stage.step(actor)
    assert stage.queued("m-01") == []


@pytest.mark.requirement("RED-3")
def test_conversations_are_not_known_where_no_store_answers(stage: Stage, tmp_path: Any) -> None:
    client = connect(f"unix://{tmp_path}/nobody.sock", timeout_s=0.2)
    try:
        with pytest.raises(StoreUnavailable):
            open_conversations(client, stage.keys, 3)
    finally:
        client.close()
