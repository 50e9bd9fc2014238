"""The settlement ladder (CHN-5): which bidder may pay for a sold lot now, until when, and what follows without payment.

The winner is asked first. When a bidder declines or lets the time pass, the next one is asked, at that bidder's own
bid. The ladder takes facts as values, in the order in which they happened. The caller verifies payments before and puts
an unsold lot up again; `runner_up` finds the next bidder, `wallets` reads a wallet from a text.
"""

from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from messages.base import Wei
from messages.events import Leader


class Stage(StrEnum):
    """The stages of a settlement. All but NEXT_BIDDER and UNSOLD concern the bidder who is asked now, the buyer."""

    AWAITING_WALLET = "AWAITING_WALLET"
    WALLET_NAMED = "WALLET_NAMED"
    OFFERED = "OFFERED"
    PAID = "PAID"
    FINAL = "FINAL"
    EXPIRED = "EXPIRED"  # the buyer's time has passed; an offer may still be open on chain
    DECLINED = "DECLINED"  # the buyer has declined; an offer may still be open on chain
    NEXT_BIDDER = "NEXT_BIDDER"  # no offer is open any more; the next bidder is to be asked
    UNSOLD = "UNSOLD"


TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    Stage.AWAITING_WALLET: frozenset({Stage.WALLET_NAMED, Stage.EXPIRED, Stage.DECLINED}),
    Stage.WALLET_NAMED: frozenset({Stage.OFFERED, Stage.EXPIRED, Stage.DECLINED}),
    # WALLET_NAMED: the offer has lapsed on chain or was reorganised away, while the buyer's time still runs.
    Stage.OFFERED: frozenset({Stage.PAID, Stage.WALLET_NAMED, Stage.EXPIRED, Stage.DECLINED}),
    Stage.PAID: frozenset({Stage.FINAL, Stage.OFFERED}),  # OFFERED: the payment was reorganised away
    Stage.EXPIRED: frozenset({Stage.PAID, Stage.NEXT_BIDDER}),  # PAID: while the offer is open, payment counts
    Stage.DECLINED: frozenset({Stage.PAID, Stage.NEXT_BIDDER}),
    Stage.NEXT_BIDDER: frozenset({Stage.AWAITING_WALLET, Stage.UNSOLD}),
    Stage.FINAL: frozenset(),
    Stage.UNSOLD: frozenset(),
}
# The stages in which the buyer's time runs.
_TIMED = frozenset({Stage.AWAITING_WALLET, Stage.WALLET_NAMED, Stage.OFFERED})


class Level(IntEnum):
    """How far the chain has confirmed a payment. Steps that cannot be undone wait for FINALIZED (CHN-2)."""

    UNSAFE = 1
    SAFE = 2
    FINALIZED = 3


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a settlement. From the announcement on, the winner has `payment_ms` and a runner-up `acceptance_ms`
    to name a wallet and to pay. At most `runners_up` bidders are asked after the winner; each must have bid at least
    the share `runner_up_basis_points` of the price that the bidder before did not pay."""

    reserve_wei: Wei
    payment_ms: int
    acceptance_ms: int
    runners_up: int
    runner_up_basis_points: int


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a settlement. `asked` are the winner and the runners-up asked so far; the last one is the buyer.

    `left_ms` is the buyer's time that was left at `runs_since_ms` (UTC ms; None while that time stands still). The time
    stands still while any system is down: `down` names these. `level` is how far a payment is confirmed, None without.
    """

    terms: Terms
    asked: tuple[Leader, ...]
    stage: Stage = Stage.AWAITING_WALLET
    wallet: str = ""
    left_ms: int | None = None
    runs_since_ms: int | None = None
    level: Level | None = None
    down: frozenset[str] = frozenset()

    @property
    def buyer(self) -> Leader:
        """The bidder who is asked to pay for the lot now, or was asked last."""
        return self.asked[-1]

    @property
    def deadline_ms(self) -> int | None:
        """When the buyer's time is over (UTC ms); None while it stands still."""
        return None if self.runs_since_ms is None or self.left_ms is None else self.runs_since_ms + self.left_ms

    @property
    def struck(self) -> Leader | None:
        """The winner, for a strike, once it is certain that the winner has not paid (BID-6); never a runner-up."""
        is_over = len(self.asked) > 1 or self.stage in (Stage.NEXT_BIDDER, Stage.UNSOLD)
        return self.asked[0] if is_over else None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that changes a settlement. `at_ms` (UTC ms) is when it was posted or mined, not when it was found."""

    at_ms: int


class TimePassed(Fact, frozen=True, kw_only=True):
    """Everything posted and mined before `at_ms` is known, as with the watermark of an auction."""


class WentDown(Fact, frozen=True, kw_only=True):
    """The chain, X or this system (`what`) went down: the buyer's time stands still."""

    what: str


