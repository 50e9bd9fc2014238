"""Notices on X: each at most once, only below the bidder's post, and never in the way of what is announced."""

import itertools
import re
from collections.abc import Callable

import pytest

from actors.announcer.notices import QUIET_MS
from actors.announcer.outbox import Posting
from adapters.x.client import XClient
from adapters.x.errors import PostOutcomeUnknown
from auction.post_budget import RESERVED
from messages.commands import PlaceBid
from messages.events import (
    AuctionEvent,
    AuctionPaused,
    ClosingSoon,
    DayDelayed,
    DayVoided,
    EndExtended,
    EndFrozen,
    MarathonEnded,
    PostAttempted,
    PostMade,
    PostRefused,
)
from tests.harness.stage import SETTLE_MS, MakeClient, Stage
from tests.harness.x_process import SimulatedX

POSTING = {"method": "POST", "path": "/2/tweets"}
_serial = itertools.count(1)


def bids(stage: Stage, x: SimulatedX, post_id: int, who: str, amount: str) -> int:
    """Somebody replies on X, and his reply is found; its id. X refuses what was said before: nobody bids twice here."""
    handle = f"{who}{next(_serial)}"
    at = x.reply(handle, f"{amount} ETH #AuctionDay", post_id, account_age_ms=365 * 86_400_000)
    author = next(int(post["author_id"]) for post in x.ask("truth")["posts"] if post["id"] == str(at))
    bid = PlaceBid(
        message_id=f"tweet:{at}", post_id=at, author_id=author, author_handle=handle, author_created_at_ms=0,
        replied_to_id=post_id, text=f"{amount} ETH #AuctionDay", hashtags=None, source="stream",
        found_at_ms=stage.clock(),
    )  # fmt: skip
    stage.queues.append("m-01", [bid])
    return at


def below(x: SimulatedX, post_id: int) -> list[str]:
    """What the house has replied to this post."""
    posts, account = x.ask("truth")["posts"], x.ask("truth")["account"]
    return [post["text"] for post in posts if post["replied_to"] == str(post_id) and post["author"] == account]


