"""Bids as of now, read from the store: right after a restart, for days that are over, and bounded."""

import contextlib
import gc
import itertools
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.auction import actor
from actors.auction.actor import Auction
from actors.auction.receipts import Limits, ReceiptReader, StillReading
from adapters.redis.client import execute
from adapters.redis.log import LogReader
from auction.fold import Verdict
from auction.receipts import Receipt, receipt_of
from auction.record import DayRecord
from auction.replies import recall
from ledger.entry import LogEntry
from messages.base import Rules
from messages.commands import ConfirmAuctionPost, MarkSwept, PlaceBid, WithdrawBid
from messages.events import BidAccepted, BidRefused
from messages.x_ids import first_id_at
from tests.harness.builders import OPENING, OPENS_MS, RULES, reply, swept
from tests.harness.privates import day_of, days_kept
from tests.harness.random_days import CUTS, days
from tests.harness.stage import HOUR_MS, Stage


def opened(stage: Stage, day: int = 1, rules: Rules = RULES) -> Auction:
    auction = stage.prepared(day, rules)
    confirm = ConfirmAuctionPost(message_id="c", post_id=first_id_at(stage.clock() - 50_000))
    stage.queues.append(auction.auction_id, [confirm])
    stage.step(auction)
    return auction


def bid(stage: Stage, auction: Auction, second: int, author: int, amount: str) -> int:
    """A reply made so many seconds after the opening; its id."""
    post_id = first_id_at(stage.clock() - 50_000 + second * 1000) + author
    auction_post = execute(stage.client, "HGET", stage.keys.day(int(auction.auction_id[-2:])), "post_id")
    found = PlaceBid(
        message_id=f"tweet:{post_id}", post_id=post_id, author_id=author, author_handle=f"user{author}",
        author_created_at_ms=0, replied_to_id=int(auction_post),
        text=f"{amount} ETH #AuctionDay", hashtags=None, source="stream", found_at_ms=stage.clock(),
    )  # fmt: skip
    stage.queues.append(auction.auction_id, [found])
    stage.step(auction)
    return post_id


def expected(auction: Auction) -> dict[int, Receipt]:
    """What is true of every bid of the standing, by all that the auction's actor knows."""
    day = day_of(auction)
    assert day.standings
    return {one.bid.post_id: receipt_of(day, one) for one in day.standings.verdicts()}


def told(found: ReceiptReader, auction: Auction) -> dict[int, Receipt | None]:
    asked = list(expected(auction))
    return dict(zip(asked, found.receipts(auction.auction_id, asked), strict=True))


@pytest.mark.requirement("BID-10", "BID-11")
def test_every_bid_is_told_as_it_stands_whoever_asks_when(stage: Stage) -> None:
    auction, found = opened(stage), ReceiptReader(stage.client, stage.keys, Limits(entries_a_read=2))
    first = bid(stage, auction, 10, 1, "0.5")
    assert told(found, auction) == expected(auction)
    bid(stage, auction, 20, 2, "0.6"), bid(stage, auction, 30, 3, "0.61"), bid(stage, auction, 15, 4, "0.59")
    assert told(found, auction) == expected(auction)
    stage.queues.append(auction.auction_id, [WithdrawBid(message_id="w", post_id=first, cause="deleted")])
    stage.step(auction)
    assert told(found, auction) == expected(auction) == told(ReceiptReader(stage.client, stage.keys), auction)
    stage.clock.goes_on(2 * HOUR_MS)
    stage.step(auction)
    swept = MarkSwept(message_id="s", swept_to_ms=stage.clock(), looked_again=True)
    stage.queues.append(auction.auction_id, [swept])
    stage.step(auction)
    assert told(found, auction) == expected(auction)
    assert all(receipt and receipt.final for receipt in told(found, auction).values())


@pytest.mark.requirement("BID-10", "BID-11")
def test_what_was_never_part_of_the_standing_is_told_too(stage: Stage) -> None:
    auction, found = opened(stage), ReceiptReader(stage.client, stage.keys)
    stage.clock.goes_on(2 * HOUR_MS)
    stage.step(auction)
    stage.queues.append(auction.auction_id, [MarkSwept(message_id="s", swept_to_ms=stage.clock(), looked_again=True)])
    stage.step(auction)
    late = bid(stage, auction, 0, 1, "0.5")
    [receipt] = found.receipts(auction.auction_id, [late])
    assert receipt
    assert (receipt.verdict, receipt.reason, receipt.final) == ("refused", "FOUND_TOO_LATE", True)