class CameBack(Fact, frozen=True, kw_only=True):
    """The system `what` is up again after a WentDown."""

    what: str


class BuyerFact(Fact, frozen=True, kw_only=True):
    """A fact about the bidder with this account id on X, who has to be the buyer."""

    bidder_id: int


class Announced(BuyerFact, frozen=True, kw_only=True):
    """The offer to the buyer was announced in public: the buyer's time begins."""


class WalletNamed(BuyerFact, frozen=True, kw_only=True):
    """The buyer has replied with a wallet. The first wallet that a buyer names holds."""

    wallet: str


class Declined(BuyerFact, frozen=True, kw_only=True):
    """The buyer does not want the lot."""


class OfferMade(BuyerFact, frozen=True, kw_only=True):
    """The lot is offered on chain to the buyer's wallet, at the price of the buyer's bid."""


class OfferGone(BuyerFact, frozen=True, kw_only=True):
    """No offer to the buyer is open on chain, and none can open later: its end is finalized, or it was never sent."""


class PaymentSeen(BuyerFact, frozen=True, kw_only=True):
    """The buyer has paid: the verified payment is in a block with this level of confirmation."""

    level: Level


class PaymentReorged(BuyerFact, frozen=True, kw_only=True):
    """A reorganisation has removed the payment from the chain; the payment may be seen again."""


class NextChosen(Fact, frozen=True, kw_only=True):
    """The bidder to be asked next, as `runner_up` found it; None if there is none."""

    bidder: Leader | None


class IllegalStep(Exception):
    """Raised where no transition leads from the settlement's stage, `current`, to the stage `wanted`."""

    def __init__(self, current: Stage, wanted: Stage) -> None:
        super().__init__(f"a settlement that is {current} cannot become {wanted}")
        self.current, self.wanted = current, wanted


class UnfitFact(Exception):
    """Raised for a fact that fits no stage of this settlement: its bidder is not the buyer, or may not be asked."""


def advance(current: Stage, wanted: Stage) -> bool:
    """Whether the settlement changes its stage: False if it is in the wanted stage already. Raises IllegalStep."""
    if wanted is current:
        return False
    if wanted not in TRANSITIONS[current]:
        raise IllegalStep(current, wanted)
    return True


def begin(terms: Terms, winner: Leader) -> Settlement:
    """A new settlement of a lot with its winner. Raises UnfitFact if the winner bid less than the reserve."""
    _check_amount(terms, winner)
    return Settlement(terms=terms, asked=(winner,))


def take(settlement: Settlement, fact: Fact) -> Settlement:
    """The settlement after the fact; a repeated fact changes nothing.

    Raises IllegalStep or UnfitFact for a fact that cannot be applied. The caller should then alarm an operator, above
    all about a payment that came too late.
    """
    if isinstance(fact, BuyerFact) and fact.bidder_id != settlement.buyer.bidder_id:
        raise UnfitFact(f"bidder {fact.bidder_id} is not the buyer, bidder {settlement.buyer.bidder_id}")
    after = _clocked(_applied(_expired(settlement, fact.at_ms), fact), fact.at_ms)
    return _clocked(_expired(after, fact.at_ms), fact.at_ms)  # after a reorganisation no time may be left


