"""The settlement inside a day: what is told of it, what its log says, and that a replay and the audit agree."""

import itertools
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.settling import NOT_PAID
from messages.base import Refusal
from messages.codec import pack, unpack
from messages.commands import AdvanceSettlement, AskNextBidder, AuctionCommand, BeginSettlement, PlaceBid, VoidAuction
from messages.events import (
    AuctionEvent,
    BidRefused,
    SettlementAdvanced,
    SettlementBegun,
    SettlementFactRefused,
    StrikeGiven,
    WalletRefused,
)
from messages.settlement import (
    Announced,
    CameBack,
    Level,
    OfferGone,
    OfferMade,
    OfferSent,
    PaymentReorged,
    PaymentSeen,
    SettlementFact,
    Stage,
    Terms,
    TimePassed,
    WentDown,
)
from tests.harness.builders import AUCTION, CLOSES_MS, OPENING, OPENS_MS, RULES, injected, reply, swept

pytestmark = pytest.mark.requirement("CHN-5")

HOUR_MS = 3_600_000
NAMED_MS = CLOSES_MS + RULES.delivery_allowance_ms  # when the result is named
WALLET, OTHER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
CONTRACT = "0x" + "c0" * 20
ANN, BOB, EVE = 1, 2, 3
TERMS = Terms(
    reserve_wei=RULES.reserve_wei,
    payment_ms=24 * HOUR_MS,
    acceptance_ms=12 * HOUR_MS,
    runners_up=2,
    runner_up_basis_points=8_000,
    wallet_wait_ms=600_000,
    own_addresses=(CONTRACT,),
)
BEGIN = BeginSettlement(message_id="begin", terms=TERMS)


class Sale:
    """A day that ann wins with 1 ETH, before bob's 0.9 and eve's 0.8. Each batch is audited, and replayed."""

    def __init__(self, winning: PlaceBid | None = None) -> None:
        self.day, self._auditor, self._ids = AuctionDay(AUCTION), Auditor(AUCTION), itertools.count()
        self.tell(*OPENING, at_ms=OPENS_MS)
        self.tell(reply(1, EVE, "0.8"), reply(2, BOB, "0.9"), winning or reply(3, ANN, "1"), at_ms=OPENS_MS)
        self._checked(self.day.state(), self.day.tick(NAMED_MS))
        self.tell(swept(CLOSES_MS))

    def tell(self, *commands: AuctionCommand, at_ms: int = NAMED_MS) -> list[AuctionEvent]:
        before = self.day.state()
        return self._checked(before, self.day.decide(commands, at_ms))

    def tell_fact(self, fact: SettlementFact) -> list[AuctionEvent]:
        return self.tell(AdvanceSettlement(message_id=f"fact:{next(self._ids)}", fact=fact))

    def say(self, after_ms: int, text: str, author: int = ANN) -> list[AuctionEvent]:
        """What `author` replies so long after the result."""
        return self.tell(reply(NAMED_MS - OPENS_MS + after_ms, author, text))

    def _checked(self, before: DayState, events: list[AuctionEvent]) -> list[AuctionEvent]:
        assert self._auditor.check(events) is None
        again = AuctionDay(AUCTION, unpack(pack(before), DayState))
        again.replay(events)
        assert pack(again.state()) == pack(self.day.state())
        return events

    @property
    def stage(self) -> Stage | None:
        return self.day.settlement.stage if self.day.settlement else None

    @property
    def wallet(self) -> str:
        return self.day.settlement.wallet if self.day.settlement else ""


def kinds(events: list[AuctionEvent]) -> list[type]:
    return [type(event) for event in events]


@pytest.fixture
def sale() -> Sale:
    """A sale whose settlement has begun and is announced."""
    it = Sale()
    it.tell(BEGIN)
    it.tell_fact(Announced(at_ms=NAMED_MS, bidder_id=ANN))
    return it


def test_the_settlement_of_a_sold_day_begins_once_with_its_winner() -> None:
    it = Sale()
    assert kinds(it.tell(BEGIN)) == [SettlementBegun]
    assert it.tell(BEGIN) == []
    assert it.day.settlement
    assert it.day.settlement.buyer.bidder_id == ANN


