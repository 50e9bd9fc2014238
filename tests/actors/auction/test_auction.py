"""The auction's actor: what it decides is in the store whole or not at all, and its successor knows what it knew."""

from collections.abc import Sequence

import msgspec
import pytest

from actors.auction.actor import Auction, Limits
from actors.auction.poison import Suspects
from adapters.redis.checkpoint import unseal
from adapters.redis.client import execute
from adapters.redis.errors import DamagedState, NotOwner
from adapters.redis.log import LogReader
from adapters.redis.queue import START
from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.standings import Standings
from messages.base import Outcome, Phase, Refusal
from messages.codec import pack, pack_batch, unpack
from messages.commands import AuctionCommand, ConfirmAuctionPost, OpenAuction, VoidAuction
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    EndExtended,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
)
from messages.hints import DayIsOver, LogGrew, QueueGrew
from tests.harness.builders import AUCTION_POST, CLOSES_MS, OPENING, OPENS_MS, gone, post_id, reply, swept
from tests.harness.privates import day_of
from tests.harness.stage import HOUR_MS, Stage


@pytest.fixture
def opened(stage: Stage) -> Auction:
    return stage.opened()


def state(auction: Auction) -> bytes:
    """All that the actor knows; the order in which bids were found is not part of it."""
    known = day_of(auction).state()
    return pack(msgspec.structs.replace(known, bids=sorted(known.bids, key=lambda bid: bid.post_id)))


def standings_of(day: AuctionDay) -> Standings:
    """The standings of a day that has opened."""
    assert day.standings is not None
    return day.standings


# ---- deciding


@pytest.mark.requirement("BID-9", "RED-1", "RED-2", "LIFE-3")
def test_what_is_decided_stands_in_log_history_and_state(stage: Stage, opened: Auction) -> None:
    first, low, second = reply(1000, 7, "0.2"), reply(2000, 8, "0.2"), reply(3000, 9, "0.3")
    stage.tell(opened, first, reply(1500, 7, "nothing of interest"), low, second)
    assert [(type(event), event.post_id) for event in stage.logged(BidAccepted, BidRefused)] == [
        (BidAccepted, first.post_id),
        (BidRefused, low.post_id),
        (BidAccepted, second.post_id),
    ]
    history = stage.client.zrange(stage.keys.bids("m-01"), 0, -1, withscores=True)
    assert history == [
        (b"%020d" % bid.post_id, OPENS_MS + ms)
        for bid, ms in zip((first, low, second), (1000, 2000, 3000), strict=True)
    ]
    assert stage.client.lrange(stage.keys.user_bids(9), 0, -1) == [b"m-01:%020d" % second.post_id]
    shown = stage.current()
    wanted = {
        "auction_id": "m-01",
        "phase": Phase.ACTIVE,
        "post_id": str(AUCTION_POST),
        "leader_handle": "user9",
        "leader_post_id": str(second.post_id),
        "amount_wei": str(3 * 10**17),
        "accepted": "2",
        "refused": "1",
        "paused": "",
        "provisional": "1",
        "ends_at_ms": str(CLOSES_MS),
    }
    assert wanted.items() <= shown.items()
    assert stage.client.hgetall(stage.keys.day(1)) == stage.client.hgetall(stage.keys.current)
    assert stage.queued("m-01") == []


@pytest.mark.requirement("BID-9", "RED-2", "SUP-3")
def test_where_one_write_is_impossible_nothing_is_written_and_the_bids_wait(stage: Stage, opened: Auction) -> None:
    before, seen = stage.current(), len(stage.logged())
    stage.client.set(stage.keys.user_bids(9), "no list")
    bids = [reply(1000, 7, "0.2"), reply(2000, 9, "0.3")]
    with pytest.raises(DamagedState):
        stage.tell(opened, *bids)
    assert (stage.current(), len(stage.logged()), stage.queued("m-01")) == (before, seen, bids)
    assert not stage.client.exists(stage.keys.bids("m-01"))
    stage.client.delete(stage.keys.user_bids(9))
    stage.step(stage.auction())
    assert (stage.current()["leader_handle"], stage.current()["accepted"], stage.queued("m-01")) == ("user9", "2", [])


@pytest.mark.requirement("BID-9")
def test_a_bid_is_decided_once_however_often_it_comes(stage: Stage, opened: Auction) -> None:
    bid = reply(1000, 7, "0.2")
    stage.tell(opened, bid, bid)
    stage.tell(opened, bid)
    successor = stage.auction()
    stage.tell(successor, msgspec.structs.replace(bid, source="search", found_at_ms=OPENS_MS + 90_000))
    assert len(stage.logged(BidAccepted, BidRefused)) == 1
    assert (stage.current()["accepted"], stage.current()["refused"]) == ("1", "0")


