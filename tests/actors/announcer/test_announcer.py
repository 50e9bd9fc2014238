"""Every post is made once: whatever is lost, refused, or dies in between."""

from typing import Any

import msgspec
import pytest

import adapters.x.client
from actors.listener import Limits
from actors.twitter.following import REPLIES_FOLLOWED_MS
from adapters.redis.client import execute
from adapters.redis.errors import DamagedState, StoreUnavailable
from adapters.x.client import XClient
from commands.simulated import CREDENTIALS
from messages.base import Phase
from messages.commands import ConfirmAuctionPost
from messages.events import AuctionOpened, PostAttempted, PostMade, PostRefused, ResultNamed, WatermarkMoved
from messages.hints import LogGrew, QueueGrew
from messages.x_ids import first_id_at
from tests.harness.stage import SETTLE_MS, MakeClient, Stage
from tests.harness.store import full_memory
from tests.harness.x_process import SimulatedX

POSTING = {"method": "POST", "path": "/2/tweets"}


class Death(Exception):
    """The process ends here."""


class DiesBeforePosting(XClient):
    """The attempt is journaled, the request never leaves."""

    def create_post(self, text: str, reply_to_id: int | None = None) -> int:
        raise Death


class DiesAfterPosting(XClient):
    """The post stands, and nobody lives to hear of it."""

    def create_post(self, text: str, reply_to_id: int | None = None) -> int:
        super().create_post(text, reply_to_id)
        raise Death


class ShowsNothingYet(XClient):
    """X's timeline lags so far behind that the first `looks` show nothing."""

    looks = 2

    def own_posts(self, since_ms: int, token: str | None = None) -> tuple[list[tuple[int, str]], str | None]:
        found = super().own_posts(since_ms, token)
        if self.looks:
            self.looks -= 1
            return [], None
        return found


def texts_about(x: SimulatedX, stage: Stage, day: int = 1) -> list[str]:
    """What stands on X about the day's lot, in the order of the posts."""
    title = execute(stage.client, "HGET", stage.keys.day(day), "lot_title").decode()
    return [post["text"] for post in x.ask("truth")["posts"] if title in post["text"]]


