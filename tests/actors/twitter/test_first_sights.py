"""Half a post decides nothing: whoever shows it, a whole sight is waited for, on every path."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from actors.twitter.first_sights import FirstSights
from actors.twitter.ingest import RawPosts
from actors.twitter.reconciler import TwitterReconciler
from adapters import alarms
from adapters.x.client import XClient
from adapters.x.errors import TooMuch
from adapters.x.lacks import PARENT, REFERENCE, REST
from adapters.x.payload import FoundPost, Page
from messages.base import Refusal
from messages.commands import PlaceBid
from messages.events import BidAccepted, BidRefused, ResultNamed
from tests.actors.twitter.entrance import Entrance, line
from tests.actors.twitter.sweeping import ahead, bids, goes_on, marks
from tests.harness.stage import HOUR_MS, TIMING, MakeClient, OpenOnX, Stage
from tests.harness.x_process import SimulatedX

POST = 7
LAG_MS = 100
LONG = "0.3 ETH #AuctionDay " + "and so on " * 27 + "or rather 0.4 ETH"


def sight(post_id: int, lacks: str = "", replied_to: int | None = POST, source: str = "search") -> FoundPost:
    bid = PlaceBid(
        message_id=f"tweet:{post_id}",
        post_id=post_id,
        author_id=1,
        author_handle="ann",
        author_created_at_ms=1,
        author_followers=1,
        replied_to_id=replied_to,
        text="1 ETH",
        hashtags=None,
        source=source,
        found_at_ms=1,
    )
    return FoundPost(bid, POST, (), lacks)


def ids(posts: Iterable[FoundPost]) -> list[int]:
    return [post.bid.post_id for post in posts]


@pytest.mark.requirement("X-3", "BID-2")
def test_a_whole_sight_is_taken_before_one_that_lacks_something_whatever_the_order() -> None:
    whole, half = sight(20), sight(20, REFERENCE, None, source="mentions")
    for order in ([whole, half], [half, whole]):
        seen = FirstSights(POST, LAG_MS).take(0, [sight(30), *order, sight(10)])
        assert seen.whole == [sight(10), whole, sight(30)]
        assert (seen.waiting, seen.stuck) == ([], [])


@pytest.mark.requirement("X-3", "BID-2")
def test_who_replies_to_the_auction_post_itself_needs_no_version_of_it() -> None:
    seen = FirstSights(POST, LAG_MS).take(0, [sight(10, PARENT), sight(20, PARENT, 8)])
    assert (ids(seen.whole), ids(seen.waiting)) == ([10], [20])


@pytest.mark.requirement("X-3", "BID-2")
def test_only_a_text_that_may_have_been_written_so_is_taken_as_it_stands_after_two_looks() -> None:
    sights = FirstSights(POST, LAG_MS)
    looked = [sight(10, REST), sight(20, REFERENCE, None), sight(30)]
    for now_ms in (0, LAG_MS - 1):
        seen = sights.take(now_ms, looked)
        assert (ids(seen.whole), ids(seen.waiting), seen.stuck) == ([30], [10, 20], [])
    seen = sights.take(LAG_MS, looked)
    assert (ids(seen.whole), ids(seen.waiting), ids(seen.stuck)) == ([10, 30], [20], [20])
    seen = sights.take(LAG_MS + 1, [sight(20)])
    assert (ids(seen.whole), seen.waiting) == ([20], [])


# ---- with the real clients


def without(post: FoundPost, lacks: str) -> FoundPost:
    """The post as X shows it where it leaves this out."""
    match lacks:
        case "REST":
            bid = msgspec.structs.replace(post.bid, text=post.bid.text[:280] + "…")
            return msgspec.structs.replace(post, bid=bid, lacks=REST)
        case "REFERENCE":
            bid = msgspec.structs.replace(post.bid, replied_to_id=None)
            return msgspec.structs.replace(post, bid=bid, lacks=REFERENCE)
    raise ValueError(lacks)


class ShowsHalf(XClient):
    """Each of these sources leaves the same thing out of all posts."""

    half: set[str]
    lacks = "REFERENCE"
    most = 100  # that may be looked up at once

    def search(self, *asked: Any, **more: Any) -> Page:
        return self._halved("search", super().search(*asked, **more))

    def mentions(self, *asked: Any, **more: Any) -> Page:
        return self._halved("mentions", super().mentions(*asked, **more))

    def posts(self, post_ids: Iterable[int]) -> Page:
        asked = list(post_ids)
        if len(asked) > self.most:
            raise TooMuch("posts: too large")
        return self._halved("posts", super().posts(asked))

    def _halved(self, source: str, page: Page) -> Page:
        posts = [without(post, self.lacks) if source in self.half else post for post in page.posts]
        return msgspec.structs.replace(page, posts=posts)


@pytest.fixture
def reconciler(stage: Stage, x_client: MakeClient) -> Callable[..., TwitterReconciler]:
    def make(half: set[str], lacks: str, most: int = 100) -> TwitterReconciler:
        client = x_client(ShowsHalf)
        client.half, client.lacks, client.most = half, lacks, most
        return stage.reconciler(client)

    return make


@pytest.mark.requirement("X-3", "BID-2", "BID-5")
@pytest.mark.parametrize("lacks", ["REFERENCE", "REST"])
@pytest.mark.parametrize("half", [{"search"}, {"mentions"}, {"search", "mentions"}])
def test_what_one_source_shows_in_part_another_shows_whole(
    stage: Stage,
    x: SimulatedX,
    open_on_x: OpenOnX,
    reconciler: Callable[..., TwitterReconciler],
    half: set[str],
    lacks: str,
) -> None:
    auction, post = open_on_x()
    made = x.reply("ann", LONG, post, delivery_ms=[])
    ahead(stage)
    stage.step(reconciler(half, lacks))
    assert bids(stage) == [made]
    stage.step(auction)
    [refused] = stage.logged(BidAccepted, BidRefused)
    assert (refused.post_id, refused.reason) == (made, Refusal.MULTIPLE_AMOUNTS)


@pytest.mark.requirement("X-3", "BID-2", "BID-5")
def test_posts_that_are_too_large_to_be_looked_up_together_are_looked_up_fewer_at_a_time(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    made = [x.reply("ann", LONG, post, delivery_ms=[]) for _ in range(3)]
    ahead(stage)
    actor = reconciler({"search", "mentions"}, "REFERENCE", most=1)
    for _ in range(3 * len(made)):
        goes_on(stage, actor)
    assert sorted(bids(stage)) == made


@pytest.mark.requirement("X-3", "BID-2", "BID-5")
def test_no_mark_passes_a_post_of_which_x_keeps_something_back_and_an_alarm_says_so(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post, delivery_ms=[])
    ahead(stage)
    half = {"search", "mentions", "posts"}
    actor = reconciler(half, "REFERENCE")
    stage.step(actor)
    goes_on(stage, actor)
    assert f"what it replies to of post {made}" in alarms.sounding()["half_a_post:m-01"]
    stage.clock.goes_on(HOUR_MS)
    for _ in range(4):
        goes_on(stage, auction, actor, ms=TIMING.lag_ms + 30_000)
    assert stage.logged(BidAccepted, BidRefused, ResultNamed) == []
    half.clear()
    for _ in range(4):
        goes_on(stage, actor, auction, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made
    assert "half_a_post:m-01" not in alarms.sounding()


@pytest.mark.requirement("X-3", "QUE-4")
def test_a_text_that_its_author_ended_like_a_cut_one_holds_up_nothing(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    auction, post = open_on_x()
    made = x.reply("ann", "0.3 ETH #AuctionDay " + "x" * 250 + "…", post)
    ahead(stage)
    actor = reconciler(set(), "")
    stage.step(actor)
    assert bids(stage) == []
    for _ in range(2):
        goes_on(stage, actor)
    assert bids(stage) == [made]
    assert marks(stage)
    assert alarms.sounding().keys() == {"deaf_stream:m-01"}, "nobody else has brought it either"
    stage.step(auction)
    assert [event.post_id for event in stage.logged(BidAccepted)] == [made]


@pytest.mark.requirement("X-3", "BID-5")
def test_what_the_stream_has_shown_whole_holds_up_no_sweep(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler], x_client: MakeClient
) -> None:
    auction, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    [found] = x_client().search(post, stage.clock() + 60_000).posts
    stage.queues.append("m-01", [found.bid])
    stage.step(auction)
    ahead(stage)
    actor = reconciler({"search", "mentions", "posts"}, "REFERENCE")
    stage.step(actor)
    goes_on(stage, actor)
    assert marks(stage)
    assert bids(stage) == []
    assert [event.post_id for event in stage.logged(BidAccepted)] == [made]


@pytest.mark.requirement("X-1", "BID-2")
@pytest.mark.parametrize(
    "left_out",
    [
        b'"referenced_tweets"',
        b'"author_id"',
        b'"note_tweet"',
    ],
)
def test_a_line_of_the_stream_that_lacks_something_is_left_to_the_sweeps(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX, left_out: bytes
) -> None:
    _, post = open_on_x()
    entrance = Entrance(stage, x, x_client)
    actor = entrance.enter()
    note = {"text": LONG, "entities": {"hashtags": [{"tag": "AuctionDay"}]}}
    whole = line(post + 4096, post, text=LONG[:280] + "…", note_tweet=note)
    actor.context.mailbox.offer(RawPosts(whole.replace(left_out, b'"not_shown"', 1)))
    stage.step(actor)
    assert stage.queued("m-01") == []
    actor.context.mailbox.offer(RawPosts(whole))
    stage.step(actor)
    assert [command.text for command in stage.queued("m-01")] == [LONG]
