"""Settlements told as text, so that a case reads as what happened. Ann won with 3 ETH; times are hours after that.

    0h announced                    to whoever is asked; then: named [another], declined, sent, offered, gone [offer],
    1h named                            unpaid, unmade (reorganised away), paid unsafe, safe, finalized
    2h bob named                    the same, of somebody in particular
    24h                             everything until then is known
    5h X down, 7h X back
    25h next bob 2                  who comes next and his bid; or: next nobody
    then ann is OFFERED until 24h   her time runs until then; without "until", it does not run
    then ann is PAID at SAFE
    then it is UNSOLD
    then ann's wallet is 0xann
    then the offer goes out from 3.5h   or: then nothing is to be offered
    then strikes: ann
    then refused: a reason          the fact before it, and nothing has changed; else every fact must be fit

Each fact is told twice: a repetition changes nothing.
"""

from typing import Any

from auction.settlement.ladder import IllegalStep, Settlement, UnfitFact, begin, take
from messages.base import Leader, Wei
from messages.settlement import (
    Announced,
    CameBack,
    Declined,
    Level,
    NextChosen,
    OfferGone,
    OfferMade,
    OfferReorged,
    OfferSent,
    PaymentReorged,
    PaymentSeen,
    SettlementFact,
    Terms,
    TimePassed,
    WalletNamed,
    WentDown,
)
from tests.harness.builders import ETH

HOUR_MS = 3_600_000
BIDDERS = {"ann": 1, "bob": 2, "eve": 3, "zoe": 4}
TERMS = Terms(
    reserve_wei=Wei(ETH),
    payment_ms=24 * HOUR_MS,
    acceptance_ms=12 * HOUR_MS,
    runners_up=2,
    runner_up_basis_points=8_000,
    wallet_wait_ms=HOUR_MS // 2,
)


def bidder(name: str, eth: str) -> Leader:
    number = BIDDERS[name]
    return Leader(
        post_id=number, bidder_id=number, bidder_handle=name, amount_wei=Wei(int(float(eth) * 100) * ETH // 100)
    )


def read(line: str, settlement: Settlement) -> SettlementFact:
    """The fact that a line means; it is about who is asked unless it names somebody."""
    time, *words = line.split()
    at_ms = int(float(time.removesuffix("h")) * HOUR_MS)
    match words:
        case []:
            return TimePassed(at_ms=at_ms)
        case [what, "down"]:
            return WentDown(at_ms=at_ms, what=what)
        case [what, "back"]:
            return CameBack(at_ms=at_ms, what=what)
        case ["next", "nobody"]:
            return NextChosen(at_ms=at_ms, bidder=None)
        case ["next", name, eth]:
            return NextChosen(at_ms=at_ms, bidder=bidder(name, eth))
    name = words.pop(0) if words[0] in BIDDERS else settlement.buyer.bidder_handle
    about: Any = {"at_ms": at_ms, "bidder_id": BIDDERS[name]}
    match words:
        case ["announced"]:
            return Announced(**about)
        case ["named", *another]:
            return WalletNamed(**about, wallet=f"0x{name}{''.join(another)}")
        case ["declined"]:
            return Declined(**about)
        case ["sent"]:
            return OfferSent(**about)
        case ["offered"]:
            return OfferMade(**about, offer=len(settlement.asked))
        case ["unmade"]:
            return OfferReorged(**about, offer=settlement.offer)
        case ["gone", *number]:
            return OfferGone(**about, offer=int(number[0]) if number else settlement.offer)
        case ["paid", level]:
            return PaymentSeen(**about, level=Level[level.upper()])
        case ["unpaid"]:
            return PaymentReorged(**about)
    raise ValueError(f"not understood: {line}")


def play(script: str, terms: Terms = TERMS) -> Settlement:
    """Line by line; what stands after "then" is asserted."""
    settlement, refused = begin(terms, bidder("ann", "3")), ""
    for line in filter(None, (line.strip() for line in script.splitlines())):
        if line.startswith("then refused:"):
            assert line.removeprefix("then refused: ") in refused, f"not so: {line}; but {refused or settlement}"
            refused = ""
        elif line.startswith("then "):
            assert holds(settlement, line.split()[1:]), f"not so: {line}; but {settlement}"
        else:
            assert not refused, refused
            fact = read(line, settlement)
            try:
                settlement = take(settlement, fact)
            except (IllegalStep, UnfitFact) as error:
                refused = str(error)
            else:
                assert take(settlement, fact) == settlement, f"told twice, this is not the same: {line}"
    assert not refused, refused
    return settlement


def holds(settlement: Settlement, claim: list[str]) -> bool:
    match claim:
        case ["strikes:", *names]:
            return [settlement.struck.bidder_handle] == names if settlement.struck else not names
        case [name, "wallet", "is", wallet]:
            return (f"{settlement.buyer.bidder_handle}'s", settlement.wallet) == (name, wallet)
        case ["nothing", "is", "to", "be", "offered"]:
            return settlement.offer_from_ms is None
        case ["the", "offer", "goes", "out", "from", time]:
            return settlement.offer_from_ms == int(float(time.removesuffix("h")) * HOUR_MS)
        case ["it", "is", stage]:
            return settlement.stage == stage
        case [name, "is", "PAID", "at", level]:
            return holds(settlement, [name, "is", "PAID"]) and settlement.level is Level[level]
        case [name, "is", stage, *until]:
            deadline_ms = int(float(until[1].removesuffix("h")) * HOUR_MS) if until else None
            said = (settlement.buyer.bidder_handle, settlement.stage, settlement.deadline_ms)
            return said == (name, stage, deadline_ms)
    raise ValueError(f"not understood: {' '.join(claim)}")
