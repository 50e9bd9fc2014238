"""Receipts: what is true of a bid, in the same words for everybody who is told."""

from typing import Any

import msgspec
import pytest

from auction.day import AuctionDay
from auction.receipts import Receipt, accepted, receipt_json, receipt_of, receipt_words, refused, verdict_words
from auction.wording.lines import host_line
from messages.base import Refusal, Wei
from messages.commands import NameResult, VoidAuction
from messages.events import AuctionEvent, BidAccepted, BidRefused
from messages.refusals import REFUSED_BECAUSE
from tests.harness.builders import AUCTION, CLOSES_MS, ETH, OPENS_MS, gone, opened_day, post_id, reply, swept

ANNS, BOBS, LOW, AGAIN = reply(1_000, 1, "0.5"), reply(2_000, 2, "0.6"), reply(3_000, 3, "0.61"), reply(4_000, 2, "9")
BARE = Receipt(auction_id=AUCTION, post_id=post_id(5), bidder_id=1, bidder_handle="ann", verdict="refused")

ONE = Wei(ETH)


def played() -> tuple[AuctionDay, list[AuctionEvent]]:
    day = opened_day()
    return day, day.decide([ANNS, BOBS, LOW, AGAIN], OPENS_MS + 5_000)


def receipts(day: AuctionDay) -> dict[int, Receipt]:
    assert day.standings
    return {verdict.bid.post_id: receipt_of(day, verdict) for verdict in day.standings.verdicts()}


@pytest.mark.requirement("BID-10")
def test_every_reason_has_plain_words_of_its_own() -> None:
    assert set(REFUSED_BECAUSE) == set(Refusal)
    assert len(set(REFUSED_BECAUSE.values())) == len(Refusal)
    for reason, words in REFUSED_BECAUSE.items():
        assert words == words.strip(" .")
        assert len(words) <= 70
        assert reason not in words


WHILE_OPEN = {
    ANNS.post_id: "Your bid of 0.5 ETH counts and has been outbid.",
    BOBS.post_id: "Your bid of 0.6 ETH leads so far.",
    LOW.post_id: "Your bid of 0.61 ETH does not count: too low, at least 0.63 ETH was needed.",
    AGAIN.post_id: "Your bid of 9 ETH does not count: already leading.",
}
ONCE_NAMED = WHILE_OPEN | {
    ANNS.post_id: "Your bid of 0.5 ETH counted and did not win.",
    BOBS.post_id: "Your bid of 0.6 ETH has won.",
}


@pytest.mark.requirement("BID-10", "BID-5")
def test_a_receipt_says_the_verdict_as_of_now_and_what_the_next_bid_needs() -> None:
    day, _ = played()
    found = receipts(day)
    assert {one: verdict_words(receipt) for one, receipt in found.items()} == WHILE_OPEN
    assert receipt_words(found[BOBS.post_id], "UTC") == (
        "Your bid of 0.6 ETH leads so far. The next bid needs 0.63 ETH. Bidding ends at 09:00:00 UTC on Fri 15 Jan."
    )
    assert found[LOW.post_id].required_wei == found[LOW.post_id].minimum_wei == 63 * ETH // 100
    assert {receipt.ends_at_ms for receipt in found.values()} == {CLOSES_MS}
    assert not any(receipt.final for receipt in found.values())


@pytest.mark.requirement("BID-10", "BID-5")
def test_a_receipt_is_final_once_the_result_is_named() -> None:
    day, _ = played()
    day.tick(CLOSES_MS + 30_000)
    day.decide([swept(CLOSES_MS)], CLOSES_MS + 60_000)
    found = receipts(day)
    assert {one: verdict_words(receipt) for one, receipt in found.items()} == ONCE_NAMED
    assert all(receipt.final for receipt in found.values())
    assert receipt_words(found[BOBS.post_id], "UTC") == ONCE_NAMED[BOBS.post_id]


