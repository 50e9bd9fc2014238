"""Bids as of now, read from the log: right after a restart, for days that are over, and bounded."""

import msgspec
import pytest

from actors import histories
from actors.auction import Auction
from actors.histories import Histories, StillReading
from auction.controls import first_id_at
from auction.receipts import Receipt, receipt_of
from messages.base import Rules
from messages.commands import ConfirmAuctionPost, MarkSwept, PlaceBid, WithdrawBid
from tests.actors.stage import HOUR_MS, Stage
from tests.auction.builders import RULES


def opened(stage: Stage, day: int = 1, rules: Rules = RULES) -> Auction:
    auction = stage.prepared(day, rules)
    confirm = ConfirmAuctionPost(message_id="c", post_id=first_id_at(stage.clock() - 50_000))
    stage.queues.append(auction.auction_id, [confirm])
    stage.step(auction)
    return auction


def bid(stage: Stage, auction: Auction, second: int, author: int, amount: str) -> int:
    """A reply made so many seconds after the opening; its id."""
    post_id = first_id_at(stage.clock() - 50_000 + second * 1000) + author
    auction_post = stage.client.hget(stage.keys.day(int(auction.auction_id[-2:])), "post_id")
    found = PlaceBid(
        message_id=f"tweet:{post_id}", post_id=post_id, author_id=author, author_handle=f"user{author}",
        author_created_at_ms=0, replied_to_id=int(auction_post),
        text=f"{amount} ETH #AuctionDay", hashtags=None, source="stream", found_at_ms=stage.clock(),
    )  # fmt: skip
    stage.queues.append(auction.auction_id, [found])
    stage.step(auction)
    return post_id


def expected(auction: Auction) -> dict[int, Receipt]:
    standings = auction._day.standings
    assert standings
    return {one.bid.post_id: receipt_of(auction._day, one) for one in standings.verdicts()}


def told(found: Histories, auction: Auction) -> dict[int, Receipt | None]:
    asked = list(expected(auction))
    return dict(zip(asked, found.receipts(auction.auction_id, asked), strict=True))


@pytest.mark.requirement("BID-10", "BID-11")
def test_every_bid_is_told_as_it_stands_whoever_asks_when(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "FOLDED_AGAIN_S", 0.0)
    monkeypatch.setattr(histories, "ENTRIES_A_READ", 2)
    auction, found = opened(stage), Histories(stage.client, stage.keys)
    first = bid(stage, auction, 10, 1, "0.5")
    assert told(found, auction) == expected(auction)
    bid(stage, auction, 20, 2, "0.6"), bid(stage, auction, 30, 3, "0.61"), bid(stage, auction, 15, 4, "0.59")
    assert told(found, auction) == expected(auction)
    stage.queues.append(auction.auction_id, [WithdrawBid(message_id="w", post_id=first, cause="deleted")])
    stage.step(auction)
    assert told(found, auction) == expected(auction) == told(Histories(stage.client, stage.keys), auction)
    stage.clock.goes_on(2 * HOUR_MS)
    stage.step(auction)
    swept = MarkSwept(message_id="s", swept_to_ms=stage.clock(), looked_again=True)
    stage.queues.append(auction.auction_id, [swept])
    stage.step(auction)
    assert told(found, auction) == expected(auction)
    assert all(receipt and receipt.final for receipt in told(found, auction).values())


@pytest.mark.requirement("BID-10", "BID-11")
def test_what_was_never_part_of_the_standing_is_told_too(stage: Stage) -> None:
    auction, found = opened(stage), Histories(stage.client, stage.keys)
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
    found = Histories(stage.client, stage.keys)
    bid(stage, auction, 20, 1, "0.01"), bid(stage, auction, 10, 1, "0.02")
    assert told(found, auction) == expected(auction)
    reasons = [receipt and receipt.reason for receipt in told(found, auction).values()]
    assert reasons == ["BELOW_RESERVE", "RATE_LIMITED"]


@pytest.mark.requirement("BID-10")
def test_of_what_is_not_known_nothing_is_told(stage: Stage) -> None:
    opened(stage)
    assert Histories(stage.client, stage.keys).receipts("m-01", [5]) == [None]
    assert Histories(stage.client, stage.keys).receipts("m-09", [5]) == [None]


@pytest.mark.requirement("BID-11", "QUE-4")
def test_days_that_nobody_asks_for_are_forgotten_and_read_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "DAYS_KEPT", 1)
    monkeypatch.setattr(histories, "ENTRIES_A_READ", 1)
    found = Histories(stage.client, stage.keys)
    days = []
    for day in (1, 2, 3):
        days.append(opened(stage, day))
        bid(stage, days[-1], 10, day, "0.5")
    for auction in (*days, *reversed(days)):
        assert told(found, auction) == expected(auction)
        assert list(found._days) == [auction.auction_id]


@pytest.mark.requirement("BID-11", "QUE-4")
def test_a_long_log_is_read_in_several_questions(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "LONGEST_S", 0.0)
    monkeypatch.setattr(histories, "ENTRIES_A_READ", 1)
    auction, found = opened(stage), Histories(stage.client, stage.keys)
    post_id = bid(stage, auction, 10, 1, "0.5")
    refusals = 0
    while True:
        try:
            [receipt] = found.receipts(auction.auction_id, [post_id])
            break
        except StillReading:
            refusals += 1
            monkeypatch.setattr(histories, "LONGEST_S", 0.0 if refusals < 3 else 2.0)
    assert receipt
    assert receipt.leading
    assert refusals == 3
