"""The host and the publisher: each fact is spoken of once, and viewers see the day that is on stage."""

from collections.abc import Iterator

import pytest

from actors.eliza_bridge import ElizaBridge
from actors.listener import LIMITS, Limits
from actors.livestream_publisher import LivestreamPublisher
from adapters.livestream.hub import FeedState
from adapters.redis.checkpoint import unseal
from adapters.redis.client import execute
from messages.base import Outcome
from messages.codec import pack, unpack
from messages.events import (
    AnyEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    CharacterSpoke,
    ClosingSoon,
    DayStarted,
    EndFrozen,
    ResultNamed,
)
from messages.hints import LogGrew
from tests.harness import shown_auction
from tests.harness.builders import post_id
from tests.harness.stage import Shown, Stage

STORY: tuple[tuple[str, AnyEvent], ...] = (
    ("house", DayStarted(message_id="s", at_ms=1, auction_id="m-01", day=1)),
    ("m-01", shown_auction.prepared()),
    ("m-01", shown_auction.opened()),
    ("m-01", shown_auction.accepted(1)),
    ("m-01", shown_auction.refused(2)),
    ("m-01", shown_auction.accepted(3)),
    ("m-01", shown_auction.frozen()),
    ("m-01", shown_auction.named(3)),
)


def happens(stage: Stage, *told: tuple[str, AnyEvent]) -> None:
    """These events are in the log, each in a commit of its own."""
    for writer, event in told:
        stage.commit(writer, event)


def bridge(stage: Stage, limits: Limits = LIMITS) -> ElizaBridge:
    return stage.enter(
        "eliza_bridge", lambda context: ElizaBridge(context, stage.access, stage.clock, ["publisher"], limits)
    )


def said(stage: Stage) -> list[str]:
    """The lines of the host."""
    return [line.text for line in stage.logged(CharacterSpoke)]


def spoken_of(stage: Stage) -> list[str]:
    """The ids of the facts that the host has spoken about, in that order."""
    return [line.correlation_id for line in stage.logged(CharacterSpoke)]


@pytest.mark.requirement("ELZ-3", "SUP-3", "RED-4")
@pytest.mark.parametrize("lost", ["nothing", "newest checkpoint", "both checkpoints"])
def test_each_fact_is_spoken_of_once_across_restarts(lost: str, stage: Stage) -> None:
    for told in STORY:
        happens(stage, told)
        stage.step(bridge(stage))
        if lost != "nothing":
            stage.lose_checkpoints("eliza_bridge", both=lost == "both checkpoints")
    stage.step(bridge(stage))
    worth_a_word = [event.message_id for _, event in STORY if not isinstance(event, DayStarted | BidRefused)]
    assert spoken_of(stage) == worth_a_word
    seqs = {line.about_seq: line.correlation_id for line in stage.logged(CharacterSpoke)}
    everything = stage.logged()
    assert all(everything[seq - 1].message_id == message_id for seq, message_id in seqs.items())
    assert stage.sent.count(("publisher", LogGrew())) == len(worth_a_word)


@pytest.mark.requirement("ELZ-3", "RED-2")
def test_a_host_that_dies_before_its_word_stands_says_it_later_and_once(stage: Stage) -> None:
    happens(stage, *STORY[:3])
    actor = bridge(stage)
    successor = Stage(stage.store, stage.clock)
    try:
        second = bridge(successor)
        with pytest.raises(Exception, match="another incarnation"):
            stage.step(actor)
        assert spoken_of(stage) == []
        successor.step(second)
        assert len(spoken_of(stage)) == 2
    finally:
        successor.close()


@pytest.mark.requirement("ELZ-3")
def test_of_bids_that_come_together_the_last_is_worth_a_line(stage: Stage) -> None:
    happens(stage, *STORY[:7])
    stage.step(bridge(stage))
    facts = [shown_auction.prepared(), shown_auction.opened(), shown_auction.accepted(3), shown_auction.frozen()]
    assert spoken_of(stage) == [fact.message_id for fact in facts]
    stage.step(bridge(stage))
    assert len(spoken_of(stage)) == 4
    assert unseal(execute(stage.client, "GET", stage.keys.checkpoint("eliza_bridge"))).sequence == 4


@pytest.mark.requirement("ELZ-3")
def test_a_long_log_is_heard_in_bounded_turns_and_to_its_end(stage: Stage) -> None:
    happens(stage, *STORY)
    actor = bridge(stage, Limits(entries_a_read=2, reads_a_turn=1))
    stage.step(actor)
    assert actor.position == 2
    for _ in range(len(STORY)):
        stage.step(actor)
    assert len(spoken_of(stage)) == 6