@pytest.mark.requirement("BID-10", "LIFE-8")
def test_nobody_has_won_a_void_day() -> None:
    day, _ = played()
    day.decide([VoidAuction(message_id="v", by="op", why="why", said_at_ms=OPENS_MS)], OPENS_MS + 6_000)
    assert verdict_words(receipts(day)[BOBS.post_id]) == "Your bid of 0.6 ETH counted and did not win."


@pytest.mark.requirement("BID-10", "BID-8")
def test_a_receipt_follows_the_standing() -> None:
    day, _ = played()
    day.decide([gone(BOBS)], OPENS_MS + 6_000)
    found = receipts(day)
    assert verdict_words(found[BOBS.post_id]) == "Your bid of 0.6 ETH does not count: withdrawn: its post is gone."
    # With it gone, 0.61 was enough; and 9 ETH came from somebody who was not leading any more.
    assert verdict_words(found[LOW.post_id]) == "Your bid of 0.61 ETH counts and has been outbid."
    assert verdict_words(found[AGAIN.post_id]) == "Your bid of 9 ETH leads so far."


@pytest.mark.requirement("BID-10")
def test_who_is_told_by_an_event_is_told_the_same_as_who_asks() -> None:
    day, events = played()
    asked = receipts(day)
    for event in events:
        if isinstance(event, BidAccepted):
            told = accepted(event, AUCTION)
            assert msgspec.structs.replace(told, leading=asked[event.post_id].leading) == asked[event.post_id]
        elif isinstance(event, BidRefused):
            minimum_wei, ends_at_ms = asked[event.post_id].minimum_wei, asked[event.post_id].ends_at_ms
            assert refused(event, AUCTION, minimum_wei, ends_at_ms) == asked[event.post_id]


@pytest.mark.requirement("BID-10", "ELZ-3")
def test_the_host_says_the_same_of_a_bid() -> None:
    _, events = played()
    said = [host_line(event) for event in events if isinstance(event, BidAccepted)]
    assert said[1] == "@user2's bid of 0.6 ETH leads so far. The next bid needs 0.63 ETH."


@pytest.mark.requirement("BID-10", "BID-11")
def test_ids_and_amounts_of_a_receipt_are_strings_that_no_reader_spoils() -> None:
    day, _ = played()
    shown: dict[str, Any] = receipt_json(receipts(day)[LOW.post_id], "America/New_York")
    assert shown == {
        "auction_id": AUCTION,
        "post_id": str(LOW.post_id),
        "posted_at_ms": OPENS_MS + 3_000,
        "bidder_id": "3",
        "bidder_handle": "user3",
        "verdict": "refused",
        "leading": False,
        "final": False,
        "reason": "BELOW_MINIMUM",
        "injected": False,
        "ends_at_ms": CLOSES_MS,
        "words": "Your bid of 0.61 ETH does not count: too low, at least 0.63 ETH was needed. "
        "The next bid needs 0.63 ETH. Bidding ends at 04:00:00 EST on Fri 15 Jan.",
        "amount_wei": str(61 * ETH // 100),
        "amount": "0.61 ETH",
        "required_wei": str(63 * ETH // 100),
        "required": "0.63 ETH",
        "minimum_wei": str(63 * ETH // 100),
        "minimum": "0.63 ETH",
    }


@pytest.mark.requirement("BID-10")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reason": Refusal.NO_AMOUNT}, "Your bid does not count: no amount in ETH."),
        ({"reason": Refusal.PAUSED, "amount_wei": ONE}, "Your bid of 1 ETH does not count: posted during a pause."),
        ({}, "Your bid does not count: the standing has changed."),
    ],
)
def test_what_is_not_known_is_left_out(change: dict[str, Any], words: str) -> None:
    assert receipt_words(msgspec.structs.replace(BARE, **change), "UTC") == words


def test_an_operator_who_names_the_result_makes_it_final_too() -> None:
    day, _ = played()
    day.tick(CLOSES_MS + 30_000)
    day.decide([NameResult(message_id="n", by="op", why="why", said_at_ms=CLOSES_MS)], CLOSES_MS + 40_000)
    assert verdict_words(receipts(day)[BOBS.post_id]) == "Your bid of 0.6 ETH has won."
