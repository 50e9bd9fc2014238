"""Authors whom X did not name: looked up, waited for, given up in the end; and nobody waits for anybody else's."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest

from actors.twitter.authors import RETRIES, Authors, GivenUp
from actors.twitter.awaiting_author import MOST, AwaitingAuthor
from actors.twitter.completeness import unpacked
from actors.twitter.ingest import RawPosts
from actors.twitter.reconciler import TwitterReconciler
from adapters import alarms
from adapters.redis.client import execute
from adapters.redis.queue import START
from adapters.x.answers import Author, Users
from adapters.x.client import XClient
from adapters.x.errors import XUnavailable
from adapters.x.payload import FoundPost
from messages.codec import pack, unpack
from messages.commands import PlaceBid
from messages.events import ResultNamed
from tests.actors.twitter.entrance import Entrance, line
from tests.actors.twitter.sweeping import ahead, bids, marks
from tests.harness.stage import HOUR_MS, TIMING, Clock, MakeClient, OpenOnX, Stage
from tests.harness.x_process import SimulatedX

USERS = {"method": "GET", "path": "/2/users?"}
NO_INCLUDES = {"kind": "no_includes", "rate": 1.0}


def post_by(author_id: int, post_id: int = 0, handle: str = "", created_at_ms: int | None = None) -> FoundPost:
    post_id = post_id or 1_000 + author_id
    bid = PlaceBid(
        message_id=f"tweet:{post_id}",
        post_id=post_id,
        author_id=author_id,
        author_handle=handle,
        author_created_at_ms=created_at_ms,
        author_followers=5 if handle else None,
        replied_to_id=7,
        text="1 ETH #AuctionDay",
        hashtags=("AuctionDay",),
        source="search",
        found_at_ms=1,
    )
    return FoundPost(bid, 7)


class Directory(XClient):
    """X's users, as the test has them: who is there, who is not, and which ids spoil every question."""

    def __init__(self, known: Iterable[int] = (), gone: Iterable[int] = (), poison: Iterable[int] = ()) -> None:
        self.known, self.gone, self.poison = set(known), set(gone), set(poison)
        self.asked: list[list[int]] = []
        self.down: int | None = None

    def users(self, user_ids: Iterable[int]) -> Users:
        asked = list(user_ids)
        self.asked.append(asked)
        if self.down or self.poison & set(asked):
            status = self.down or 400
            raise XUnavailable(f"users: HTTP {status}", None, status)
        found = {one: Author(f"user{one}", one * 1_000, one) for one in asked if one in self.known}
        return Users(found, {one: "User has been suspended" for one in asked if one in self.gone})


def ids(posts: Iterable[FoundPost]) -> list[int]:
    return [post.bid.author_id for post in posts]


@pytest.mark.requirement("QUE-2")
def test_authors_are_asked_for_a_hundred_at_a_time_and_once_in_one_request_a_turn() -> None:
    x, clock = Directory(known=range(1, 400)), Clock(1)
    authors = Authors(x, clock)
    posts = [post_by(n) for n in range(1, 151)] + [post_by(500, handle="known", created_at_ms=5)]
    done = authors.complete(posts)
    assert ([len(asked) for asked in x.asked], done.has_asked) == ([100], True)
    assert len(done.waiting) == 50
    done = authors.complete(posts)
    assert ([len(asked) for asked in x.asked], done.has_asked) == ([100, 50], True)
    assert not authors.complete(posts).has_asked
    assert ids(done.ready) == ids(posts)
    first = done.ready[0].bid
    assert (first.author_handle, first.author_created_at_ms, first.author_followers) == ("user1", 1_000, 1)
    assert ids(authors.complete([post_by(5, post_id=99)]).ready) == [5]
    assert len(x.asked) == 2, "who is known is not asked for again"


