"""The settlement of a sold lot (CHN-5): who may pay now, until when, and what becomes of the lot if he does not.

The winner is asked first; whoever lets his time pass or declines makes room for the next one, at that one's own bid.
Facts go in as values, in the order in which they happened. Whether a payment is the right one is verified before; who
comes next is `runner_up`'s to say, whose wallet a text names `wallets`'; that an unsold lot comes again is the house's.
"""

from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from messages.base import Wei
from messages.events import Leader


class Stage(StrEnum):
    """Where a settlement stands. The stages up to FINAL are about the one who is asked, `Settlement.buyer`."""

    AWAITING_WALLET = "AWAITING_WALLET"
    WALLET_NAMED = "WALLET_NAMED"
    OFFERED = "OFFERED"
    PAID = "PAID"
    FINAL = "FINAL"
    EXPIRED = "EXPIRED"  # his time has passed; an offer to him may still be open on chain
    DECLINED = "DECLINED"  # the same, since he said so
    NEXT_BIDDER = "NEXT_BIDDER"  # nothing is open any more; the next one is to be asked
    UNSOLD = "UNSOLD"


TRANSITIONS: dict[Stage, frozenset[Stage]] = {
    Stage.AWAITING_WALLET: frozenset({Stage.WALLET_NAMED, Stage.EXPIRED, Stage.DECLINED}),
    Stage.WALLET_NAMED: frozenset({Stage.OFFERED, Stage.EXPIRED, Stage.DECLINED}),
    # WALLET_NAMED: the offer has lapsed on chain or was reorganised away, while his time still runs.
    Stage.OFFERED: frozenset({Stage.PAID, Stage.WALLET_NAMED, Stage.EXPIRED, Stage.DECLINED}),
    Stage.PAID: frozenset({Stage.FINAL, Stage.OFFERED}),  # OFFERED: the payment was reorganised away
    Stage.EXPIRED: frozenset({Stage.PAID, Stage.NEXT_BIDDER}),  # PAID: the chain decides until his offer is gone
    Stage.DECLINED: frozenset({Stage.PAID, Stage.NEXT_BIDDER}),
    Stage.NEXT_BIDDER: frozenset({Stage.AWAITING_WALLET, Stage.UNSOLD}),
    Stage.FINAL: frozenset(),
    Stage.UNSOLD: frozenset(),
}
# His time runs in these; while it is paid, or after it has passed, there is none to lose.
_TIMED = frozenset({Stage.AWAITING_WALLET, Stage.WALLET_NAMED, Stage.OFFERED})


class Level(IntEnum):
    """How far the chain has confirmed something. What cannot be undone waits for the last (CHN-2)."""

    UNSAFE = 1
    SAFE = 2
    FINALIZED = 3


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a settlement goes by. Times in ms: each holds the naming of the wallet and the payment, and begins with the
    announcement. `runners_up` is how many are asked after the winner at most, and `runner_up_basis_points` the share of
    the price that failed which such a one must have bid."""

    reserve_wei: Wei
    payment_ms: int
    acceptance_ms: int
    runners_up: int
    runner_up_basis_points: int


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The state. `asked` are the winner and who was asked after him, the last of them is the one asked now.

    `left_ms` is what is left of his time as of `runs_since_ms` (UTC ms; None while his time does not run).
    `down` is what keeps it from running. `level` is set while there is a payment.
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
        """Who is asked now, or was asked last."""
        return self.asked[-1]

    @property
    def deadline_ms(self) -> int | None:
        """When his time is over (UTC ms); None while it does not run."""
        return None if self.runs_since_ms is None or self.left_ms is None else self.runs_since_ms + self.left_ms

    @property
    def struck(self) -> Leader | None:
        """The winner, once it is certain that he has not paid (BID-6). Whoever was only asked after him gets none."""
        is_over = len(self.asked) > 1 or self.stage in (Stage.NEXT_BIDDER, Stage.UNSOLD)
        return self.asked[0] if is_over else None


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What has happened, at `at_ms` (UTC ms): when it was posted or mined, not when it was found."""

    at_ms: int


class TimePassed(Fact, frozen=True, kw_only=True):
    """Everything posted and mined until then is known, as with the watermark of an auction."""


class WentDown(Fact, frozen=True, kw_only=True):
    """From then on the chain, X or we ourselves (`what`) could not be relied on: no time runs."""

    what: str