@pytest.mark.requirement("BID-11", "BID-7")
def test_a_late_find_that_changes_no_leader_may_change_a_verdict(stage: Stage) -> None:
    auction = opened(stage, rules=msgspec.structs.replace(RULES, rate_limit_posts=1))
    found = ReceiptReader(stage.client, stage.keys)
    bid(stage, auction, 20, 1, "0.01"), bid(stage, auction, 10, 1, "0.02")
    assert told(found, auction) == expected(auction)
    reasons = [receipt and receipt.reason for receipt in told(found, auction).values()]
    assert reasons == ["BELOW_RESERVE", "RATE_LIMITED"]


@pytest.mark.requirement("BID-10")
def test_of_what_is_not_known_nothing_is_told(stage: Stage) -> None:
    opened(stage)
    assert ReceiptReader(stage.client, stage.keys).receipts("m-01", [5]) == [None]
    assert ReceiptReader(stage.client, stage.keys).receipts("m-09", [5]) == [None]


@pytest.mark.requirement("BID-11", "QUE-4")
def test_days_that_nobody_asks_for_are_forgotten_and_read_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ReceiptReader(stage.client, stage.keys, Limits(entries_a_read=1, bids_kept=2))
    days = []
    for day in (1, 2, 3):
        days.append(opened(stage, day))
        bid(stage, days[-1], 10, day, "0.5")
    reads, read = list[int](), LogReader.read

    def noted(log: LogReader, after: int, most: int) -> list[LogEntry]:
        reads.append(after)
        return read(log, after, most)

    monkeypatch.setattr(LogReader, "read", noted)
    was_read = []
    for auction in (*days, *reversed(days), days[1]):
        reads.clear()
        assert told(found, auction) == expected(auction)
        was_read.append(bool(reads))
    assert was_read == [True, True, True, False, False, True, False], "the two that were asked about last are kept"