@pytest.mark.requirement("LIFE-3", "BID-5")
@pytest.mark.parametrize(("limits", "commits"), [(Limits(1, commits_a_turn=2), 2), (Limits(1, turn_s=-1.0), 1)])
def test_the_end_is_frozen_only_when_all_that_had_come_is_decided_however_short_a_turn_is(
    stage: Stage, limits: Limits, commits: int
) -> None:
    stage.auction_limits = limits
    opened = stage.opened()
    for amount in range(2, 7):
        stage.queues.append("m-01", [reply(amount * 1000, amount, f"0.{amount}")])
    stage.clock.now_ms = CLOSES_MS + HOUR_MS
    opened.tick()
    assert len(stage.logged(BidAccepted)) == commits, "a turn is bounded"
    assert stage.logged(EndFrozen) == []
    assert ("m-01", QueueGrew()) in stage.sent, "and asks for the next one"
    stage.step(opened)
    kinds = [type(event) for event in stage.logged(BidAccepted, EndFrozen)]
    assert kinds == [BidAccepted] * 5 + [EndFrozen]


@pytest.mark.requirement("BID-5", "LIFE-3")
def test_a_winner_is_named_at_the_watermark_and_nothing_found_later_changes_that(stage: Stage, opened: Auction) -> None:
    stage.tell(opened, reply(1000, 7, "0.2"))
    stage.clock.now_ms = CLOSES_MS + 30_000
    stage.tell(opened, swept(CLOSES_MS - 1))
    assert (stage.current()["phase"], stage.logged(ResultNamed)) == (Phase.PROCESSING, [])
    stage.tell(opened, reply(2000, 8, "0.3"), swept(CLOSES_MS))
    [result] = stage.logged(ResultNamed)
    assert (result.outcome, result.winner.bidder_handle) == (Outcome.SOLD, "user8")
    shown = stage.current()
    assert (shown["phase"], shown["winner_handle"], shown["provisional"]) == (Phase.COMPLETED, "user8", "")
    stage.tell(opened, reply(3000, 9, "5"), gone(reply(2000, 8, "0.3")))
    assert stage.logged(BidRefused)[-1].reason is Refusal.FOUND_TOO_LATE
    assert stage.current()["winner_handle"] == "user8"
    assert len(stage.logged(ResultNamed)) == 1


@pytest.mark.requirement("LIFE-3")
def test_an_auction_that_is_over_ends_when_it_is_told_so_and_has_decided_what_waits(
    stage: Stage, opened: Auction
) -> None:
    def ends() -> bool:
        opened.context.mailbox.offer(DayIsOver())
        stage.step(opened)
        return opened.context.mailbox.take_control() is not None

    assert not ends(), "it is open"
    stage.clock.now_ms = CLOSES_MS + HOUR_MS
    stage.tell(opened, swept(CLOSES_MS))
    stage.tell(opened, swept(CLOSES_MS, looked_again=True))
    assert stage.current()["phase"] == Phase.COMPLETED
    stage.queues.append("m-01", [reply(1000, 7, "0.2")])
    assert not ends(), "something is to be decided"
    assert ends()
    assert [event.reason for event in stage.logged(BidRefused)] == [Refusal.FOUND_TOO_LATE]


def test_whoever_listens_is_told_that_the_log_grew_and_not_of_what_changed_nothing(stage: Stage) -> None:
    stage.clock.now_ms = OPENS_MS
    listening = stage.enter(
        "m-01", lambda context: Auction(context, "m-01", stage.access, stage.clock, ["publisher", "bridge"])
    )
    stage.tell(listening, *OPENING)
    assert stage.sent == [("publisher", LogGrew()), ("bridge", LogGrew())]
    stage.tell(listening, *OPENING)
    assert len(stage.sent) == 2


# ---- what cannot be read