def test_a_day_that_is_void_has_nothing_to_settle() -> None:
    day = AuctionDay(AUCTION)
    day.decide(OPENING, OPENS_MS)
    assert day.decide([BEGIN], OPENS_MS) == []
    day.decide([VoidAuction(message_id="void", by="ada", why="broken", said_at_ms=OPENS_MS)], OPENS_MS)
    assert day.decide([BEGIN], OPENS_MS) == []


def test_nobody_is_asked_to_pay_a_bid_that_a_test_has_made_up() -> None:
    it = Sale(winning=injected(3, ANN, "1"))
    assert it.tell(BEGIN) == []


def test_the_buyers_reply_names_the_wallet_and_is_no_bid(sale: Sale) -> None:
    (named,) = sale.say(1_000, f"gm! {WALLET} #AuctionDay")
    assert isinstance(named, SettlementAdvanced)
    assert (named.stage, sale.wallet, named.correlation_id[:6]) == (Stage.WALLET_NAMED, WALLET, "tweet:")
    assert sale.say(1_000, f"gm! {WALLET} #AuctionDay") == []  # found once more, by a search


@pytest.mark.parametrize("text", [f"&lt;{WALLET}&gt;", f"gm &amp; {WALLET}"])
def test_a_reply_is_read_as_it_is_shown_not_as_x_delivers_it(text: str, sale: Sale) -> None:
    sale.say(1_000, text)
    assert sale.wallet == WALLET


def test_a_reply_that_names_no_wallet_is_answered_once(sale: Sale) -> None:
    (refused,) = sale.say(1_000, "ann.eth")
    assert isinstance(refused, WalletRefused)
    assert (refused.fault, refused.bidder_id, sale.stage) == ("NAME", ANN, Stage.AWAITING_WALLET)
    assert sale.say(1_000, "ann.eth") == []
    assert kinds(sale.say(2_000, CONTRACT)) == [WalletRefused]  # our own


def test_whoever_has_named_a_wallet_may_chat(sale: Sale) -> None:
    sale.say(1_000, WALLET)
    assert sale.say(2_000, "thank you so much") == []
    assert kinds(sale.say(3_000, f"or better ann.eth? {OTHER}")) == [WalletRefused]
    assert sale.wallet == WALLET


def test_a_later_wallet_replaces_an_earlier_one_whichever_is_found_first(sale: Sale) -> None:
    sale.say(2_000, OTHER)
    assert sale.say(1_000, WALLET) == []
    assert sale.wallet == OTHER


def test_once_the_offer_is_sent_another_wallet_is_refused_and_said_so_once(sale: Sale) -> None:
    sale.say(1_000, WALLET)
    sale.tell_fact(OfferSent(at_ms=NAMED_MS + 700_000, bidder_id=ANN))
    assert kinds(sale.say(701_000, OTHER)) == [SettlementFactRefused]
    assert sale.say(701_000, OTHER) == []
    assert sale.wallet == WALLET


def test_what_others_reply_is_about_bids(sale: Sale) -> None:
    (refused,) = sale.say(1_000, f"2 ETH #AuctionDay {WALLET}", author=BOB)
    assert isinstance(refused, BidRefused)
    assert refused.reason is Refusal.FOUND_TOO_LATE


def test_what_the_winner_has_posted_before_the_end_is_about_bids(sale: Sale) -> None:
    assert kinds(sale.tell(reply(5, ANN, "3"))) == [BidRefused]


def test_who_declines_makes_room_and_who_is_struck_is_told(sale: Sale) -> None:
    assert kinds(sale.say(1_000, "I decline, sorry")) == [SettlementAdvanced]
    assert sale.stage is Stage.DECLINED
    _, strike = sale.tell_fact(OfferGone(at_ms=NAMED_MS + 2_000, bidder_id=ANN))
    assert isinstance(strike, StrikeGiven)
    assert (strike.bidder_id, strike.cause) == (ANN, NOT_PAID)


