"""What is looked at again: leading bids that are gone, accounts that hide, and the auction post itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.twitter_sweeper import TwitterSweeper
from adapters import alarms
from adapters.redis.queue import START
from adapters.x import Page, UnreadablePost, XClient
from messages.base import Phase, Refusal
from messages.commands import ResumeAuction
from messages.events import AuctionPaused, BidRefused, BidWithdrawn, ResultNamed, StrikeGiven
from tests.actors.stage import HOUR_MS, Stage
from tests.actors.test_twitter_sweeper import TIMING, ahead, bids, marks
from tests.simulator.x_process import SimulatedX

MakeClient = Callable[..., XClient]
OpenOnX = Callable[..., tuple[Any, int]]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    yield
    for name in alarms.sounding():
        alarms.clear(name)


@pytest.fixture
def sweeper(stage: Stage, x_client: MakeClient) -> TwitterSweeper:
    return stage.enter(
        "sweeper",
        lambda context: TwitterSweeper(context, stage.access, stage.clock, x_client(), TIMING, 3, "scheduler"),
    )


def goes_on(stage: Stage, *actors: Any, ms: int = TIMING.interval_ms) -> None:
    stage.clock.goes_on(ms)
    stage.step(*actors)


@pytest.mark.requirement("X-6", "BID-8")
def test_a_leading_bid_that_is_deleted_loses_its_lead_while_the_day_is_open(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, sweeper: TwitterSweeper
) -> None:
    auction, post = open_on_x()
    made = [x.reply("ann", "0.2 ETH #AuctionDay", post), x.reply("bob", "0.3 ETH #AuctionDay", post)]
    ahead(stage)
    stage.step(sweeper, auction)
    assert stage.current()["leader_post_id"] == str(made[1])
    x.tell("delete", id=str(made[1]))
    goes_on(stage, sweeper, auction)
    assert stage.current()["leader_post_id"] == str(made[0])
    assert [(event.post_id, event.cause) for event in stage.logged(BidWithdrawn)] == [(made[1], "deleted")]
    assert [event.bidder_id for event in stage.logged(StrikeGiven)]


@pytest.mark.requirement("X-6", "BID-8")
def test_a_suspended_leader_is_withdrawn_and_a_protected_one_is_flagged_only(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, sweeper: TwitterSweeper
) -> None:
    auction, post = open_on_x()
    made = [x.reply(name, f"0.{n} ETH #AuctionDay", post) for n, name in enumerate(("prot1", "susp1"), 2)]
    ahead(stage)
    stage.step(sweeper, auction)
    x.tell("suspend", handle="susp1")
    x.tell("protect", handle="prot1")
    goes_on(stage, sweeper, auction)
    assert stage.current()["leader_post_id"] == str(made[0])
    goes_on(stage, sweeper, auction)
    assert [(event.post_id, event.cause) for event in stage.logged(BidWithdrawn)] == [(made[1], "suspended")]
    assert stage.current()["leader_post_id"] == str(made[0])
    assert str(made[0]) in alarms.sounding()["protected:m-01"]
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        goes_on(stage, auction, sweeper, ms=TIMING.lag_ms + 30_000)
    [result] = stage.logged(ResultNamed)
    assert result.winner.post_id == made[0]
    assert alarms.sounding() == {}


@pytest.mark.requirement("X-6", "BID-8")
def test_a_suspended_bidder_who_was_never_seen_leading_keeps_nobody_out(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, sweeper: TwitterSweeper
) -> None:
    auction, post = open_on_x()
    texts = (("ann", "1"), ("susp2", "1.5"), ("bob", "1.55"), ("cid", "1.8"))
    made = [x.reply(name, f"{eth} ETH #AuctionDay", post) for name, eth in texts]
    ahead(stage)
    stage.step(sweeper, auction)
    assert [event.post_id for event in stage.logged(BidRefused)] == [made[2]], "too little beside the second"
    x.tell("suspend", handle="susp2")
    stage.clock.goes_on(HOUR_MS)
    for _ in range(6):
        goes_on(stage, auction, sweeper, ms=TIMING.lag_ms + 30_000)
    assert [(event.post_id, event.cause) for event in stage.logged(BidWithdrawn)] == [(made[1], "suspended")]
    assert [link.bid.post_id for link in auction._day.standings.chain] == [made[0], made[2], made[3]]
    assert len(stage.logged(ResultNamed)) == 1


@pytest.mark.requirement("LIFE-3", "X-6")
def test_a_deleted_auction_post_pauses_the_day_once_and_sounds_an_alarm(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, sweeper: TwitterSweeper
) -> None:
    auction, post = open_on_x()
    ahead(stage)
    stage.step(sweeper, auction)
    assert stage.logged(AuctionPaused) == []
    x.tell("delete", id=str(post))
    goes_on(stage, sweeper, auction)
    [paused] = stage.logged(AuctionPaused)
    assert (paused.by, paused.why, paused.from_ms) == ("house", "the auction post is deleted", stage.clock())
    assert "deleted: the day is paused" in alarms.sounding()["auction_post:m-01"]
    order = ResumeAuction(message_id="r", by="olga", why="it goes on", said_at_ms=stage.clock() + 1)
    stage.queues.append("m-01", [order])
    for _ in range(3):
        goes_on(stage, auction, sweeper)
    assert len(stage.logged(AuctionPaused)) == 1, "what an operator has decided stands"
    assert "auction_post:m-01" in alarms.sounding()
    assert stage.current()["phase"] == Phase.ACTIVE


@pytest.mark.requirement("LIFE-3", "BID-1")
def test_an_edited_auction_post_is_no_trouble(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, sweeper: TwitterSweeper
) -> None:
    auction, post = open_on_x()
    second = int(x.tell("edit", id=str(post), text="Reply to bid, please")["id"])
    made = x.reply("ann", "0.2 ETH #AuctionDay", second)
    ahead(stage)
    stage.step(sweeper, auction)
    goes_on(stage, sweeper, auction)
    assert stage.logged(AuctionPaused) == []
    assert alarms.sounding() == {}
    assert stage.current()["leader_post_id"] == str(made)
    assert stage.logged(BidRefused) == []


@pytest.mark.requirement("X-3")
def test_what_the_search_does_not_find_the_mentions_do(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, x_client: MakeClient
) -> None:
    class FindsNothing(XClient):
        """X's search by conversation returns no replies for some ids."""

        def search(self, conversation_id: int, end_ms: int, start_ms: int = 0) -> Any:
            return super().search(conversation_id + (1 << 62), end_ms, start_ms)

    _, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    x.tell("post", author="stranger", text="@auction_house hello 9 ETH #AuctionDay")
    ahead(stage)
    actor = stage.enter(
        "sweeper",
        lambda context: TwitterSweeper(
            context, stage.access, stage.clock, x_client(FindsNothing), TIMING, 3, "scheduler"
        ),
    )
    stage.step(actor)
    assert bids(stage) == [made]
    assert {command.source for command in stage.queued("m-01")} == {"mentions"}
    assert Refusal.NOT_A_REPLY not in stage.current().values()


@pytest.mark.requirement("QUE-2", "X-3")
def test_a_post_of_a_search_that_cannot_be_read_is_kept_once_and_ends_no_pass(
    stage: Stage, x: SimulatedX, open_on_x: OpenOnX, x_client: MakeClient
) -> None:
    class HasAnOddOne(XClient):
        """Each search has a post among the others that makes no sense."""

        def search(self, conversation_id: int, end_ms: int, start_ms: int = 0) -> Page:
            page = super().search(conversation_id, end_ms, start_ms)
            return Page(page.posts, [UnreadablePost("the post has no text", b'{"id": "5"}')])

    _, post = open_on_x()
    made = x.reply("ann", "0.2 ETH #AuctionDay", post)
    ahead(stage)
    actor = stage.enter(
        "sweeper",
        lambda context: TwitterSweeper(
            context, stage.access, stage.clock, x_client(HasAnOddOne), TIMING, 3, "scheduler"
        ),
    )
    stage.step(actor)
    goes_on(stage, actor)
    [(_, letter)] = stage.queues.dead_letters(START, 10)
    assert (letter.auction_id, letter.data, letter.error) == ("m-01", b'{"id": "5"}', "the post has no text")
    assert bids(stage) == [made]
    assert len(marks(stage)) == 1