@pytest.mark.requirement("ELZ-3", "BID-4")
def test_a_bid_that_does_not_lead_after_its_commit_is_not_called_leader(stage: Stage) -> None:
    happens(stage, *STORY[1:3], ("m-01", shown_auction.accepted(5)))
    stage.step(bridge(stage))
    stage.commit("m-01", shown_auction.accepted(3), shown_auction.revised(3, 3, 5))  # found late: it was outbid before
    stage.step(bridge(stage))
    assert said(stage)[2:] == ["@bidder_5's bid of 0.105 ETH leads so far. The next bid needs 0.115 ETH."]
    stage.commit("m-01", shown_auction.revised(5, leads=3))
    stage.step(bridge(stage))
    assert said(stage)[3:] == ["@bidder_3's bid of 0.103 ETH leads so far. The next bid needs 1 ETH."]
    stage.commit("m-01", shown_auction.revised(3))
    stage.step(bridge(stage))
    assert said(stage)[4:] == ["Nobody leads now. The next bid needs 1 ETH."]
    assert [line.leader_post_id for line in stage.logged(CharacterSpoke)[2:]] == [
        post_id(5),
        post_id(3),
        0,
    ]


@pytest.mark.requirement("ELZ-3", "LIFE-4")
def test_the_host_speaks_of_the_auction_on_stage(stage: Stage) -> None:
    happens(stage, *STORY[1:4])
    stage.step(bridge(stage))
    happens(
        stage,
        ("m-02", shown_auction.prepared(2)),
        ("m-01", shown_auction.accepted(7)),
        ("m-01", shown_auction.named(7)),
    )
    stage.step(bridge(stage))
    assert [line.correlation_id for line in stage.logged(CharacterSpoke)] == [
        fact.message_id
        for fact in (
            shown_auction.prepared(),
            shown_auction.opened(),
            shown_auction.accepted(1),
            shown_auction.prepared(2),
        )
    ]


@pytest.mark.requirement("ELZ-3")
@pytest.mark.parametrize(
    ("now_ms", "lines"), [(shown_auction.ENDS_MS - 1, ["8 s left to bid."]), (shown_auction.ENDS_MS, [])]
)
def test_what_is_left_is_not_told_after_the_end(stage: Stage, now_ms: int, lines: list[str]) -> None:
    soon = ClosingSoon(
        message_id="soon", at_ms=shown_auction.ENDS_MS - 7_950, left_ms=60_000, ends_at_ms=shown_auction.ENDS_MS
    )
    happens(stage, *STORY[1:3], ("m-01", soon))
    stage.clock.now_ms = now_ms
    stage.step(bridge(stage))
    assert said(stage)[2:] == lines


# ---- the publisher


@pytest.fixture
def shown() -> Iterator[Shown]:
    feed = Shown()
    yield feed
    feed.close()


def publisher(stage: Stage, shown: Shown, limits: Limits = LIMITS) -> LivestreamPublisher:
    return stage.enter("publisher", lambda context: LivestreamPublisher(context, stage.access, shown, limits))


@pytest.mark.requirement("LIV-1")
def test_viewers_get_the_whole_log_in_order_from_whoever_publishes(stage: Stage, shown: Shown) -> None:
    happens(stage, *STORY[:4])
    actor = publisher(stage, shown)
    stage.step(actor, actor)
    happens(stage, *STORY[4:])
    stage.step(publisher(stage, shown))
    assert shown.given == list(enumerate((event for _, event in STORY), 1))


@pytest.mark.requirement("LIV-1", "RED-4")
def test_a_new_process_shows_what_was_shown_without_hearing_it_all_again(stage: Stage, shown: Shown) -> None:
    for told in STORY:
        happens(stage, told)
        if told is STORY[0]:
            actor = publisher(stage, shown, Limits(events_between_checkpoints=3))
        stage.step(actor)
    successor = Shown()
    stage.step(publisher(stage, successor))
    assert [seq for seq, _ in successor.given] == [7, 8]
    assert unpack(pack(successor.state()), FeedState) == unpack(pack(shown.state()), FeedState)
    successor.close()


@pytest.mark.requirement("LIV-1", "LIFE-4")
def test_a_day_that_still_settles_does_not_speak_into_the_next(stage: Stage, shown: Shown) -> None:
    happens(stage, *STORY[1:4], ("m-02", shown_auction.prepared(2)), STORY[6], ("m-02", shown_auction.opened(2)))
    happens(stage, ("m-01", shown_auction.named(None)), ("eliza_bridge", _line()))
    stage.step(publisher(stage, shown))
    assert [(seq, type(event)) for seq, event in shown.given] == [
        (1, AuctionPrepared),
        (2, AuctionOpened),
        (3, BidAccepted),
        (4, AuctionPrepared),
        (6, AuctionOpened),
        (8, CharacterSpoke),
    ]
    assert [type(event) for event in stage.logged(EndFrozen, ResultNamed)] == [EndFrozen, ResultNamed]
    assert stage.logged(ResultNamed)[0].outcome is Outcome.UNSOLD


def _line() -> CharacterSpoke:
    return CharacterSpoke(message_id="line", at_ms=1, text="Good evening.", about_seq=1)