@pytest.mark.requirement("QUE-2", "QUE-1")
@pytest.mark.parametrize(
    "poison",
    [b"", b"\xc1", b"not packed", pack_batch([reply(1, 1, "1")])[:-1], pack([{"type": "Unheard"}]), pack({"a": 1})],
    ids=["nothing", "no MessagePack", "text", "cut off", "a foreign command", "no batch"],
)
def test_an_entry_that_cannot_be_read_goes_to_the_dead_letters_and_the_rest_is_decided(
    poison: bytes, stage: Stage, opened: Auction
) -> None:
    stage.queues.append("m-01", [reply(1000, 7, "0.2")])
    entry_id = stage.queues.append_packed("m-01", poison)
    stage.queues.append("m-01", [reply(2000, 8, "0.3")])
    stage.step(opened)
    [(_, letter)] = stage.queues.dead_letters(START, 10)
    assert (letter.auction_id, letter.entry_id, letter.data, letter.attempts) == ("m-01", entry_id, poison, 1)
    assert letter.error
    assert letter.at_ms == OPENS_MS
    assert [event.bidder_handle for event in stage.logged(BidAccepted)] == ["user7", "user8"]
    assert stage.queued("m-01") == []
    stage.step(stage.auction())
    assert len(stage.queues.dead_letters(START, 10)) == 1


@pytest.mark.requirement("QUE-2")
def test_an_entry_without_its_field_becomes_a_dead_letter_with_all_that_it_held(stage: Stage, opened: Auction) -> None:
    stage.client.xadd(stage.keys.queue("m-01"), {"other": b"\xff", "more": "fields"})
    stage.queues.append("m-01", [reply(1000, 7, "0.2")])
    stage.step(opened)
    [(_, letter)] = stage.queues.dead_letters(START, 10)
    assert unpack(letter.data, dict[bytes, bytes]) == {b"other": b"\xff", b"more": b"fields"}
    assert [event.bidder_handle for event in stage.logged(BidAccepted)] == ["user7"]


@pytest.mark.requirement("QUE-2")
def test_an_entry_whose_bytes_are_not_what_was_written_becomes_a_dead_letter(stage: Stage, opened: Auction) -> None:
    stage.queues.append("m-01", [reply(1000, 7, "0.2")])
    [(_, fields)] = execute(stage.client, "XRANGE", stage.keys.queue("m-01"), "-", "+")
    stage.client.delete(stage.keys.queue("m-01"))
    changed = {**fields, b"batch": fields[b"batch"].replace(b"0.2 ETH", b"9.2 ETH")}
    assert changed != fields
    stage.client.xadd(stage.keys.queue("m-01"), changed)
    # As it was written before there were checksums:
    stage.client.xadd(stage.keys.queue("m-01"), {b"batch": fields[b"batch"]})
    stage.step(opened)
    [(_, letter)] = stage.queues.dead_letters(START, 10)
    assert unpack(letter.data, dict[bytes, bytes]) == changed
    assert [event.text for event in stage.logged(BidAccepted)] == [reply(1000, 7, "0.2").text]


@pytest.mark.requirement("RED-4", "SUP-3")
@pytest.mark.parametrize("shape", [b"", pack("text"), pack([1, 2, 3]), pack({})])
def test_a_checkpoint_of_another_shape_costs_a_replay_and_no_life(shape: bytes, stage: Stage, opened: Auction) -> None:
    stage.tell(opened, reply(1000, 7, "0.2"))
    key = stage.keys.checkpoint("m-01")
    journal = stage.store.journal("m-01")
    journal.begin()
    journal.commit([], checkpoint=shape)
    assert stage.client.exists(key)
    stage.tell(stage.auction(), reply(2000, 8, "0.3"))
    assert (stage.current()["leader_handle"], stage.current()["accepted"]) == ("user8", "2")


# ---- going on

# A whole day in batches: late finds, withdrawals (one before its post), repetitions, an extension, a late end.
LAST = CLOSES_MS - OPENS_MS - 1000
A_DAY: Sequence[tuple[int, Sequence[AuctionCommand]]] = (
    (-1000, [reply(-500, 5, "0.1"), OPENING[0]]),
    (0, [OPENING[1], reply(10, 6, "0.01")]),
    (3000, [reply(3000, 7, "0.2"), reply(2500, 8, "0.15"), reply(2600, 8, "no number")]),
    (4000, [gone(reply(3500, 9, "0.9")), reply(4000, 7, "0.5")]),
    (5000, [reply(3500, 9, "0.9"), reply(2000, 10, "0.19"), reply(3000, 7, "0.2")]),
    (6000, [gone(reply(3000, 7, "0.2")), reply(5500, 11, "0.6"), reply(5600, 12, "0.4")]),
    (6500, [reply(6400, 13, "7", replied_to=post_id(1)), reply(6450, 14, "8", age_days=1)]),
    (7000, [swept(OPENS_MS + 6000)]),
    (LAST, [reply(LAST, 15, "1"), reply(LAST - 1000, 16, "0.9")]),
    (LAST + 100_000, [gone(reply(LAST, 15, "1"))]),
    (LAST + 200_000, [reply(LAST + 150_000, 17, "1.5")]),
    (LAST + 300_000 + 330_000, []),
    (LAST + 640_000, [reply(LAST + 160_000, 18, "2"), swept(CLOSES_MS)]),
    (LAST + 700_000, [swept(CLOSES_MS + HOUR_MS)]),
    (LAST + 800_000, [reply(LAST + 170_000, 19, "9"), gone(reply(LAST + 160_000, 18, "2"))]),
)