@pytest.mark.requirement("QUE-2")
def test_a_failing_look_up_is_tried_three_times_more_each_after_a_longer_wait() -> None:
    x, clock = Directory(known=[1]), Clock(0)
    x.down = 503
    authors = Authors(x, clock, chance=lambda: 1.0)
    posts = [post_by(1)]
    assert ids(authors.complete(posts).waiting) == [1]
    for number, wait_ms in enumerate((2_000, 8_000, 32_000), 1):
        clock.goes_on(wait_ms - 1)
        assert ids(authors.complete(posts).waiting) == [1]
        assert len(x.asked) == number
        clock.goes_on(1)
        done = authors.complete(posts)
        assert len(x.asked) == number + 1
    assert done.waiting == []
    assert len(x.asked) == RETRIES + 1
    assert "503" in done.given_up[0].error
    assert not done.given_up[0].hopeless
    x.down = None
    assert ids(authors.complete([post_by(1, post_id=5)]).ready) == [1], "a later post of his is tried anew"


@pytest.mark.requirement("QUE-2")
def test_who_does_not_exist_is_given_up_when_it_is_said_again_and_a_poisonous_id_alone_is_found() -> None:
    x, clock = Directory(known=range(1, 101), gone=[200, 201], poison=[50]), Clock(0)
    authors = Authors(x, clock)
    waiting = [post_by(n) for n in [*range(1, 101), 200, 201]]
    given_up = list[GivenUp]()
    has_asked = True
    while has_asked:
        turns = len(x.asked)
        done = authors.complete(waiting)
        waiting, given_up, has_asked = done.waiting, given_up + done.given_up, done.has_asked
        assert len(x.asked) == turns + has_asked, "one request a turn"
    assert len(x.asked) <= 2 * 8
    assert ids(waiting) == [200, 201], "one answer proves no absence"
    x.gone.discard(201)
    x.known.add(201)
    clock.goes_on(2_000)
    done = authors.complete(waiting)
    given_up += done.given_up
    assert {each.post.bid.author_id: each.hopeless for each in given_up} == {50: True, 200: True}
    assert ids(done.ready) == [201]


@pytest.mark.requirement("BID-6", "QUE-2")
@pytest.mark.parametrize("partly", [Author("", 1_000, 1), Author("user1", None, 1), Author("user1", 1_000, None)])
def test_an_author_of_whom_x_says_only_a_part_is_asked_for_again(partly: Author) -> None:
    class Partly(Directory):
        def users(self, user_ids: Iterable[int]) -> Users:
            return Users({1: partly if not self.asked else Author("user1", 1_000, 1)}, super().users(user_ids).missing)

    x, clock = Partly(), Clock(0)
    authors = Authors(x, clock)
    assert ids(authors.complete([post_by(1)]).waiting) == [1]
    clock.goes_on(2_000)
    x.asked = [[1]]
    assert [post.bid.author_followers for post in authors.complete([post_by(1)]).ready] == [1]


@pytest.mark.requirement("QUE-4")
def test_no_more_posts_are_held_than_there_is_room_for(stage: Stage) -> None:
    authors = Authors(Directory(known=range(1, MOST + 100)), Clock(0))
    held, named = AwaitingAuthor(authors, stage.queues, stage.keys.awaiting_author), list[FoundPost]()
    for n in range(1, MOST + 100):
        held.hold("m-01", post_by(n))
    while found := held.named():
        named += [post for _, post in found]
    assert sorted(ids(named)) == list(range(1, MOST + 1))


@pytest.mark.requirement("X-2", "QUE-1", "QUE-2")
def test_pushed_posts_wait_on_disk_until_they_are_settled_and_one_hopeless_one_holds_up_nobody(stage: Stage) -> None:
    x = Directory(known=[1], gone=[2])
    clock = Clock(0)
    held = AwaitingAuthor(Authors(x, clock), stage.queues, stage.keys.awaiting_author)
    for author_id in (1, 2, 3):
        stage.queues.append_packed(stage.keys.awaiting_author, pack(post_by(author_id)))
    held.pushed()
    clock.goes_on(2_000)
    ready, settled = held.pushed()
    assert [(post.bid.author_id, post.bid.author_handle) for post in ready] == [(1, "user1")]
    again, _ = AwaitingAuthor(Authors(x, Clock(0)), stage.queues, stage.keys.awaiting_author).pushed()
    assert again == ready, "who dies before they are queued finds them again"
    held.settled(settled)
    [(_, data)] = stage.queues.read(stage.keys.awaiting_author, START, 9)
    assert unpack(data, FoundPost).bid.author_id == 3, "the third is still looked for"