def expire(sale: Sale, bidder: int, at_ms: int) -> list[AuctionEvent]:
    """The bidder lets the time pass, and no offer to the bidder is open."""
    return sale.tell_fact(TimePassed(at_ms=at_ms)) + sale.tell_fact(OfferGone(at_ms=at_ms, bidder_id=bidder))


@pytest.mark.parametrize(("banned", "asked"), [((), BOB), ((BOB,), EVE), ((BOB, EVE), None)])
def test_the_next_bidder_is_the_best_who_was_not_asked_and_is_not_banned(
    banned: tuple[int, ...], asked: int | None, sale: Sale
) -> None:
    expire(sale, ANN, NAMED_MS + 24 * HOUR_MS)
    sale.tell(AskNextBidder(message_id="next", banned=banned, at_ms=NAMED_MS + 25 * HOUR_MS))
    assert sale.day.settlement
    found = (sale.stage, sale.day.settlement.buyer.bidder_id)
    assert found == ((Stage.AWAITING_WALLET, asked) if asked else (Stage.UNSOLD, ANN))
    assert sale.tell(AskNextBidder(message_id="next", banned=(), at_ms=NAMED_MS + 25 * HOUR_MS)) == []


def test_a_lot_is_paid_and_final(sale: Sale) -> None:
    sale.say(1_000, WALLET)
    about: Any = {"at_ms": NAMED_MS + HOUR_MS, "bidder_id": ANN}
    for fact, stage in (
        (OfferSent(**about), Stage.WALLET_NAMED),
        (OfferMade(**about, offer=1), Stage.OFFERED),
        (PaymentSeen(**about, level=Level.UNSAFE), Stage.PAID),
        (PaymentReorged(**about), Stage.OFFERED),
        (PaymentSeen(**about, level=Level.SAFE), Stage.PAID),
        (PaymentSeen(**about, level=Level.FINALIZED), Stage.FINAL),
    ):
        assert kinds(sale.tell_fact(fact)) == [SettlementAdvanced]
        assert sale.tell_fact(fact) == []  # told twice
        assert sale.stage is stage


def test_a_payment_that_nobody_was_asked_for_is_told_and_changes_nothing(sale: Sale) -> None:
    fact = PaymentSeen(at_ms=NAMED_MS, bidder_id=BOB, level=Level.SAFE)
    assert kinds(sale.tell_fact(fact)) == [SettlementFactRefused]
    assert sale.stage is Stage.AWAITING_WALLET


def test_a_time_that_brings_nothing_leaves_no_trace(sale: Sale) -> None:
    assert sale.tell_fact(TimePassed(at_ms=NAMED_MS + 1)) == []


OFFERS = [(ANN, 0), (ANN, 1), (BOB, 0), (BOB, 2)]
FACTS = [
    *(partial(kind, what=what) for kind in (WentDown, CameBack) for what in ("chain", "X")),
    *(partial(kind, bidder_id=who) for kind in (Announced, OfferSent, PaymentReorged) for who in (ANN, BOB)),
    *(partial(kind, bidder_id=who, offer=number) for kind in (OfferMade, OfferGone) for who, number in OFFERS),
    *(partial(PaymentSeen, bidder_id=who, level=level) for who in (ANN, BOB) for level in Level),
    TimePassed,
]
WORDS = [WALLET, OTHER, "I decline", "ann.eth", "thanks", f"{WALLET} {OTHER}", "2 ETH #AuctionDay"]
STEPS = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(FACTS) | st.sampled_from(WORDS) | st.just("next")), max_size=25
)


@settings(deadline=None)
@given(STEPS)
def test_whatever_is_told_of_a_settlement_its_replay_and_its_audit_agree(steps: list[tuple[int, object]]) -> None:
    it = Sale()
    it.tell(BEGIN)
    for hours, step in steps:
        at_ms = NAMED_MS + hours * HOUR_MS
        if step == "next":
            it.tell(AskNextBidder(message_id="next", banned=(), at_ms=at_ms))
        elif isinstance(step, str):
            it.say(hours * HOUR_MS, step)
        else:
            it.tell_fact(step(at_ms=at_ms))  # type: ignore[operator]  # one of FACTS