@pytest.mark.requirement("BID-10", "X-5")
def test_bidders_are_answered_and_the_outbid_one_is_told(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    auction, actor, post_id = stage.announced(x_client())
    ann = bids(stage, x, post_id, "ann", "0.5")
    stage.step(auction, actor, actor)
    bob, low = bids(stage, x, post_id, "bob", "0.6"), bids(stage, x, post_id, "carl", "0.61")
    stage.step(auction, actor, actor, actor, actor)
    stage.clock.goes_on(QUIET_MS)
    stage.step(actor, actor)
    [to_ann], [to_bob], [to_carl] = below(x, ann), below(x, bob), below(x, low)
    assert "Your bid of 0.5 ETH leads so far. The next bid needs 0.525 ETH." in to_ann
    assert "Your bid of 0.6 ETH leads so far." in to_bob
    assert "Your bid of 0.61 ETH does not count: too low, at least 0.63 ETH was needed." in to_carl
    [standing] = below(x, post_id)
    assert re.search(r"@bob\d+ leads with 0.6 ETH so far.\nOutbid: @ann\d+\.", standing)
    stage.step(actor, actor, stage.announcer(x_client()))
    assert len(stage.logged(PostMade)) == 5


@pytest.mark.requirement("BID-10", "X-5")
@pytest.mark.parametrize("fault", ["response_lost", "http_503", "http_429"])
def test_a_notice_of_unknown_fate_is_not_sent_again(
    fault: str, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction, actor, post_id = stage.announced(x_client())
    ann = bids(stage, x, post_id, "ann", "0.5")
    x.tell("faults", kind=fault, count=1, reset_s=0, **POSTING)
    for _ in range(3):
        stage.step(auction, actor, actor)
        stage.clock.goes_on(SETTLE_MS)
        actor = stage.announcer(x_client())
    assert len(below(x, ann)) == (1 if fault == "response_lost" else 0)
    attempted = [event.job for event in stage.logged(PostAttempted)]
    assert [job.split(":")[0] for job in attempted] == ["auction-post", "receipt"]


@pytest.mark.requirement("BID-10", "X-5", "SUP-3", "RED-4")
@pytest.mark.parametrize("checkpoints", ["sound", "newest lost", "both lost"])
@pytest.mark.parametrize("is_sent", [False, True])
def test_a_crash_around_a_notice_makes_no_second_one(
    is_sent: bool, checkpoints: str, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    class Dies(XClient):
        def create_post(self, text: str, reply_to_id: int | None = None) -> int:
            if reply_to_id is None or is_sent:
                post_id = super().create_post(text, reply_to_id)
            if reply_to_id is not None:
                raise RuntimeError("the process ends here")
            return post_id

    auction, actor, post_id = stage.announced(x_client(Dies))
    ann = bids(stage, x, post_id, "ann", "0.5")
    with pytest.raises(RuntimeError, match="ends here"):
        stage.step(auction, actor, actor)
    if checkpoints != "sound":
        stage.lose_checkpoints("announcer", both=checkpoints == "both lost")
    for _ in range(3):
        stage.step(stage.announcer(x_client()), auction)
        stage.clock.goes_on(SETTLE_MS)
    assert len(below(x, ann)) == int(is_sent)
    assert len(stage.logged(PostAttempted)) == 2


@pytest.mark.requirement("X-5", "X-4")
def test_a_target_that_x_refuses_is_let_be_and_the_next_one_is_answered(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction, actor, post_id = stage.announced(x_client())
    ann, bob = bids(stage, x, post_id, "ann", "0.5"), bids(stage, x, post_id, "bob", "0.6")
    x.tell("delete", id=str(ann))
    for _ in range(6):
        stage.step(auction, actor)
    [refused] = stage.logged(PostRefused)
    assert refused.job.endswith(f":{ann}")
    assert "403" in refused.why
    assert len(below(x, bob)) == 1
    assert len(stage.logged(PostAttempted)) == 3


@pytest.mark.requirement("X-5")
def test_what_is_announced_comes_before_all_notices_and_beyond_the_budget(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction, actor, post_id = stage.announced(x_client(), Posting(posts_a_day=RESERVED + 2))
    for number in range(4):
        bids(stage, x, post_id, f"bidder{number}", f"0.{number + 5}")
    stage.step(auction)
    ends_at_ms = int(stage.current()["ends_at_ms"])
    stage.leave("m-01")
    closing = ClosingSoon(message_id="m-01:closing:600000", at_ms=stage.clock(), left_ms=600_000, ends_at_ms=ends_at_ms)
    stage.commit("m-01", closing)
    for _ in range(10):
        stage.step(actor)
        stage.clock.goes_on(1_000)
    kinds = [event.job.split(":")[0] for event in stage.logged(PostAttempted)]
    # The budget: two posts, of which the auction post and the closing one are both.
    assert kinds == ["auction-post", "closing"]


def _closes_soon(stage: Stage, left_ms: int) -> ClosingSoon:
    now_ms = stage.clock()
    return ClosingSoon(message_id="soon", at_ms=now_ms, left_ms=left_ms, ends_at_ms=now_ms + left_ms)


def _frozen(stage: Stage) -> EndFrozen:
    return EndFrozen(message_id="frozen", at_ms=stage.clock(), ends_at_ms=stage.clock())


def _extended(stage: Stage) -> EndExtended:
    return EndExtended(message_id="x", at_ms=stage.clock(), ends_at_ms=stage.clock() + 700_000, by_post_id=5)


def _paused(stage: Stage) -> AuctionPaused:
    return AuctionPaused(message_id="p", at_ms=stage.clock(), from_ms=stage.clock(), by="olga", why="a storm")


@pytest.mark.requirement("X-5", "X-7")
@pytest.mark.parametrize("overtaken", [None, _frozen, _extended, _paused])
def test_that_a_day_closes_soon_is_not_posted_once_it_is_not_so_any_more(
    stage: Stage, x: SimulatedX, x_client: MakeClient, overtaken: Callable[[Stage], AuctionEvent] | None
) -> None:
    auction, actor, _ = stage.announced(x_client())
    stage.leave(auction.auction_id)
    x.tell(
        "faults", kind="http_429", count=1, reset_s=1, **POSTING
    )  # nothing was posted, and the next attempt is later
    stage.commit("m-01", _closes_soon(stage, 8_000))
    stage.step(actor)
    stage.clock.goes_on(4_000 if overtaken is None else 2_000)
    if overtaken:
        stage.commit("m-01", overtaken(stage))
    stage.clock.goes_on(1_500)
    for _ in range(3):
        stage.step(actor)
        stage.clock.goes_on(1_000)
    assert [event.job for event in stage.logged(PostAttempted)].count("closing:m-01:8000") == 1
    [given_up] = stage.logged(PostRefused)
    assert (given_up.job, given_up.why) == ("closing:m-01:8000", "it would have come too late")


@pytest.mark.requirement("X-5")
def test_without_receipts_only_what_is_announced_is_posted(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    auction, actor, post_id = stage.announced(x_client(), Posting(receipts=False))
    bids(stage, x, post_id, "ann", "0.5"), bids(stage, x, post_id, "bob", "0.6")
    for _ in range(4):
        stage.step(auction, actor)
        stage.clock.goes_on(QUIET_MS)
    assert len(stage.logged(PostAttempted)) == 1


@pytest.mark.requirement("X-5", "LIFE-6", "LIFE-10")
def test_what_becomes_of_days_and_of_the_marathon_is_announced(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    _, actor, _ = stage.announced(x_client())
    now_ms = stage.clock()
    void = DayVoided(
        message_id="v", at_ms=now_ms, auction_id="m-02", day=2, why=f"the artist is ill at {now_ms}", by="op"
    )
    late = DayDelayed(message_id="d", at_ms=now_ms, auction_id="m-03", day=3, lost_ms=now_ms, closes_at_ms=now_ms)
    stage.commit("house", void, late, MarathonEnded(message_id="e", at_ms=now_ms, sold=now_ms))
    stage.leave("m-01")
    moved = EndExtended(
        message_id="x", at_ms=now_ms, ends_at_ms=now_ms + 60_000, by_post_id=0, by="op", why="we were down"
    )
    stage.commit("m-01", moved)
    for _ in range(5):
        stage.step(actor)
    made = [event.job for event in stage.logged(PostMade)]
    assert made[1:] == ["voided:m-02", "delayed:m-03", "marathon-ended", f"moved:m-01:{moved.ends_at_ms}"]
    posts = [post["text"] for post in x.ask("truth")["posts"][-4:]]
    assert posts[0].startswith(f"Day 2 is not held: the artist is ill at {now_ms}. (m-02, ")
    assert ": we were down. (m-01, " in posts[3]


@pytest.mark.requirement("X-5", "X-4")
def test_a_job_waits_for_nothing_but_x_itself(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    class HangsUpOnReplies(XClient):
        def create_post(self, text: str, reply_to_id: int | None = None) -> int:
            if reply_to_id is not None:
                raise PostOutcomeUnknown("no answer")
            return super().create_post(text)

    auction, actor, post_id = stage.announced(x_client(HangsUpOnReplies))
    bids(stage, x, post_id, "ann", "0.5")
    stage.step(auction, actor, actor)
    second = stage.prepared(day=2)
    stage.clock.goes_on(3_000)
    stage.step(actor, second)
    assert [event.job for event in stage.logged(PostMade)] == ["auction-post:m-01", "auction-post:m-02"]