@pytest.mark.requirement("X-2", "QUE-2")
def test_a_push_that_cannot_be_read_any_more_becomes_a_dead_letter_and_holds_up_nobody(stage: Stage) -> None:
    held = AwaitingAuthor(Authors(Directory(known=[1]), Clock(0)), stage.queues, stage.keys.awaiting_author)
    for data in (b"\xc1", pack(["another", "shape"]), pack(post_by(1))):
        stage.queues.append_packed(stage.keys.awaiting_author, data)
    stage.client.xadd(stage.keys.queue(stage.keys.awaiting_author), {"no": "batch"})
    ready, _ = held.pushed()
    assert [post.bid.author_id for post in ready] == [1]
    letters = [letter.data for _, letter in stage.queues.dead_letters(START, 9)]
    assert letters == [b"\xc1", pack(["another", "shape"]), pack({b"no": b"batch"})]
    assert len(stage.queues.read(stage.keys.awaiting_author, START, 9)) == 1, "the one that waits to be settled"


@pytest.mark.requirement("X-2", "BID-6")
def test_a_pushed_post_reaches_its_auction_with_its_author(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX
) -> None:
    _, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    [found] = x_client().search(post, stage.clock() + 60_000).posts
    bid = msgspec.structs.replace(found.bid, author_handle="", author_created_at_ms=None)
    stage.queues.append_packed(stage.keys.awaiting_author, pack(msgspec.structs.replace(found, bid=bid)))
    stage.step(Entrance(stage, x, x_client).enter())
    [queued] = stage.queued("m-01")
    assert (queued.post_id, queued.author_handle, queued.author_created_at_ms is None) == (made, "ann", False)
    assert stage.queues.read(stage.keys.awaiting_author, START, 9) == []


# ---- with the real clients


@pytest.fixture
def reconciler(stage: Stage, x_client: MakeClient) -> Callable[..., TwitterReconciler]:
    def make(kind: type[XClient] = XClient) -> TwitterReconciler:
        return stage.reconciler(x_client(kind))

    return make


def dead_letters(stage: Stage) -> list[Any]:
    return [letter for _, letter in stage.queues.dead_letters(START, 100)]


@pytest.mark.requirement("QUE-2", "BID-6")
def test_a_post_of_a_sweep_without_its_author_is_queued_with_him(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, reconciler: Callable[..., TwitterReconciler]
) -> None:
    _, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    ahead(stage)
    x.tell("faults", **NO_INCLUDES)
    stage.step(reconciler())
    [bid] = [command for command in stage.queued("m-01") if isinstance(command, PlaceBid)]
    assert (bid.post_id, bid.author_handle) == (made, "ann")
    assert bid.author_created_at_ms is not None


class CannotNameAnn(XClient):
    """X's look-up of users is down for whoever asks for ann alone."""

    silent = False

    def users(self, user_ids: Iterable[int]) -> Users:
        if not type(self).silent:
            return super().users(user_ids)
        raise XUnavailable("users: HTTP 503", None, 503)