@pytest.mark.requirement("X-5", "LIFE-3")
def test_the_auction_post_is_made_once_and_opens_the_day(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    auction, actor = stage.prepared(), stage.announcer(x_client())
    assert stage.current()["phase"] == Phase.PENDING
    stage.step(actor, auction)
    [post] = [post for post in x.ask("truth")["posts"] if stage.current()["lot_title"] in post["text"]]
    [made] = stage.logged(PostMade)
    [opened] = stage.logged(AuctionOpened)
    assert str(made.post_id) == str(opened.post_id) == post["id"] == stage.current()["post_id"]
    assert stage.current()["phase"] == Phase.ACTIVE
    assert stage.sent.count(("m-01", QueueGrew())) == 1
    assert stage.sent.count(("publisher", LogGrew())) == 2
    stage.clock.goes_on(SETTLE_MS * 10)
    stage.step(actor, auction, actor, auction)
    assert len(texts_about(x, stage)) == len(stage.logged(PostAttempted)) == 1


@pytest.mark.requirement("X-5", "RED-1")
def test_an_opening_drops_what_was_posted_about_auctions_that_are_over_and_keeps_what_is_still_answered(
    stage: Stage, x_client: MakeClient
) -> None:
    stage.prepared(), stage.prepared(day=2)
    old, recent = (
        first_id_at(stage.clock() - age_ms) for age_ms in (REPLIES_FOLLOWED_MS + 1, REPLIES_FOLLOWED_MS // 2)
    )
    kept = {str(old): "m-02", str(recent): "m-00"}
    told: dict[Any, str] = kept | {str(old - n): "m-00" for n in range(1, 500)}
    stage.client.hset(stage.keys.own_posts, mapping=told)
    actor = stage.announcer(x_client())
    stage.step(actor)
    assert stage.client.hgetall(stage.keys.own_posts) == {one.encode(): of.encode() for one, of in kept.items()}


@pytest.mark.requirement("X-5", "RED-2")
def test_the_confirmation_reaches_the_auction_in_the_commit_that_says_so(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    queue = stage.keys.queue("m-01")
    stage.client.delete(queue)
    stage.client.set(queue, "no queue")
    with pytest.raises(DamagedState):
        stage.step(stage.announcer(x_client()))
    assert stage.logged(PostMade) == []
    stage.client.delete(queue)
    stage.clock.goes_on(SETTLE_MS)
    stage.step(stage.announcer(x_client()))
    [made] = stage.logged(PostMade)
    assert [(type(command), command.post_id) for command in stage.queued("m-01")] == [
        (ConfirmAuctionPost, made.post_id)
    ]
    assert len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5")
def test_a_post_whose_answer_was_lost_is_found_and_not_made_again(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    x.tell("faults", kind="response_lost", count=1, **POSTING)
    actor = stage.announcer(x_client())
    stage.step(actor, actor, actor)
    assert stage.logged(PostMade) == []
    stage.clock.goes_on(SETTLE_MS)
    stage.step(actor)
    assert len(stage.logged(PostMade)) == len(stage.logged(PostAttempted)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5")
def test_a_post_that_may_have_failed_is_looked_for_twice_and_only_then_made_again(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    x.tell("faults", kind="http_503", count=1, **POSTING)
    actor = stage.announcer(x_client())
    attempts = []
    for _ in range(3):
        stage.step(actor, actor, actor)
        attempts.append(len(stage.logged(PostAttempted)))
        stage.clock.goes_on(SETTLE_MS)
    assert attempts == [1, 1, 2]
    assert len(stage.logged(PostMade)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5", "SUP-2")
def test_a_long_timeline_is_looked_through_one_page_a_turn_before_a_post_is_made_again(
    stage: Stage, x: SimulatedX, x_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Counting(XClient):
        """Knows how often it has looked at the timeline."""

        looks = 0

        def own_posts(self, since_ms: int, token: str | None = None) -> tuple[list[tuple[int, str]], str | None]:
            self.looks += 1
            return super().own_posts(since_ms, token)

    monkeypatch.setattr(adapters.x.client, "BATCH", 5)
    stage.prepared()
    x.tell("faults", kind="response_lost", count=1, **POSTING)
    client, other = x_client(Counting), x_client()
    actor = stage.announcer(client)
    stage.step(actor)
    for n in range(12):
        other.create_post(f"{stage.keys.marathon_id} {n}")  # the newest stand first
    stage.clock.goes_on(SETTLE_MS)
    for turn in range(1, 4):
        assert stage.logged(PostMade) == []
        stage.step(actor)
        assert client.looks == turn
    assert len(stage.logged(PostMade)) == len(stage.logged(PostAttempted)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5", "SUP-3", "RED-4")
@pytest.mark.parametrize("dies", [DiesBeforePosting, DiesAfterPosting])
@pytest.mark.parametrize("checkpoints", ["sound", "newest lost", "both lost"])
def test_a_crash_between_attempt_and_answer_leaves_one_post(
    dies: type[XClient], checkpoints: str, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction = stage.prepared()
    with pytest.raises(Death):
        stage.step(stage.announcer(x_client(dies)))
    if checkpoints != "sound":
        stage.lose_checkpoints("announcer", both=checkpoints == "both lost")
    actor = stage.announcer(x_client())
    stage.step(actor)
    assert len(stage.logged(PostAttempted)) == 1, "the request may still be under way"
    for _ in range(4):
        stage.clock.goes_on(SETTLE_MS)
        stage.step(actor, auction)
    assert len(texts_about(x, stage)) == len(stage.logged(PostMade)) == 1
    assert len(stage.logged(PostAttempted)) == (1 if dies is DiesAfterPosting else 2)
    assert stage.current()["phase"] == Phase.ACTIVE


@pytest.mark.requirement("X-5", "RED-4")
def test_one_who_has_to_hear_all_again_posts_nothing_before_he_has(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    stage.step(stage.announcer(x_client()))
    stage.lose_checkpoints("announcer", both=True)
    for _ in range(3):
        # Not even a crash half-way, with a checkpoint of what was heard so far, changes that.
        stage.step(stage.announcer(x_client(), limits=Limits(entries_a_read=1, reads_a_turn=1)))
        stage.clock.goes_on(SETTLE_MS)
    assert len(stage.logged(PostAttempted)) == len(stage.logged(PostMade)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5")
def test_a_duplicate_is_the_post_that_an_earlier_attempt_made(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    x.tell("faults", kind="response_lost", count=1, **POSTING)
    actor = stage.announcer(x_client(ShowsNothingYet))
    for _ in range(5):
        stage.step(actor, actor)
        stage.clock.goes_on(SETTLE_MS)
    assert len(stage.logged(PostAttempted)) == 2
    assert len(stage.logged(PostMade)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5")
def test_a_duplicate_that_is_nowhere_to_be_found_does_not_hold_up_the_rest_for_ever(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    blind = x_client(ShowsNothingYet)
    blind.looks = 10_000
    x.tell("faults", kind="response_lost", count=1, **POSTING)
    actor = stage.announcer(blind)
    stage.step(actor)
    stage.prepared(day=2)
    for _ in range(20):
        stage.step(actor, actor)
        stage.clock.goes_on(SETTLE_MS)
    assert [event.job for event in stage.logged(PostRefused, PostMade)] == ["auction-post:m-01", "auction-post:m-02"]
    assert len(texts_about(x, stage, 1)) == len(texts_about(x, stage, 2)) == 1


@pytest.mark.requirement("X-5", "X-4")
def test_while_x_takes_nothing_a_post_waits_as_long_as_x_says(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    stage.prepared()
    x.tell("faults", kind="http_429", count=1, reset_s=60, **POSTING)
    actor = stage.announcer(x_client())
    stage.step(actor)
    stage.clock.goes_on(50_000)
    stage.step(actor, actor)
    assert len(stage.logged(PostAttempted)) == 1
    stage.clock.goes_on(11_000)
    stage.step(actor)
    assert len(stage.logged(PostAttempted)) == 2
    assert len(stage.logged(PostMade)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5")
def test_a_refused_post_stands_in_the_log_and_the_next_one_is_made(
    stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    class RefusesTheFirst(XClient):
        """X has something against the text of day 1."""

        def create_post(self, text: str, reply_to_id: int | None = None) -> int:
            # The real refusal of a real request: a reply to nobody.
            return super().create_post(text, 5 if text.startswith("Day 1:") else reply_to_id)

    stage.prepared(), stage.prepared(day=2)
    actor = stage.announcer(x_client(RefusesTheFirst))
    stage.step(actor, actor, actor)
    told = stage.logged(PostRefused, PostMade)
    assert [(type(event), event.job) for event in told] == [
        (PostRefused, "auction-post:m-01"),
        (PostMade, "auction-post:m-02"),
    ]
    assert "403" in told[0].why
    assert stage.queued("m-01") == []
    assert (texts_about(x, stage, 1), len(texts_about(x, stage, 2))) == ([], 1)


@pytest.mark.requirement("X-5", "RED-4", "SUP-3")
@pytest.mark.parametrize("checkpoints", ["sound", "newest lost", "both lost"])
def test_what_is_to_be_posted_survives_restarts_in_its_order(
    checkpoints: str, stage: Stage, x: SimulatedX, x_client: MakeClient
) -> None:
    auction, second = stage.prepared(), stage.prepared(day=2)
    x.tell("faults", kind="http_429", count=2, reset_s=0, **POSTING)
    for life in range(16):
        # Each gets one step only, and no mercy after it.
        stage.step(stage.announcer(x_client()), auction, second)
        if len(stage.logged(PostMade)) == 2 and not stage.logged(ResultNamed):
            stage.leave("m-01")
            stage.name_result()
        if checkpoints != "sound" and life in (0, 4, 9):
            stage.lose_checkpoints("announcer", both=checkpoints == "both lost")
        stage.clock.goes_on(SETTLE_MS)
    assert [event.job for event in stage.logged(PostMade)] == [
        "auction-post:m-01",
        "auction-post:m-02",
        "result:m-01",
    ]
    assert (len(texts_about(x, stage, 1)), len(texts_about(x, stage, 2))) == (2, 1)
    assert [type(command) for command in stage.queued("m-01") + stage.queued("m-02")] == []


@pytest.mark.requirement("X-5", "RED-2")
def test_a_log_that_is_heard_twice_is_announced_once(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    stage.prepared()
    actor = stage.announcer(x_client())
    with full_memory(stage.client), pytest.raises(StoreUnavailable):
        stage.step(actor)
    assert texts_about(x, stage) == [], "nothing is sent before its attempt is in the log"
    actor = stage.announcer(x_client())
    stage.step(actor, actor)
    actor.position = 0
    stage.step(stage.announcer(x_client()))
    assert len(stage.logged(PostAttempted)) == len(stage.logged(PostMade)) == len(texts_about(x, stage)) == 1


@pytest.mark.requirement("X-5", "RED-4")
def test_what_has_long_brought_nothing_to_post_is_not_heard_again(stage: Stage, x_client: MakeClient) -> None:
    stage.prepared()
    actor = stage.announcer(x_client(), limits=Limits(events_between_checkpoints=3))
    stage.step(actor, actor)
    moved = [WatermarkMoved(message_id=f"moved:{at}", at_ms=at, watermark_ms=at) for at in range(3)]
    seq = stage.commit("m-01", *moved)
    stage.step(actor)
    assert stage.announcer(x_client()).position == seq


@pytest.mark.requirement("X-5", "X-4")
def test_a_post_outlives_keys_that_x_does_not_take(stage: Stage, x: SimulatedX, x_client: MakeClient) -> None:
    stage.prepared()
    wrong = msgspec.structs.replace(CREDENTIALS, access_token_secret="wrong")
    actor = stage.announcer(x_client(credentials=wrong))
    stage.step(actor, actor, actor)
    assert (len(stage.logged(PostAttempted)), stage.logged(PostRefused)) == (1, [])
    stage.step(stage.announcer(x_client()))
    assert len(stage.logged(PostMade)) == len(texts_about(x, stage)) == 1
