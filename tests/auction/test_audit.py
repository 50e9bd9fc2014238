"""The audit: what does not follow from what was seen is named, in the same words whoever has read the texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import msgspec
import pytest

from auction.audit import Auditor
from auction.day import AuctionDay
from messages.base import Refusal, Wei
from messages.codec import unpack_events
from messages.commands import AuctionCommand
from messages.events import AuctionEvent, BidAccepted, BidRefused
from tests.harness.builders import AUCTION, ETH, OPENING, OPENS_MS, gone, reply

pytestmark = pytest.mark.requirement("RED-5")

LEADING, AGAIN = reply(1_000, 1, "0.5"), reply(1_500, 1, "0.9")
BATCHES: list[list[AuctionCommand]] = [
    [reply(-1_000, 7, "0.4"), *OPENING],
    [
        LEADING,
        AGAIN,
        reply(2_000, 2, "0.51"),
        reply(3_000, 3, "much #AuctionDay"),
        reply(4_000, 4, "1,5 ETH #AuctionDay"),
    ],
    [reply(5_000, 5, "0.7", replied_to=7), reply(6_000, 6, "0.8", age_days=1), reply(7_000, 2, "0.6"), gone(LEADING)],
    [reply(8_000, 5, "0.3"), reply(9_000, 6, "0.1 ETH or 0.2 ETH #AuctionDay"), reply(10_000_000, 8, "9")],
]
SEEN = {"text", "replied_to_id", "post_id", "bidder_created_at_ms"}
OTHERS: dict[str, list[object]] = {
    "at_ms": [OPENS_MS + 1],
    "amount_wei": [None, Wei(ETH), Wei(ETH // 2)],
    "minimum_wei": [Wei(1)],
    "ends_at_ms": [OPENS_MS],
    "reason": [Refusal.BELOW_MINIMUM, Refusal.NO_AMOUNT, Refusal.HELD],
    "flaw": [None, Refusal.NO_AMOUNT, Refusal.ACCOUNT_TOO_YOUNG],
    "required_wei": [None, Wei(1)],
    "text": ["0.5 ETH #AuctionDay", "5 ETH #AuctionDay", "5 ETH", ""],
    "replied_to_id": [None, 7],
    "post_id": [LEADING.post_id, LEADING.post_id + 1],
    "bidder_created_at_ms": [OPENS_MS],
}


def log() -> list[list[AuctionEvent]]:
    day = AuctionDay(AUCTION)
    return [day.decide(batch, OPENS_MS) for batch in BATCHES]


def forgeries() -> Iterator[tuple[str, list[list[AuctionEvent]]]]:
    """What was forged, and the log with it: one verdict in one field or into the other, twice or left out."""
    for number, batch in enumerate(log()):
        for place, event in enumerate(batch):
            if not isinstance(event, BidAccepted | BidRefused):
                continue
            seen = {name: getattr(event, name) for name in BidRefused.__struct_fields__ if hasattr(event, name)}
            forged: list[tuple[str, list[Any]]] = [
                ("kind", [BidRefused(**{"reason": Refusal.BELOW_MINIMUM, **seen})]),
                ("kind", [BidAccepted(**leading_of(seen))]),
                ("doubled", [event, event]),
                ("left out", []),
            ]
            for name in OTHERS.keys() & event.__struct_fields__:
                forged += [(name, [msgspec.structs.replace(event, **{name: other})]) for other in OTHERS[name]]
            for what, instead in forged:
                if instead != [event]:
                    forgery = log()
                    forgery[number][place : place + 1] = instead
                    yield what, forgery


def leading_of(seen: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in seen.items() if name in BidAccepted.__struct_fields__}
    return {**kept, "amount_wei": seen["amount_wei"] or Wei(1), "minimum_wei": Wei(2), "ends_at_ms": OPENS_MS}


def found(batches: list[list[AuctionEvent]], day: AuctionDay | None = None) -> list[str | None]:
    """What the audit says of each batch, following the log on this day or on its own kind."""
    auditor = Auditor(AUCTION)
    auditor.day = day or auditor.day
    return [auditor.check(batch) for batch in batches]


def test_a_log_follows_from_its_texts() -> None:
    kinds = {type(event) for batch in log() for event in batch}
    assert {BidAccepted, BidRefused} < kinds
    assert found(log()) == [None] * len(BATCHES)


def test_every_forged_verdict_is_named_as_if_every_verdict_were_made_up_again() -> None:
    forged = list(forgeries())
    said = [found(forgery) for _, forgery in forged]
    assert said == [found(forgery, AuctionDay(AUCTION)) for _, forgery in forged]
    # What was seen can be forged into what decides the same, and a bid that changed nothing be left out: that is the
    # hash chain's to tell.
    unseen = {what for (what, _), words in zip(forged, said, strict=True) if not any(words)}
    assert unseen == SEEN | {"left out"}
    assert {what for what, _ in forged} == OTHERS.keys() | {"kind", "doubled", "left out"}


# Days that were decided before bids bound at the end: each a list of batches, as they stood in the log then.
FIRST_RULES: list[list[bytes]] = msgpack.unpackb(Path(__file__).with_name("first_rules.msgpack").read_bytes())


@pytest.mark.requirement("LIFE-7")
@pytest.mark.parametrize("number", range(len(FIRST_RULES)))
def test_a_day_that_was_decided_under_the_first_rules_follows_from_them_still(number: int) -> None:
    auditor = Auditor(AUCTION)
    for batch in FIRST_RULES[number]:
        assert auditor.check(unpack_events(batch)) is None  # type: ignore[arg-type]  # an auction's chain
    assert auditor.day.prepared is not None
    assert not auditor.day.prepared.rules.bids_bind