@pytest.mark.requirement("RED-4", "SUP-3", "BID-9")
@pytest.mark.parametrize("interval", [1, 4, 10_000])
@pytest.mark.parametrize("lost", ["nothing", "newest checkpoint", "both checkpoints"])
def test_a_successor_knows_after_any_batch_what_was_known_before(interval: int, lost: str, stage: Stage) -> None:
    stage.auction_limits = Limits(events_between_checkpoints=interval)
    never_crashed = AuctionDay("m-01")
    auction = stage.auction()
    for after_ms, commands in A_DAY:
        stage.clock.now_ms = OPENS_MS + after_ms
        stage.tell(auction, *commands)
        never_crashed.decide(commands, stage.clock())
        never_crashed.tick(stage.clock())
        before = state(auction)
        if lost != "nothing":
            stage.lose_checkpoints("m-01", both=lost == "both checkpoints")
        auction = stage.auction()
        assert state(auction) == before
    kinds = {type(event) for event in stage.logged()}
    assert kinds >= {
        AuctionPrepared,
        AuctionOpened,
        BidWithdrawn,
        StandingsRevised,
        EndExtended,
        EndFrozen,
        ResultNamed,
    }
    straight = msgspec.structs.replace(
        never_crashed.state(), bids=sorted(never_crashed.state().bids, key=lambda bid: bid.post_id)
    )
    assert state(auction) == pack(straight)


@pytest.mark.requirement("RED-4")
def test_checkpoints_are_written_also_by_one_who_never_lives_long(stage: Stage) -> None:
    stage.auction_limits = Limits(events_between_checkpoints=5)
    auction = stage.opened()
    for number in range(1, 13):
        stage.tell(auction, reply(number * 1000, number, f"{number}"))
        auction = stage.auction()
    checkpoint = unseal(execute(stage.client, "GET", stage.keys.checkpoint("m-01")))
    assert len(stage.logged()) - checkpoint.sequence < 5
    assert len(checkpointed(stage).bids) >= 8


def checkpointed(stage: Stage) -> DayState:
    return unpack(unseal(execute(stage.client, "GET", stage.keys.checkpoint("m-01"))).payload, DayState)


@pytest.mark.requirement("RED-4", "BID-4")
@pytest.mark.parametrize("lost", ["nothing", "a segment", "newest checkpoint", "both checkpoints"])
def test_a_successor_goes_on_from_segments_and_does_without_damaged_ones(lost: str, stage: Stage) -> None:
    stage.auction_limits = Limits(events_between_checkpoints=3, bids_a_segment=2)
    opened = stage.opened()
    bids = [reply(number * 120_000, number, f"{number}") for number in range(1, 12)]
    for bid in bids:
        stage.tell(opened, bid)
    assert stage.client.exists(stage.keys.segment("m-01", 3))
    if lost == "a segment":
        stage.client.set(stage.keys.segment("m-01", 1), b"something else")
    elif lost != "nothing":
        stage.lose_checkpoints("m-01", both=lost == "both checkpoints")
    successor = stage.auction()
    assert bool(standings_of(day_of(successor)).segments) == (lost in ("nothing", "newest checkpoint"))
    stage.tell(successor, bids[0], gone(bids[4]), reply(61_000, 99, "3"))
    plain = AuctionDay("m-01")
    plain.replay(stage.logged())
    assert standings_of(day_of(successor)).verdicts() == standings_of(plain).verdicts()
    assert len(stage.logged(BidAccepted)) == 12


