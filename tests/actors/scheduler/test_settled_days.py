"""The house and settlements: the marathon waits for them, and an unpaid lot comes again."""

import pytest
from msgspec.structs import replace

from actors.scheduler.actor import Scheduler
from actors.scheduler.day_plan import FurtherDay
from actors.scheduler.house_state import LATE_DAYS, HouseState
from messages.base import Leader, Outcome, Wei
from messages.events import DayAdded, MarathonEnded, ResultNamed, SettlementAdvanced
from messages.settlement import Level, NextChosen, PaymentSeen, SettlementFact, Stage
from tests.harness.builders import ETH
from tests.harness.stage import HOUR_MS, day_plan
from tests.harness.stage import Stage as Theatre

pytestmark = pytest.mark.requirement("CHN-5", "LIFE-4")

ANN = Leader(post_id=1, bidder_id=1, bidder_handle="ann", amount_wei=Wei(2 * ETH))
BOB = Leader(post_id=2, bidder_id=2, bidder_handle="bob", amount_wei=Wei(ETH))


class House:
    """A marathon of one day. Ann has won its lot, and the scheduler waits until the lot is paid for."""

    def __init__(self, stage: Theatre) -> None:
        self.stage = stage
        self.plan = day_plan(1, stage.clock() + 1_000)
        self.scheduler = self.enter()
        stage.clock.goes_on(1_000)
        stage.step(self.scheduler)
        result = ResultNamed(
            message_id="m-01:result", at_ms=0, auction_id="m-01", day=1, outcome=Outcome.SOLD, winner=ANN
        )
        stage.commit("m-01", result)
        stage.step(self.scheduler)

    def enter(self) -> Scheduler:
        """The scheduler, in place of the one before it, which crashes."""
        opens_at_ms = self.plan.window.opens_at_ms + 24 * HOUR_MS
        window = replace(self.plan.window, day=2, opens_at_ms=opens_at_ms, closes_at_ms=opens_at_ms + HOUR_MS)
        stage = self.stage
        return stage.enter(
            "scheduler",
            lambda context: Scheduler(
                context,
                [self.plan],
                stage.access,
                stage.clock,
                lambda _: None,
                [],
                further=[FurtherDay("m-02", window)],
                settles=True,
            ),
        )

    def advance(self, fact: SettlementFact, stage: Stage) -> None:
        """The auction tells of a step of its settlement; the scheduler reads of it, crashes, and comes again."""
        event = SettlementAdvanced(message_id=f"settlement:{fact}", at_ms=0, fact=fact, stage=stage)
        self.stage.commit("m-01", event)
        self.stage.step(self.scheduler)
        self.scheduler = self.enter()
        self.stage.step(self.scheduler)

    @property
    def ended(self) -> list[tuple[int, int, int]]:
        """What the end of the marathon says: sold, unsold, wei."""
        return [(event.sold, event.unsold, event.total_wei) for event in self.stage.logged(MarathonEnded)]


@pytest.fixture
def house(stage: Theatre) -> House:
    return House(stage)


def test_the_marathon_ends_once_its_last_lot_is_paid_for_good(house: House) -> None:
    paid = PaymentSeen(at_ms=0, bidder_id=1, level=Level.SAFE)
    house.advance(paid, Stage.PAID)
    assert house.ended == []
    house.advance(PaymentSeen(at_ms=0, bidder_id=1, level=Level.FINALIZED), Stage.FINAL)
    assert house.ended == [(1, 0, 2 * ETH)]


def test_its_sum_is_what_was_paid_not_what_was_bid(house: House) -> None:
    house.advance(NextChosen(at_ms=0, bidder=BOB), Stage.AWAITING_WALLET)
    house.advance(PaymentSeen(at_ms=0, bidder_id=2, level=Level.FINALIZED), Stage.FINAL)
    assert house.ended == [(1, 0, ETH)]


def test_a_lot_that_nobody_pays_for_comes_again(house: House) -> None:
    house.advance(NextChosen(at_ms=0, bidder=None), Stage.UNSOLD)
    [added] = house.stage.logged(DayAdded)
    assert (added.day, added.of_day, added.lot) == (2, 1, house.plan.lot)
    assert house.ended == []


def test_an_auction_reads_its_queue_until_its_lot_is_paid_for() -> None:
    later = list(range(2, 2 + LATE_DAYS + 1))
    assert HouseState(finished=[1, *later], settling=[1]).is_worth_reading(1)
    assert not HouseState(finished=[1, *later]).is_worth_reading(1)