def _applied(settlement: Settlement, fact: Fact) -> Settlement:
    stage = settlement.stage
    match fact:
        case WentDown():
            return _with(settlement, down=settlement.down | {fact.what})
        case CameBack():
            return _with(settlement, down=settlement.down - {fact.what})
        case Announced() if settlement.left_ms is None:
            is_winner = len(settlement.asked) == 1
            return _with(
                settlement, left_ms=settlement.terms.payment_ms if is_winner else settlement.terms.acceptance_ms
            )
        case WalletNamed():
            if settlement.wallet and settlement.wallet != fact.wallet:
                raise UnfitFact(f"bidder {fact.bidder_id} has named the wallet {settlement.wallet} before, which holds")
            return settlement if settlement.wallet else _moved(settlement, Stage.WALLET_NAMED, wallet=fact.wallet)
        case Declined():
            return _moved(settlement, Stage.DECLINED)
        case OfferMade() if stage not in (Stage.EXPIRED, Stage.DECLINED):  # in these the offer came too late
            return settlement if stage is Stage.PAID else _moved(settlement, Stage.OFFERED)
        case OfferGone() if stage not in (Stage.AWAITING_WALLET, Stage.NEXT_BIDDER, Stage.UNSOLD):
            is_over = stage in (Stage.EXPIRED, Stage.DECLINED)
            return _moved(settlement, Stage.NEXT_BIDDER if is_over else Stage.WALLET_NAMED)
        case PaymentSeen():
            if not settlement.wallet:
                raise UnfitFact(f"bidder {fact.bidder_id} has paid, though nothing was offered to him")
            level = max(fact.level, settlement.level or fact.level)
            paid = settlement if stage is Stage.FINAL else _moved(settlement, Stage.PAID)
            return _moved(_with(paid, level=level), Stage.FINAL if level is Level.FINALIZED else paid.stage)
        case PaymentReorged() if settlement.level:
            return _moved(settlement, Stage.OFFERED, level=None)
        case NextChosen():
            return _asked_next(settlement, fact.bidder)
        case _:
            return settlement


def _asked_next(settlement: Settlement, bidder: Leader | None) -> Settlement:
    if bidder == settlement.buyer and settlement.stage is not Stage.NEXT_BIDDER:
        return settlement  # this bidder is asked already
    if bidder is None or len(settlement.asked) > settlement.terms.runners_up:
        return _moved(settlement, Stage.UNSOLD)
    _check_amount(settlement.terms, bidder)
    if any(bidder.bidder_id == before.bidder_id for before in settlement.asked):
        raise UnfitFact(f"bidder {bidder.bidder_id} was asked before")
    if _is_far_below(settlement, bidder):
        return _moved(settlement, Stage.UNSOLD)
    return _moved(settlement, Stage.AWAITING_WALLET, asked=(*settlement.asked, bidder), wallet="", left_ms=None)


def _is_far_below(settlement: Settlement, bidder: Leader) -> bool:
    """Whether the bidder bid so much less than the unpaid price that the lot is better auctioned again: a high bid that
    was never meant to be paid may have kept other bidders away."""
    return bidder.amount_wei * 10_000 < settlement.buyer.amount_wei * settlement.terms.runner_up_basis_points


def _check_amount(terms: Terms, bidder: Leader) -> None:
    if bidder.amount_wei < terms.reserve_wei:
        raise UnfitFact(f"bidder {bidder.bidder_id} bid {bidder.amount_wei} wei, below the reserve {terms.reserve_wei}")


def _expired(settlement: Settlement, at_ms: int) -> Settlement:
    deadline_ms = settlement.deadline_ms
    if deadline_ms is None or at_ms < deadline_ms:
        return settlement
    return _moved(settlement, Stage.EXPIRED)


def _clocked(settlement: Settlement, at_ms: int) -> Settlement:
    """Starts or stops the buyer's time at `at_ms`, as the stage and `down` require."""
    since_ms, left_ms = settlement.runs_since_ms, settlement.left_ms
    runs = left_ms is not None and settlement.stage in _TIMED and not settlement.down
    if runs == (since_ms is not None) or left_ms is None:
        return settlement
    if since_ms is None:
        return _with(settlement, runs_since_ms=at_ms)
    return _with(settlement, runs_since_ms=None, left_ms=left_ms - max(at_ms - since_ms, 0))


def _moved(settlement: Settlement, wanted: Stage, **changes: Any) -> Settlement:
    return _with(settlement, stage=wanted, **changes) if advance(settlement.stage, wanted) else settlement


def _with(settlement: Settlement, **changes: Any) -> Settlement:
    return msgspec.structs.replace(settlement, **changes)
