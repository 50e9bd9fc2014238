"""A case as its actor conducts it: each command that it gives is carried out at once, as the auction does it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from auction.settlement.calls import Offer
from auction.settlement.case import Case, SaleLog
from auction.settlement.ladder import take
from messages.commands import AdvanceSettlement, AuctionCommand, BeginSettlement
from messages.events import SettlementAdvanced, SettlementBegun, WatermarkMoved
from messages.settlement import Level, WalletNamed
from tests.auction.settlement.settlement_script import HOUR_MS, TERMS, bidder

pytestmark = pytest.mark.requirement("CHN-3", "CHN-5")

WALLET, OTHER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
OFFERED, SOLD = SaleLog("Offered", 1, "0xa", 0, "0x1", 2 * HOUR_MS), SaleLog("Sold", 1, "0xb", 0, "0x2", 3 * HOUR_MS)


class Conducted:
    """The case of a lot that ann has won. Times are hours after its result was announced."""

    def __init__(self) -> None:
        self.case = Case("m-01", 1, bidder("ann", "3"), TERMS)
        self.does(self.case.begin())
        self.does(self.case.announced(1, 0))

    def does(self, commands: Iterable[AuctionCommand]) -> None:
        for command in commands:
            about: Any = {"message_id": "", "at_ms": 0}
            match command:
                case BeginSettlement():
                    self.case.on_event(SettlementBegun(**about, terms=command.terms))
                case AdvanceSettlement():
                    assert self.case.settlement
                    stage = take(self.case.settlement, command.fact).stage
                    self.case.on_event(SettlementAdvanced(**about, fact=command.fact, stage=stage))

    def names(self, hours: float, wallet: str = WALLET) -> None:
        fact = WalletNamed(at_ms=int(hours * HOUR_MS), bidder_id=1, wallet=wallet)
        self.does([AdvanceSettlement(message_id="", fact=fact)])

    def at(self, hours: float, read: float | None = None) -> None:
        """It is this time; up to then, or to `read`, all replies and payments are known."""
        now_ms, read_ms = (int(each * HOUR_MS) for each in (hours, hours if read is None else read))
        self.case.on_event(WatermarkMoved(message_id="", at_ms=now_ms, watermark_ms=read_ms))
        self.does(self.case.due(now_ms, read_ms, ()))

    @property
    def stage(self) -> str:
        assert self.case.settlement
        return self.case.settlement.stage.value


@pytest.fixture
def offered() -> Conducted:
    it = Conducted()
    it.names(1)
    it.at(2)
    it.does(it.case.seen(OFFERED))
    assert it.stage == "OFFERED"
    return it


def test_an_offer_and_its_payment_count_again_when_the_chain_comes_back_to_their_blocks(offered: Conducted) -> None:
    it = offered
    it.does(it.case.seen(SOLD))
    for log in (SOLD, OFFERED):
        it.does(it.case.revoked(log.id, 4 * HOUR_MS))
    assert it.stage == "WALLET_NAMED"
    for _ in range(2):
        it.does(it.case.seen(OFFERED))
        it.does(it.case.seen(SOLD))
        assert it.stage == "PAID"
        it.does(it.case.revoked(SOLD.id, 4 * HOUR_MS))
        assert it.stage == "OFFERED"
        it.does(it.case.revoked(OFFERED.id, 4 * HOUR_MS))
    it.does(it.case.seen(OFFERED))
    it.does(it.case.seen(SOLD))
    it.does(it.case.confirmed(Level.FINALIZED, SOLD.block_hash))
    assert it.stage == "FINAL"


def test_an_offer_that_did_not_reach_the_chain_before_its_own_end_is_given_up_and_made_anew() -> None:
    it = Conducted()
    it.names(1)
    it.at(2)
    [(first, offer)] = it.case.calls(2 * HOUR_MS).items()
    assert offer
    assert it.case.calls(48 * HOUR_MS)[first] == offer  # until then it may yet be mined
    assert it.case.calls(49 * HOUR_MS) == {first: None}
    it.does(it.case.dropped(first, 49 * HOUR_MS))
    it.at(50, read=2)
    [(second, offer)] = it.case.calls(50 * HOUR_MS).items()
    assert second != first
    assert offer
    assert msgspec.structs.asdict(offer)["deadline_s"] * 1000 > 50 * HOUR_MS


def test_no_offer_is_sent_when_our_clock_has_passed_the_deadline_and_not_all_before_it_is_known() -> None:
    it = Conducted()
    it.names(23.9)
    it.at(24.5, read=23.95)
    assert it.stage == "WALLET_NAMED"
    it.at(25)
    assert it.stage == "EXPIRED"


def test_no_offer_is_sent_before_all_replies_are_known_that_may_correct_the_wallet() -> None:
    it = Conducted()
    it.names(1)
    it.at(3, read=1.2)
    assert it.case.calls(3 * HOUR_MS) == {}
    it.names(1.4, OTHER)  # posted in time, found late
    it.at(3)
    [offer] = it.case.calls(3 * HOUR_MS).values()
    assert isinstance(offer, Offer)
    assert offer.to == OTHER
