"""Replies to what else is posted about an auction get a verdict, a receipt and a line of the log, like any other."""

import pytest

from actors.announcer.actor import Announcer
from actors.twitter.following import REPLIES_FOLLOWED_MS
from actors.twitter.reconciler import TwitterReconciler
from adapters.x.client import XClient
from auction.wording.lines import log_line
from messages.base import Phase, Refusal
from messages.events import BidAccepted, BidRefused, ClosingSoon, PostMade, ResultNamed
from tests.actors.twitter.entrance import Entrance
from tests.actors.twitter.sweeping import ahead, goes_on
from tests.harness.stage import HOUR_MS, TIMING, MakeClient, Stage
from tests.harness.x_process import SimulatedX


def closes_soon(stage: Stage, actor: Announcer) -> int:
    """The post that says so."""
    soon = ClosingSoon(
        message_id="soon", at_ms=stage.clock(), left_ms=600_000, ends_at_ms=int(stage.current()["ends_at_ms"])
    )
    stage.commit("m-01", soon)
    stage.step(actor)
    return posted(stage, "closing")


def posted(stage: Stage, kind: str) -> int:
    [post_id] = [event.post_id for event in stage.logged(PostMade) if event.job.startswith(f"{kind}:")]
    return int(post_id)


def reconciler(stage: Stage, client: XClient) -> TwitterReconciler:
    return stage.reconciler(client)


def verdicts(stage: Stage) -> list[tuple[int, Refusal | None]]:
    return [(event.post_id, getattr(event, "reason", None)) for event in stage.logged(BidAccepted, BidRefused)]


@pytest.mark.requirement("BID-1", "BID-10", "X-3")
def test_a_bid_below_the_closing_post_is_found_refused_and_answered(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    _, actor, _ = stage.announced(x_client())
    stage.leave("m-01")
    post = closes_soon(stage, actor)
    auction = stage.auction()
    made = x.reply("ann", "60 ETH #AuctionDay", post, delivery_ms=[])
    below = x.reply("bob", "70 ETH #AuctionDay", made, delivery_ms=[])
    ahead(stage)
    looking = reconciler(stage, x_client())
    for _ in range(2):
        goes_on(stage, looking, auction)
    assert verdicts(stage) == [(made, Refusal.NOT_A_REPLY), (below, Refusal.NOT_A_REPLY)]
    assert "@ann 60 ETH: NOT_A_REPLY" in log_line(stage.logged(BidRefused)[0])
    stage.step(actor)
    [answer] = [event for event in stage.logged(PostMade) if event.job.endswith(f":{made}")]
    [text] = [one["text"] for one in x.ask("truth")["posts"] if one["id"] == str(answer.post_id)]
    assert "does not count: not a reply to the auction post" in text


@pytest.mark.requirement("BID-1", "X-1")
def test_the_stream_follows_what_is_posted_about_an_auction_and_its_result_for_an_hour(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction, actor, auction_post = stage.announced(x_client())
    stage.leave("m-01")
    closing = closes_soon(stage, actor)
    auction = stage.auction()
    entrance = Entrance(stage, x, x_client)
    ingest = entrance.enter()
    both = {f"conversation_id:{post}" for post in (auction_post, closing)}
    stage.until(lambda: x.rules().keys() == both, ingest)
    entrance.connected()
    made = [x.reply("ann", "60 ETH #AuctionDay", closing), x.reply("bob", "0.2 ETH #AuctionDay", auction_post)]
    stage.until(lambda: len(verdicts(stage)) == 2, ingest, auction)
    assert dict(verdicts(stage)) == {made[0]: Refusal.NOT_A_REPLY, made[1]: None}

    looking, before_ms = reconciler(stage, x_client()), stage.clock()
    stage.clock.goes_on(HOUR_MS)
    for _ in range(8):
        goes_on(stage, auction, looking, ms=TIMING.lag_ms + 30_000)
    assert stage.logged(ResultNamed)
    assert stage.current()["phase"] == Phase.COMPLETED
    stage.step(actor)
    result = posted(stage, "result")
    stage.clock.now_ms = before_ms  # X has not seen that hour go by
    stage.until(lambda: f"conversation_id:{result}" in x.rules(), ingest)
    late = x.reply("cid", "70 ETH #AuctionDay", result)
    stage.until(lambda: len(verdicts(stage)) == 3, ingest, auction)
    assert verdicts(stage)[2] == (late, Refusal.NOT_A_REPLY)
    assert len(stage.logged(ResultNamed)) == 1
    stage.clock.goes_on(REPLIES_FOLLOWED_MS + 600_000)
    stage.until(lambda: not x.rules(), ingest)
