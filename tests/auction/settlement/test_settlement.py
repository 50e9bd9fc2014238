"""The settlement of a lot: cases as text (`settlement_script` says how they are read), the table, random ladders."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auction.settlement.ladder import TRANSITIONS, IllegalStep, Settlement, UnfitFact, advance, begin, take
from auction.settlement.runner_up import runner_up
from messages.base import Leader, Wei
from messages.codec import pack, unpack
from messages.settlement import (
    Announced,
    CameBack,
    Declined,
    Fact,
    Level,
    NextChosen,
    OfferGone,
    OfferMade,
    OfferReorged,
    OfferSent,
    PaymentReorged,
    PaymentSeen,
    Stage,
    TimePassed,
    WalletNamed,
    WentDown,
)
from tests.auction.script import Played
from tests.auction.settlement.settlement_script import HOUR_MS, TERMS, bidder, play
from tests.harness.builders import ETH

LADDERS = {
    "the winner pays": """
        then ann is AWAITING_WALLET
        1h announced
        then ann is AWAITING_WALLET until 25h
        2h named
        then ann is WALLET_NAMED until 25h
        3h offered
        then ann is OFFERED until 25h
        4h paid unsafe
        then ann is PAID
        5h paid safe
        6h paid finalized
        then ann is FINAL
        then strikes:
    """,
    "his time begins with the announcement, however late that is": """
        30h
        then ann is AWAITING_WALLET
        31h announced
        then ann is AWAITING_WALLET until 55h
    """,
    "who has not paid when his time is over makes room, and is struck once no offer to him is open": """
        0h announced
        1h named
        2h offered
        23.99h
        then ann is OFFERED until 24h
        24h
        then ann is EXPIRED
        then strikes:
        24h next bob 2.5
        then refused: a settlement that is EXPIRED cannot become AWAITING_WALLET
        25h gone
        then it is NEXT_BIDDER
        then strikes: ann
        25h next bob 2.5
        then bob is AWAITING_WALLET
        26h announced
        then bob is AWAITING_WALLET until 38h
        27h named
        then bob is WALLET_NAMED until 38h
    """,
    "a runner-up who declines or says nothing gets no strike, and then the lot is unsold": """
        0h announced
        1h declined
        1h gone
        1h next bob 2.5
        2h announced
        3h declined
        then bob is DECLINED
        3h gone
        3h next eve 2
        3h announced
        15h
        then eve is EXPIRED
        15h gone
        16h next nobody
        then it is UNSOLD
        then strikes: ann
    """,
    "no more are asked than the terms allow": """
        0h declined
        0h gone
        0h next bob 3
        0h declined
        0h gone
        0h next eve 2.5
        0h declined
        0h gone
        0h next zoe 2
        then it is UNSOLD
    """,
    "a runner-up far below the price that failed is not asked: the lot comes again": """
        0h declined
        0h gone
        0h next bob 2.39
        then it is UNSOLD
        then strikes: ann
    """,
    "shielding: the accomplice far below gets nothing, since the high bid binds and is not paid": """
        0h announced
        24h
        24h gone
        24h next bob 0.4
        then refused: below the reserve
        24h next bob 1
        then it is UNSOLD
    """,
    "each runner-up is measured by the price that failed last": """
        0h declined
        0h gone
        0h next bob 2.4
        0h declined
        0h gone
        0h next eve 1.92
        then eve is AWAITING_WALLET
    """,
    "sock puppets in steps: the third is too far below the second": """
        0h declined
        0h gone
        0h next bob 2.4
        0h declined
        0h gone
        0h next eve 1.91
        then it is UNSOLD
    """,
    "a runner-up pays at his own bid": """
        0h declined
        0h gone
        0h next bob 2.5
        1h announced
        2h named
        3h offered
        4h paid unsafe
        5h paid finalized
        then bob is FINAL
        then strikes: ann
    """,
    "no time runs while anything is down": """
        0h announced
        5h X down
        then ann is AWAITING_WALLET
        6h chain down
        7h X back
        then ann is AWAITING_WALLET
        30h
        then ann is AWAITING_WALLET
        31h chain back
        then ann is AWAITING_WALLET until 50h
        50h
        then ann is EXPIRED
    """,
    "told in an outage, his time begins after it": """
        1h house down
        2h announced
        then ann is AWAITING_WALLET
        9h house back
        then ann is AWAITING_WALLET until 33h
    """,
    "an outage that began before his time did takes nothing from it": """
        10h announced
        9h X down
        12h X back
        then ann is AWAITING_WALLET until 36h
    """,
    "an outage that is told late stops only what had not passed": """
        0h announced
        24h X down
        then ann is EXPIRED
    """,
    "a payment that is reorganised away gives him back what he had left": """
        0h announced
        1h named
        2h offered
        20h paid unsafe
        then ann is PAID
        40h unpaid
        then ann is OFFERED until 44h
        41h paid unsafe
        42h paid finalized
        then ann is FINAL
    """,
    "a level is never taken back by a slower node": """
        0h named
        0h offered
        1h paid safe
        2h paid unsafe
        then ann is PAID at SAFE
        3h paid finalized
        4h paid safe
        then ann is FINAL
    """,
    "an offer that lapses on chain or is reorganised away is made again": """
        0h announced
        1h named
        2h offered
        3h gone
        then ann is WALLET_NAMED until 24h
        4h offered
        then ann is OFFERED until 24h
    """,
    "until the offer to him is gone, the chain decides: who pays late has paid": """
        0h announced
        1h named
        2h offered
        24h
        then ann is EXPIRED
        25h paid unsafe
        then ann is PAID
        25h gone
        then refused: a settlement that is PAID cannot become WALLET_NAMED
        26h paid finalized
        then ann is FINAL
        then strikes:
    """,
    "an offer that crosses with the end of his turn is still to be taken back": """
        0h announced
        1h named
        24h
        24.1h offered
        then ann is EXPIRED
        24.1h next bob 2.5
        then refused: cannot become AWAITING_WALLET
        25h gone
        then it is NEXT_BIDDER
    """,
    "who pays late and loses it to a reorganisation has no time left": """
        0h announced
        1h named
        2h offered
        25h paid unsafe
        then ann is PAID
        26h unpaid
        then ann is EXPIRED
    """,
    "a payment that nobody was to make any more is refused aloud": """
        0h announced
        1h named
        2h offered
        24h
        24h gone
        24h paid unsafe
        then refused: a settlement that is NEXT_BIDDER cannot become PAID
    """,
    "a payment without an offer is refused aloud": """
        0h announced
        24h
        24h paid unsafe
        then refused: nothing was offered to him
    """,
    "a finalized payment is never reorganised away": """
        0h named
        0h offered
        1h paid finalized
        2h unpaid
        then refused: a settlement that is FINAL cannot become OFFERED
    """,
    "nobody else speaks for him": """
        0h announced
        1h bob named
        then refused: bidder 2 is not the buyer, bidder 1
        1h bob declined
        then refused: bidder 2 is not the buyer, bidder 1
        then ann is AWAITING_WALLET until 24h
    """,
    "a later wallet replaces an earlier one, whichever is found first, until the offer is sent": """
        2h named another
        1h named
        then ann's wallet is 0xannanother
        3h named
        then ann's wallet is 0xann
        then the offer goes out from 3.5h
        4h sent
        then nothing is to be offered
        5h named another
        then refused: the offer to 1 was sent to the wallet 0xann before
        5h named
        then ann is WALLET_NAMED
        6h offered
        7h named
        then ann is OFFERED
    """,
    "after the end of an offer another wallet can be named, and no earlier end is taken for a later offer's": """
        1h named
        2h sent
        3h offered
        4h gone
        then ann is WALLET_NAMED
        5h named another
        6h sent
        then ann's wallet is 0xannanother
        4h gone 1
        then nothing is to be offered
    """,
    "an outage that is told late counts from its beginning, though the time stood still for another one since": """
        0h announced
        11h chain down
        10h X down
        12h X back
        13h chain back
        then ann is AWAITING_WALLET until 27h
    """,
    "an outage that is told after one within it counts once and whole": """
        0h announced
        11h house down
        11.5h house back
        10h X down
        12h X back
        then ann is AWAITING_WALLET until 26h
    """,
    "an outage that is told after an offer was on its way takes nothing of that time back": """
        0h announced
        1h named
        5h sent
        6h offered
        then ann is OFFERED until 25h
        4h X down
        4.5h X back
        then ann is OFFERED until 25.5h
    """,
    "outages that are told once more in their order take no time back": """
        0h announced
        2h X down
        12h X back
        20h X down
        21h X back
        then ann is AWAITING_WALLET until 35h
        2h X down
        12h X back
        20h X down
        21h X back
        then ann is AWAITING_WALLET until 35h
    """,
    "a reply after the deadline is taken until the time has surely passed, since an outage may be told later": """
        0h announced
        25h named
        20h house down
        26h house back
        then ann is WALLET_NAMED until 30h
        30h
        then ann is EXPIRED
        31h named another
        then refused: a settlement that is EXPIRED cannot become WALLET_NAMED
    """,
    "no offer goes out while something is down": """
        1h named
        1h chain down
        then nothing is to be offered
        5h chain back
        then the offer goes out from 1.5h
    """,
    "while an offer is on its way no time passes, and again while it is on its way once more": """
        0h announced
        1h named
        2h sent
        then ann is WALLET_NAMED
        30h
        31h offered
        then ann is OFFERED until 53h
        32h unmade
        then ann is WALLET_NAMED
        40h offered
        then ann is OFFERED until 61h
    """,
    "an offer that is made after the buyer has declined has to end before the next bidder is asked": """
        0h announced
        1h named
        23h sent
        24h declined
        25h offered
        then ann is DECLINED
        25h gone 0
        then ann is DECLINED
        26h gone
        then it is NEXT_BIDDER
    """,
    "a wallet that comes when his time is over comes too late": """
        0h announced
        24h named
        24h
        then ann is EXPIRED
    """,
    "nobody is offered the lot below the reserve": """
        0h declined
        0h gone
        0h next bob 0.99
        then refused: below the reserve
        then it is NEXT_BIDDER
        0h next bob 2.4
        then bob is AWAITING_WALLET
    """,
    "nobody is asked twice": """
        0h declined
        0h gone
        0h next ann 2
        then refused: bidder 1 was asked before
        0h next bob 2.5
        0h declined
        0h gone
        0h next ann 2
        then refused: bidder 1 was asked before
    """,
}


@pytest.mark.requirement("CHN-5", "LIFE-3", "CHN-2")
@pytest.mark.parametrize("script", LADDERS.values(), ids=LADDERS)
def test_a_settlement_goes_by_its_ladder(script: str) -> None:
    play(script)


@pytest.mark.requirement("LIFE-3")
def test_every_step_that_the_table_does_not_allow_is_refused() -> None:
    assert set(TRANSITIONS) == set(Stage)
    for current in Stage:
        for wanted in Stage:
            if wanted is current:
                assert advance(current, wanted) is False
            elif wanted in TRANSITIONS[current]:
                assert advance(current, wanted) is True
            else:
                with pytest.raises(IllegalStep, match=f"a settlement that is {current} cannot become {wanted}"):
                    advance(current, wanted)


def test_a_result_below_the_reserve_is_not_settled() -> None:
    with pytest.raises(UnfitFact, match="below the reserve"):
        begin(TERMS, bidder("ann", "0.99"))


def leader(number: int, amount_wei: int) -> Leader:
    return Leader(post_id=number, bidder_id=number, bidder_handle=str(number), amount_wei=Wei(amount_wei))


def possible(settlement: Settlement) -> list[Callable[..., Fact]]:
    """What may be told next, still without its time: mostly of who is asked, so that a walk of these gets far."""
    who, before = settlement.buyer.bidder_id, settlement.asked[0].bidder_id
    failed_wei = settlement.buyer.amount_wei
    return [
        *(partial(kind, bidder_id=who) for kind in (Announced, Declined, OfferSent)),
        *(partial(kind, bidder_id=who, offer=who) for kind in (OfferMade, OfferReorged)),
        *(partial(OfferGone, bidder_id=who, offer=offer) for offer in (settlement.offer, settlement.offer, who)),
        *(partial(kind, bidder_id=before) for kind in (Declined, PaymentReorged)),
        partial(OfferMade, bidder_id=before, offer=before),
        *(partial(WalletNamed, bidder_id=who, wallet=wallet) for wallet in ("a", "b")),
        *(partial(PaymentSeen, bidder_id=who, level=level) for level in Level),
        *(partial(kind, what=what) for kind in (WentDown, CameBack) for what in ("X", "chain")),
        partial(NextChosen, bidder=leader(who + 1, failed_wei * 9 // 10)),
        partial(NextChosen, bidder=leader(who + 1, ETH - 1)),
        partial(NextChosen, bidder=leader(before, failed_wei)),
        TimePassed,
    ]


HOURS = st.sampled_from([0, 0, 1, 6, 30])
WHICH = st.integers(0, len(possible(begin(TERMS, leader(1, ETH)))) - 1)


@pytest.mark.requirement("CHN-5", "LIFE-10")
@settings(max_examples=200)
@given(st.lists(st.tuples(HOURS, WHICH), min_size=25, max_size=60))
def test_whatever_happens_one_at_a_time_is_offered_the_lot_above_the_reserve_and_it_ends(
    steps: list[tuple[int, int]],
) -> None:
    settlement = begin(TERMS, leader(1, 3 * ETH))
    open_offers: set[int] = set()
    at_ms = 0

    def tell(fact: Fact) -> None:
        nonlocal settlement
        before = settlement
        try:
            settlement = take(settlement, fact)
        except (IllegalStep, UnfitFact):
            return
        assert take(settlement, fact) == settlement
        assert unpack(pack(settlement), Settlement) == settlement
        if settlement.stage is not before.stage:
            assert before.stage not in (Stage.FINAL, Stage.UNSOLD)
        if isinstance(fact, OfferMade):
            open_offers.add(fact.bidder_id)
        elif isinstance(fact, OfferGone) and not settlement.sent:
            open_offers.discard(fact.bidder_id)
        elif isinstance(fact, NextChosen) and settlement.asked != before.asked:
            assert open_offers == set(), "whoever was asked before could still pay"
        assert len(open_offers) <= 1, "two could pay for one lot"
        ids = [asked.bidder_id for asked in settlement.asked]
        assert len(ids) == len(set(ids)) <= 1 + TERMS.runners_up
        assert all(asked.amount_wei >= TERMS.reserve_wei for asked in settlement.asked)
        assert all(after.amount_wei * 5 >= failed.amount_wei * 4 for failed, after in pairwise(settlement.asked))
        if settlement.stage in (Stage.OFFERED, Stage.PAID, Stage.FINAL):
            assert settlement.wallet
        if settlement.down:
            assert settlement.deadline_ms is None

    for hours, step in steps:
        at_ms += hours * HOUR_MS
        tell(possible(settlement)[step](at_ms=at_ms))

    # From wherever it has come to: everything is up, nothing stands on the chain, nobody says anything, time goes on.
    for what in ("X", "chain"):
        tell(CameBack(at_ms=at_ms, what=what))
    for number in range(100, 101 + TERMS.runners_up):
        who = settlement.buyer.bidder_id
        tell(PaymentReorged(at_ms=at_ms, bidder_id=who))
        tell(Announced(at_ms=at_ms, bidder_id=who))
        tell(OfferGone(at_ms=at_ms, bidder_id=who, offer=settlement.offer))
        at_ms += TERMS.payment_ms
        tell(TimePassed(at_ms=at_ms))
        tell(OfferGone(at_ms=at_ms, bidder_id=who, offer=settlement.offer))
        tell(NextChosen(at_ms=at_ms, bidder=leader(number, settlement.buyer.amount_wei)))
    assert settlement.stage in (Stage.FINAL, Stage.UNSOLD)


RUNNERS_UP = {
    "the runner-up is who would have won without the winner": (
        "10:00 ann bids 0.5\n20:00 bob bids 0.6\n30:00 eve bids 0.7",
        "eve",
        "bob",
    ),
    "a high bid that was never meant has kept nobody out": (
        "10:00 ann bids 0.5\n20:00 eve bids 5\n30:00 bob bids 2\nthen bob 30:00 is BELOW_MINIMUM",
        "eve",
        "bob",
    ),
    "at the last bid of his own that counts": (
        "10:00 ann bids 0.5\n20:00 bob bids 0.6\n30:00 ann bids 0.7\n40:00 eve bids 5\n50:00 ann bids 2",
        "eve",
        "ann",
    ),
    "who has deleted his bid after the close is not asked": (
        "10:00 ann bids 0.5\n20:00 bob bids 0.6\n30:00 eve bids 0.7\n60:30 tick\n60:30 swept\n70:00 bob deletes 20:00",
        "eve",
        "ann",
    ),
    "who was banned in the day is not asked for what he bid then": (
        "10:00 ann bids 0.5\n20:00 bob bids 0.6\n30:00 eve bids 0.7\n31:00 ban bob 15:00",
        "eve",
        "ann",
    ),
    "who was struck since is passed over, as who was asked before is": (
        "10:00 ann bids 0.5\n20:00 bob bids 0.6\n30:00 eve bids 0.7",
        "eve bob",
        "ann",
    ),
    "a bid below the reserve is nobody's": ("10:00 ann bids 0.05\n20:00 bob bids 0.6", "bob", ""),
    "a bid in time that only an extension let in still counts": (
        "59:00 eve bids 0.5\n63:00 bob bids 0.6",
        "eve",
        "bob",
    ),
}
IDS_OF = {"ann": 1, "bob": 2, "eve": 3}


@pytest.mark.requirement("CHN-5", "BID-6")
@pytest.mark.parametrize(("script", "passed", "expected"), RUNNERS_UP.values(), ids=RUNNERS_UP)
def test_who_comes_next_is_who_wins_the_day_without_those_before(script: str, passed: str, expected: str) -> None:
    played = Played().play(script)
    found = runner_up(played.day, [IDS_OF[name] for name in passed.split()])
    assert (found.bidder_id if found else None) == IDS_OF.get(expected)
    if found:
        assert played.day.prepared is not None
        assert found.amount_wei >= played.day.prepared.rules.reserve_wei