@pytest.mark.requirement("QUE-2", "BID-5")
def test_a_post_whose_author_nobody_can_name_is_asked_for_until_he_is_and_the_auction_is_not_closed_before(
    stage: Stage,
    x: SimulatedX,
    open_on_x: OpenOnX,
    reconciler: Callable[..., TwitterReconciler],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    auction, post = open_on_x()
    before = x.reply("bob", "0.2 ETH #AuctionDay", post)
    ahead(stage)
    actor = reconciler(CannotNameAnn)
    stage.step(actor)
    monkeypatch.setattr(CannotNameAnn, "silent", True)
    x.tell("faults", **NO_INCLUDES)
    awaiting_author = x.reply("ann", "0.5 ETH #AuctionDay", post)
    posted_ms = (awaiting_author >> 22) + 1288834974657
    for _ in range(2 * HOUR_MS // TIMING.interval_ms):
        stage.clock.goes_on(TIMING.interval_ms)
        stage.step(actor, auction)
        assert max(marks(stage), default=0) <= posted_ms
    assert bids(stage) == []
    looks = unpacked(execute(stage.client, "GET", stage.keys.looked("m-01")))
    assert all(look.to_ms <= posted_ms for source in looks.values() for look in source), "a restart looks for it again"
    assert str(awaiting_author) in alarms.sounding()["authors:m-01"]
    assert dead_letters(stage) == []
    assert stage.current()["leader_post_id"] == str(before)
    assert stage.logged(ResultNamed) == []
    monkeypatch.setattr(CannotNameAnn, "silent", False)
    for _ in range(4):
        stage.clock.goes_on(TIMING.interval_ms)
        stage.step(actor, auction)
    assert "authors:m-01" not in alarms.sounding()
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == awaiting_author


@pytest.mark.requirement("BID-6", "BID-5")
def test_a_post_whose_author_x_does_not_know_stands_with_his_id_alone(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX
) -> None:
    class KnowsNobody(XClient):
        """X names no author, and says of each that there is none."""

        def users(self, user_ids: Iterable[int]) -> Users:
            return Users({}, dict.fromkeys(user_ids, "Could not find user"))

    auction, post = open_on_x()
    x.tell("faults", **NO_INCLUDES)
    made = x.reply("ann", "0.5 ETH #AuctionDay", post)
    ahead(stage)
    actor = stage.reconciler(x_client(KnowsNobody))
    stage.step(actor)
    assert bids(stage) == [], "one answer proves no absence"
    stage.clock.goes_on(TIMING.interval_ms)
    stage.step(actor, auction)
    assert stage.current()["leader_post_id"] == str(made)
    assert dead_letters(stage) == []


@pytest.mark.requirement("QUE-2", "X-1")
def test_a_post_of_the_stream_without_its_author_is_queued_once_he_is_known_and_holds_up_nobody(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX
) -> None:
    entrance = Entrance(stage, x, x_client)
    _, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    x.tell("faults", kind="no_includes", count=1)
    made = [x.reply("ann", "0.2 ETH #AuctionDay", post), x.reply("bob", "0.3 ETH #AuctionDay", post)]
    entrance.waiting(2)
    actor.handle_batch([envelope.message for envelope in actor.context.mailbox.take(actor.batch_max)])
    assert bids(stage) == made[1:]
    stage.step(actor)
    assert bids(stage) == [made[1], made[0]]
    assert all(command.author_handle for command in stage.queued("m-01"))


@pytest.mark.requirement("BID-1")
def test_a_reply_to_a_later_version_of_the_auction_post_is_a_direct_one(
    stage: Stage, x: SimulatedX, x_client: MakeClient, open_on_x: OpenOnX
) -> None:
    entrance = Entrance(stage, x, x_client)
    auction, post = open_on_x()
    actor = entrance.enter()
    entrance.connected()
    second = int(x.tell("edit", id=str(post), text="Reply to bid!")["id"])
    made = x.reply("ann", "0.2 ETH #AuctionDay", second)
    stage.until(lambda: made in bids(stage), actor)
    stage.step(auction)
    assert stage.current()["leader_post_id"] == str(made)
    other = line(made + 4096, made).replace(b'"conversation_id": "%d"' % made, b'"conversation_id": "%d"' % post)
    actor.context.mailbox.offer(RawPosts(other))
    stage.step(actor)
    assert stage.queued("m-01") == [], "X does not show what it replies to: that may be a version of the auction post"
    shown = b'"includes": {"tweets": [{"id": "%d", "edit_history_tweet_ids": ["%d"]}], ' % (made, made)
    actor.context.mailbox.offer(RawPosts(other.replace(b'"includes": {', shown)))
    stage.step(actor)
    assert [command.replied_to_id for command in stage.queued("m-01")] == [made], "a reply to a reply stays one"
