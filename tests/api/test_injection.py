"""What an injection may say, and what becomes of it: a command like the real ones, or a reason why not."""

from typing import Any

import msgspec
import pytest

from api.injection import injected
from messages.codec import UnreadableMessage, pack_batch, unpack_commands
from messages.commands import MarkSwept, PlaceBid, WithdrawBid
from messages.x_ids import posted_at_ms

NOW_MS = 1_800_000_000_123
STAGE = {"auction_id": "m-01", "post_id": "1234"}


def inject(fields: dict[str, Any], stage: dict[str, str] | None = None) -> tuple[str, Any]:
    return injected(fields, "ada", NOW_MS, 7, STAGE if stage is None else stage)


@pytest.mark.requirement("SUP-4")
def test_a_bid_needs_no_more_than_its_text_and_says_who_injected_it() -> None:
    auction_id, bid = inject({"type": "PlaceBid", "text": "1 ETH #m"})
    assert isinstance(bid, PlaceBid)
    assert auction_id == "m-01"
    assert posted_at_ms(bid.post_id) == bid.found_at_ms == NOW_MS
    assert (bid.replied_to_id, bid.author_handle, bid.source) == (1234, "ada", "injected:ada")
    assert bid.message_id == f"tweet:{bid.post_id}"
    assert bid.author_created_at_ms is None
    assert inject({"type": "PlaceBid", "text": "x"})[1].post_id % 4096 == 7


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    ("fields", "auction_id", "command"),
    [
        (
            {"type": "WithdrawBid", "post_id": 5, "cause": "deleted"},
            "m-01",
            WithdrawBid(message_id=f"injected:ada:{NOW_MS}:7", post_id=5, cause="deleted"),
        ),
        (
            {"type": "MarkSwept", "swept_to_ms": 9, "auction_id": "m-02", "message_id": "mine"},
            "m-02",
            MarkSwept(message_id="mine", swept_to_ms=9),
        ),
    ],
)
def test_other_commands_are_what_their_fields_say(fields: dict[str, Any], auction_id: str, command: Any) -> None:
    assert inject(fields) == (auction_id, command)


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    "given",
    [
        {"post_id": 5, "author_id": 2**64 - 1, "author_handle": "eve", "author_created_at_ms": 0, "replied_to_id": 77},
        {"post_id": 2**63 - 1, "hashtags": ["m", "x"], "replied_to_id": None},
        {"text": "", "author_handle": "", "correlation_id": "c"},
        {"text": "\u0000\U0001f600 Ξ" * 100},
    ],
)
def test_what_is_given_of_a_bid_stands_in_it(given: dict[str, Any]) -> None:
    _, bid = inject({"type": "PlaceBid", "text": "1 ETH #m", **given})
    for name, value in given.items():
        assert getattr(bid, name) == (tuple(value) if isinstance(value, list) else value)
    assert unpack_commands(pack_batch([bid])) == [bid]


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize("field", ["source", "found_at_ms"])
def test_nobody_can_hide_that_it_was_injected(field: str) -> None:
    _, bid = inject({"type": "PlaceBid", "text": "x", field: "stream" if field == "source" else 1})
    assert (bid.source, bid.found_at_ms) == ("injected:ada", NOW_MS)


@pytest.mark.requirement("SUP-4")
def test_without_an_auction_on_stage_it_has_to_be_named() -> None:
    with pytest.raises(UnreadableMessage, match="auction_id"):
        inject({"type": "PlaceBid", "text": "x"}, stage={})
    auction_id, bid = inject({"type": "PlaceBid", "text": "x", "auction_id": "m-09"}, stage={})
    assert (auction_id, bid.replied_to_id) == ("m-09", None)


BID = {"type": "PlaceBid", "text": "1 ETH #m"}
GONE = {"type": "WithdrawBid", "post_id": 5, "cause": "deleted"}
SWEPT = {"type": "MarkSwept", "swept_to_ms": 5}


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"type": None},
        {"type": ["PlaceBid"]},
        {"type": "placebid", "text": "x"},
        {"type": "OpenAuction"},
        {"type": "ConfirmAuctionPost", "message_id": "x", "post_id": 5},
        {"type": "BidAccepted", "text": "x"},
        {"type": "PlaceBid"},
        BID | {"text": None},
        BID | {"text": 5},
        BID | {"text": ["x"]},
        BID | {"text": "lone \ud800"},
        BID | {"author_handle": "\udfff"},
        BID | {"post_id": 0},
        BID | {"post_id": -1},
        BID | {"post_id": 2**63},
        BID | {"post_id": 2**70},
        BID | {"post_id": "12"},
        BID | {"post_id": 1.5},
        BID | {"post_id": True},
        BID | {"post_id": None},
        BID | {"author_id": 2**64},
        BID | {"author_id": -(2**63) - 1},
        BID | {"author_id": "7"},
        BID | {"replied_to_id": 2**64},
        BID | {"author_created_at_ms": "yesterday"},
        BID | {"author_created_at_ms": 10**30},
        BID | {"hashtags": "m"},
        BID | {"hashtags": [1]},
        BID | {"message_id": 5},
        BID | {"message_id": None},
        GONE | {"post_id": 10**30},
        GONE | {"post_id": 0},
        GONE | {"post_id": "5"},
        GONE | {"cause": 5},
        {"type": "WithdrawBid", "post_id": 5},
        SWEPT | {"swept_to_ms": 2**64},
        SWEPT | {"swept_to_ms": "now"},
        SWEPT | {"swept_to_ms": None},
        {"type": "MarkSwept"},
        SWEPT | {"swept_to": 5},
        BID | {"txet": "1 ETH"},
    ],
    ids=repr,
)
def test_what_no_queue_could_hold_is_refused_with_a_reason(fields: dict[str, Any]) -> None:
    with pytest.raises(UnreadableMessage) as caught:
        inject(fields)
    assert str(caught.value)


def test_an_injection_leaves_the_fields_alone_that_it_was_given() -> None:
    fields = {"type": "PlaceBid", "text": "x", "auction_id": "m-02"}
    before = msgspec.json.encode(fields)
    inject(fields)
    assert msgspec.json.encode(fields) == before