class CameBack(Fact, frozen=True, kw_only=True):
    """What was down is there again."""

    what: str


class BuyerFact(Fact, frozen=True, kw_only=True):
    """It is about the one with this id on X, who has to be the one that is asked."""

    bidder_id: int


class Announced(BuyerFact, frozen=True, kw_only=True):
    """He was told in public: his time begins."""


class WalletNamed(BuyerFact, frozen=True, kw_only=True):
    """He has replied with his wallet. The first one that he names holds."""

    wallet: str


class Declined(BuyerFact, frozen=True, kw_only=True):
    """He does not want it."""


class OfferMade(BuyerFact, frozen=True, kw_only=True):
    """The lot is offered to his wallet on chain, at his bid."""


class OfferGone(BuyerFact, frozen=True, kw_only=True):
    """No offer to him is open on chain, and none can come any more: finalized, or never sent."""


class PaymentSeen(BuyerFact, frozen=True, kw_only=True):
    """He has paid: the verified payment stands in a block of this level."""

    level: Level


class PaymentReorged(BuyerFact, frozen=True, kw_only=True):
    """The payment that was seen does not stand on the chain any more; it may be seen again."""


class NextChosen(Fact, frozen=True, kw_only=True):
    """Who comes next, `runner_up` of the day; None if there is nobody."""

    bidder: Leader | None


class IllegalStep(Exception):
    """The settlement cannot go there from where it stands."""

    def __init__(self, current: Stage, wanted: Stage) -> None:
        super().__init__(f"a settlement that is {current} cannot become {wanted}")
        self.current, self.wanted = current, wanted


class UnfitFact(Exception):
    """The fact does not fit this settlement, whatever its stage: it concerns somebody else, or may not be offered."""


def advance(current: Stage, wanted: Stage) -> bool:
    """True if the settlement moves, False if it is there already. Raises IllegalStep."""
    if wanted is current:
        return False
    if wanted not in TRANSITIONS[current]:
        raise IllegalStep(current, wanted)
    return True


def begin(terms: Terms, winner: Leader) -> Settlement:
    """The settlement of a result that was just named. Raises UnfitFact if the winner bid less than the reserve."""
    _check_amount(terms, winner)
    return Settlement(terms=terms, asked=(winner,))


def take(settlement: Settlement, fact: Fact) -> Settlement:
    """The settlement after the fact; what is known already changes nothing.

    Raises IllegalStep and UnfitFact; the settlement is then as it was, and an operator should hear of it: above all of
    a payment that nobody was to make any more.
    """
    if isinstance(fact, BuyerFact) and fact.bidder_id != settlement.buyer.bidder_id:
        raise UnfitFact(f"bidder {fact.bidder_id} is not the one who is asked, {settlement.buyer.bidder_id}")
    after = _clocked(_applied(_expired(settlement, fact.at_ms), fact), fact.at_ms)
    return _clocked(_expired(after, fact.at_ms), fact.at_ms)  # a reorganisation can leave him without any time


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
                raise UnfitFact(f"he has named {settlement.wallet} before, which holds")
            return settlement if settlement.wallet else _moved(settlement, Stage.WALLET_NAMED, wallet=fact.wallet)
        case Declined():
            return _moved(settlement, Stage.DECLINED)
        case OfferMade() if stage not in (Stage.EXPIRED, Stage.DECLINED):  # it crossed with the end of his turn
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
        return settlement  # he is asked already
    if bidder is None or len(settlement.asked) > settlement.terms.runners_up:
        return _moved(settlement, Stage.UNSOLD)
    _check_amount(settlement.terms, bidder)
    if any(bidder.bidder_id == before.bidder_id for before in settlement.asked):
        raise UnfitFact(f"bidder {bidder.bidder_id} was asked before")
    if _is_far_below(settlement, bidder):
        return _moved(settlement, Stage.UNSOLD)
    return _moved(settlement, Stage.AWAITING_WALLET, asked=(*settlement.asked, bidder), wallet="", left_ms=None)


def _is_far_below(settlement: Settlement, bidder: Leader) -> bool:
    """Whether he bid so much less than the price that has failed that the lot had better come again: a high bid that
    nobody meant to pay may have kept others away."""
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
    """Lets his time run or stand, as it is to from `at_ms` on."""
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