@pytest.mark.requirement("RED-4", "BID-4")
def test_bids_are_packed_away_between_checkpoints_and_what_the_last_one_names_stays(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.auction_limits = Limits(events_between_checkpoints=10, bids_a_segment=2)
    opened = stage.opened()
    bids = [reply(number * 120_000, number, f"{number}") for number in range(1, 15)]
    for bid in bids:
        stage.tell(opened, bid)
    named = checkpointed(stage).segments
    assert stage.client.exists(stage.keys.segment("m-01", len(named)))
    stage.tell(opened, reply(130_000, 99, "1.5"), reply(131_000, 98, "1.6"))
    digests = [segment.digest for segment in standings_of(day_of(opened)).segments]
    assert digests
    assert digests != named[: len(digests)]
    successor = stage.auction()
    assert "the whole log is replayed" not in caplog.text
    assert standings_of(day_of(successor)).verdicts() == standings_of(day_of(opened)).verdicts()


@pytest.mark.requirement("RED-4")
def test_a_late_find_right_before_a_checkpoint_leaves_it_small(stage: Stage) -> None:
    stage.auction_limits = Limits(events_between_checkpoints=21, bids_a_segment=2)
    opened = stage.opened()
    for number in range(1, 19):
        stage.tell(opened, reply(number * 100_000, number, f"{number}"))
    assert standings_of(day_of(opened)).segments
    stage.tell(opened, reply(50_000, 99, "0.01"))
    assert len(checkpointed(stage).bids) <= 3
    assert len(checkpointed(stage).segments) == 8


@pytest.mark.requirement("RED-5", "QUE-2")
def test_what_is_decided_on_trial_passes_the_audit(stage: Stage, opened: Auction) -> None:
    suspects = Suspects()
    suspects.died_of([reply(1, 1, "1")], ValueError("an earlier death"))
    successor = stage.enter("m-01", lambda context: Auction(context, "m-01", stage.access, stage.clock, (), suspects))
    stage.tell(successor, reply(HOUR_MS - 2_000, 7, "0.2"), reply(HOUR_MS - 1_000, 8, "0.3"))
    assert not suspects.isolated, "they were decided one at a time"
    assert len(stage.logged(EndExtended)) == 2
    auditor = Auditor("m-01")
    entries = LogReader(stage.client, stage.keys).read(0, 100)
    for entry in entries:
        decided = [event for event in entry.events() if isinstance(event, AuctionEvent)]
        assert len(decided) == entry.count
        assert auditor.check(decided) is None


@pytest.mark.requirement("RED-2", "SUP-2")
def test_one_who_has_a_successor_can_write_nothing_any_more(stage: Stage, opened: Auction) -> None:
    beside = Stage(stage.store, stage.clock)
    try:
        successor = beside.auction()
        seen = len(stage.logged())
        with pytest.raises(NotOwner):
            stage.tell(opened, reply(1000, 7, "0.2"))
        assert (len(stage.logged()), len(stage.queued("m-01"))) == (seen, 1)
        beside.step(successor)
        assert len(stage.logged(BidAccepted)) == 1
    finally:
        beside.close()


@pytest.mark.requirement("RED-1", "LIFE-4")
def test_the_stage_belongs_to_the_day_that_opened_last_and_the_one_before_settles_beside_it(
    stage: Stage, opened: Auction
) -> None:
    stage.tell(opened, reply(1000, 7, "0.2"))
    stage.clock.now_ms = CLOSES_MS + 60_000
    stage.step(opened)
    assert stage.current()["phase"] == Phase.PROCESSING
    second = stage.auction(day=2)
    later = CLOSES_MS + 60_000
    order = msgspec.structs.replace(
        OPENING[0], auction_id="m-02", day=2, opens_at_ms=later, closes_at_ms=later + HOUR_MS
    )
    assert isinstance(order, OpenAuction)
    stage.tell(second, order)
    assert (stage.current()["auction_id"], stage.current()["phase"]) == ("m-02", Phase.PENDING)
    stage.tell(opened, swept(CLOSES_MS))
    assert (stage.current()["auction_id"], stage.current()["phase"]) == ("m-02", Phase.PENDING)
    assert stage.client.hget(stage.keys.day(1), "winner_handle") == b"user7"
    stage.tell(second, ConfirmAuctionPost(message_id="c", post_id=post_id(later - OPENS_MS + 5)))
    assert (stage.current()["auction_id"], stage.current()["leader_handle"]) == ("m-02", "")
    assert stage.current()["phase"] == Phase.ACTIVE


@pytest.mark.requirement("LIFE-3", "LIV-3")
def test_a_day_that_was_voided_ended_then(stage: Stage) -> None:
    auction = stage.prepared()
    stage.clock.goes_on(5_000)
    stage.queues.append("m-01", [VoidAuction(message_id="v", by="olga", why="ill", said_at_ms=stage.clock())])
    stage.step(auction)
    assert (stage.current()["outcome"], stage.current()["ends_at_ms"]) == ("void", str(stage.clock()))