@pytest.mark.requirement("QUE-4")
def test_days_with_few_bids_are_not_read_again_however_many_wait_for_their_result(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, days = ReceiptReader(stage.client, stage.keys), [opened(stage, day) for day in range(1, 7)]
    for day, auction in enumerate(days, 1):
        bid(stage, auction, 10, day, "0.5")
    for auction in days:
        assert told(found, auction) == expected(auction)
    monkeypatch.setattr(LogReader, "read", lambda *_: pytest.fail("the log was read again"))
    for auction in days:
        assert told(found, auction) == expected(auction)


@pytest.mark.requirement("QUE-4")
def test_days_whose_log_is_too_long_for_one_question_are_forgotten_too(stage: Stage) -> None:
    found = ReceiptReader(stage.client, stage.keys, Limits(longest_s=-1.0, entries_a_read=1, more_days_kept=2))
    days = [opened(stage, day) for day in range(1, 5)]
    for auction in days:
        with pytest.raises(StillReading):
            found.contenders(auction.auction_id)
    assert days_kept(found) == [day.auction_id for day in days[-2:]]


@pytest.mark.requirement("BID-11", "QUE-4")
def test_a_long_log_is_read_in_several_questions(stage: Stage) -> None:
    auction = opened(stage)
    found = ReceiptReader(stage.client, stage.keys, Limits(longest_s=0.0, entries_a_read=1))
    post_ids = [bid(stage, auction, after, 1, "0.5") for after in (10, 20, 30)]
    receipts: list[Receipt | None] = []
    for _ in range(stage.client.xlen(stage.keys.log)):
        with contextlib.suppress(StillReading):
            receipts = found.receipts(auction.auction_id, post_ids)
    assert [receipt and receipt.leading for receipt in receipts] == [True, False, False]


# ---- from checkpoints and segments


# Segments of two bids, a checkpoint every third event, and hardly anything kept.
SMALL_DAY = actor.Limits(events_between_checkpoints=3, bids_a_segment=2)
SMALL = Limits(tail_most=5, bids_a_segment=2, segments_packed=1, segments_open=1)


def replayed(stage: Stage, auction_id: str) -> dict[int, Receipt]:
    """What a replay of the whole log says of every reply: what was never part of the standing stays as it was told."""
    day, verdicts = DayRecord(auction_id), {}
    events = stage.logged(writer=auction_id)
    day.replay(events)
    for event in events:
        if isinstance(event, BidAccepted | BidRefused):
            reason, required = (event.reason, event.required_wei) if isinstance(event, BidRefused) else (None, None)
            verdicts[event.post_id] = Verdict(recall(event), reason, required)
    verdicts |= {each.bid.post_id: each for each in (day.standings.verdicts() if day.standings else [])}
    return {post_id: receipt_of(day, verdict) for post_id, verdict in verdicts.items()}


_numbers = itertools.count(1)
AT_ITS_END = [swept(OPENS_MS + 48 * HOUR_MS)]


@pytest.mark.requirement("BID-10", "BID-11", "QUE-4")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(days(), CUTS, st.booleans())
def test_whatever_a_day_brings_every_reply_is_told_as_a_replay_of_the_log_has_it(
    stage: Stage, made: Any, cuts: list[int], asked_always: bool
) -> None:
    stage.auction_limits = SMALL_DAY
    rules, arrivals = made
    number = next(_numbers)
    stage.clock.now_ms = OPENS_MS
    auction, found = stage.auction(number), ReceiptReader(stage.client, stage.keys, SMALL)
    early, late = reply(1_000, 9, "5", serial=77), reply(2_000, 8, "7", serial=78)
    order = msgspec.structs.replace(OPENING[0], rules=rules, auction_id=auction.auction_id, day=number)
    edges = sorted({0, len(arrivals), *(cut % (len(arrivals) + 1) for cut in cuts)})
    during = [arrivals[begin:end] for begin, end in itertools.pairwise(edges)]
    for batch in ([early], [order, OPENING[1]], *during, AT_ITS_END, [late], [early]):
        if batch is AT_ITS_END:
            stage.clock.goes_on(48 * HOUR_MS)
        stage.queues.append(auction.auction_id, batch)
        stage.step(auction, auction)
        expected = replayed(stage, auction.auction_id)
        if asked_always or batch is AT_ITS_END:
            assert found.receipts(auction.auction_id, list(expected)) == list(expected.values())
    fresh = ReceiptReader(stage.client, stage.keys, SMALL)
    assert fresh.receipts(auction.auction_id, list(expected)) == list(expected.values())
    assert {early.post_id, late.post_id} <= expected.keys()
    stage.leave(auction.auction_id)


@pytest.mark.requirement("QUE-4")
@pytest.mark.parametrize("damaged", ["a segment", "a segment looked into before", "both checkpoints"])
def test_what_is_damaged_in_the_store_is_read_from_the_log(stage: Stage, damaged: str) -> None:
    stage.auction_limits = SMALL_DAY
    auction, found = opened(stage), ReceiptReader(stage.client, stage.keys, SMALL)
    for second in range(10, 30):
        bid(stage, auction, second, second, f"0.{second}")
    if damaged == "a segment looked into before":
        assert told(found, auction) == expected(auction)
    if damaged == "both checkpoints":
        stage.lose_checkpoints("m-01", both=True)
    else:
        stage.client.set(stage.keys.segment("m-01", 2), b"something else")
    assert told(found, auction) == expected(auction)


@pytest.mark.requirement("BID-11", "QUE-4")
def test_a_day_that_is_over_is_told_without_its_log(stage: Stage) -> None:
    auction = opened(stage)
    bid(stage, auction, 10, 1, "0.5"), bid(stage, auction, 20, 2, "0.6")
    stage.clock.goes_on(2 * HOUR_MS)
    stage.step(auction)
    stage.queues.append(auction.auction_id, [MarkSwept(message_id="s", swept_to_ms=stage.clock(), looked_again=True)])
    stage.step(auction)
    stage.client.delete(stage.keys.log)
    assert told(ReceiptReader(stage.client, stage.keys), auction) == expected(auction)


@pytest.mark.requirement("QUE-4")
def test_many_bids_are_kept_in_little_memory(stage: Stage) -> None:
    auction, found = opened(stage), ReceiptReader(stage.client, stage.keys)
    auction_post = int(execute(stage.client, "HGET", stage.keys.day(1), "post_id"))
    posts = [first_id_at(stage.clock() - 49_000) + number for number in range(1, 80_001)]
    for begin in range(0, len(posts), 1_000):
        batch = [
            PlaceBid(
                message_id=f"tweet:{post_id}", post_id=post_id, author_id=post_id % 999, author_handle="someone",
                author_created_at_ms=0, replied_to_id=auction_post,
                text="0.01 ETH #AuctionDay", hashtags=None, source="stream", found_at_ms=stage.clock(),
            )
            for post_id in posts[begin : begin + 1_000]
        ]  # fmt: skip
        stage.queues.append(auction.auction_id, batch)
        stage.step(auction)
    asked = posts[::1_000]
    told_so_far = patiently(found, asked)
    assert [receipt and receipt.reason for receipt in told_so_far] == ["BELOW_RESERVE"] * len(asked)
    tracemalloc.start()
    try:
        patiently(fresh := ReceiptReader(stage.client, stage.keys), asked)
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fresh
    assert kept < 200 * len(posts)
    assert peak < 400 * len(posts)


def patiently(found: ReceiptReader, posts: list[int]) -> list[Receipt | None]:
    while True:
        try:
            return found.receipts("m-01", posts)
        except StillReading:
            continue
