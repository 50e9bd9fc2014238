"""What the view of a day says of its settlement."""

import pytest

from auction.day import AuctionDay
from auction.day_view import day_view
from messages.commands import AdvanceSettlement, AskNextBidder, BeginSettlement
from messages.settlement import (
    Announced,
    Level,
    OfferGone,
    OfferMade,
    OfferSent,
    PaymentSeen,
    SettlementFact,
    Stage,
    Terms,
    WentDown,
)
from tests.harness.builders import CLOSES_MS, ETH, OPENING, OPENS_MS, RULES, reply, swept

pytestmark = pytest.mark.requirement("CHN-7")

HOUR_MS = 3_600_000
NAMED_MS = CLOSES_MS + RULES.delivery_allowance_ms
WALLET = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ANN, BOB = 1, 2
TERMS = Terms(
    reserve_wei=RULES.reserve_wei,
    payment_ms=24 * HOUR_MS,
    acceptance_ms=12 * HOUR_MS,
    runners_up=2,
    runner_up_basis_points=8_000,
)


@pytest.fixture
def day() -> AuctionDay:
    """A day that ann wins with 1 ETH, before bob's 0.9."""
    day = AuctionDay("test-01")
    day.decide([*OPENING, reply(2, BOB, "0.9"), reply(3, ANN, "1")], OPENS_MS)
    day.tick(NAMED_MS)
    day.decide([swept(CLOSES_MS)], NAMED_MS)
    return day


def begun(day: AuctionDay) -> AuctionDay:
    day.decide([BeginSettlement(message_id="begin", terms=TERMS)], NAMED_MS)
    return day


def after(day: AuctionDay, *facts: SettlementFact) -> dict[str, str]:
    """The view after these facts."""
    day.decide([AdvanceSettlement(message_id=f"fact:{fact}", fact=fact) for fact in facts], NAMED_MS)
    return day_view(day)


def of(view: dict[str, str], *names: str) -> list[str]:
    return [view[name] for name in names]


OFFER = "settlement", "wallet", "offer", "offer_until_ms", "payment_level"
ANNOUNCED = Announced(at_ms=NAMED_MS, bidder_id=ANN)
SENT = OfferSent(at_ms=NAMED_MS + 2_000, bidder_id=ANN, until_ms=NAMED_MS + 48 * HOUR_MS)
MADE = OfferMade(at_ms=NAMED_MS + 3_000, bidder_id=ANN, offer=7)


def test_a_day_whose_settlement_has_not_begun_says_nothing_of_it(day: AuctionDay) -> None:
    assert "settlement" not in day_view(day)


def test_the_view_names_the_buyer_the_price_and_the_deadline_once_it_is_announced(day: AuctionDay) -> None:
    view = after(begun(day))
    assert of(view, "settlement", "buyer_id", "buyer_handle", "price_wei") == [
        "AWAITING_WALLET",
        "1",
        "user1",
        str(ETH),
    ]
    assert of(view, "wallet", "pay_by_ms", "offer", "offer_until_ms", "payment_level", "down") == [""] * 6
    assert after(day, ANNOUNCED)["pay_by_ms"] == str(NAMED_MS + 24 * HOUR_MS)


def test_the_view_follows_wallet_offer_and_payment(day: AuctionDay) -> None:
    after(begun(day), ANNOUNCED)
    day.decide([reply(NAMED_MS - OPENS_MS + 1_000, ANN, WALLET)], NAMED_MS)
    until = str(NAMED_MS + 48 * HOUR_MS)
    assert of(day_view(day), *OFFER) == ["WALLET_NAMED", WALLET, "", "", ""]
    assert of(after(day, SENT), *OFFER) == ["WALLET_NAMED", WALLET, "", until, ""]
    assert of(after(day, MADE), *OFFER) == ["OFFERED", WALLET, "7", until, ""]
    for level, stage in ((Level.UNSAFE, Stage.PAID), (Level.SAFE, Stage.PAID), (Level.FINALIZED, Stage.FINAL)):
        view = after(day, PaymentSeen(at_ms=NAMED_MS + HOUR_MS, bidder_id=ANN, level=level))
        assert of(view, *OFFER) == [stage, WALLET, "7", until, level.name.lower()]


def test_while_something_is_down_the_view_says_what_and_names_no_deadline(day: AuctionDay) -> None:
    down = [WentDown(at_ms=NAMED_MS + HOUR_MS, what=what) for what in ("x", "chain")]
    assert of(after(begun(day), ANNOUNCED, *down), "down", "pay_by_ms") == ["chain,x", ""]


def test_the_view_of_the_next_buyer_shows_nothing_of_the_one_before(day: AuctionDay) -> None:
    after(begun(day), ANNOUNCED)
    day.decide([reply(NAMED_MS - OPENS_MS + 1_000, ANN, WALLET)], NAMED_MS)
    after(day, SENT, MADE)
    day.decide([reply(NAMED_MS - OPENS_MS + 5_000, ANN, "I decline")], NAMED_MS)
    after(day, OfferGone(at_ms=NAMED_MS + HOUR_MS, bidder_id=ANN, offer=7))
    day.decide([AskNextBidder(message_id="next", banned=(), at_ms=NAMED_MS + HOUR_MS)], NAMED_MS)
    view = day_view(day)
    assert of(view, "buyer_handle", "price_wei") == ["user2", str(ETH * 9 // 10)]
    assert of(view, *OFFER, "pay_by_ms") == ["AWAITING_WALLET", "", "", "", "", ""]
