"""The settlement ladder (CHN-5): which bidder may pay for a sold lot now, until when, and what follows without payment.

The winner is asked first. When a bidder declines or lets the time pass, the next one is asked, at that bidder's own
bid. The ladder takes facts as values, in the order in which they happened. The caller verifies payments before and puts
an unsold lot up again; `runner_up` finds the next bidder, `wallets` reads a wallet from a text.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from messages.base import Leader
from messages.settlement import (
    Announced,
    BuyerFact,
    BuyersReply,
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
    Terms,
    WalletNamed,
    WentDown,
)

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


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a settlement. `asked` are the winner and the runners-up asked so far; the last one is the buyer.

    The buyer's time begins at `begins_ms` (UTC ms; None before the announcement). It stands still while any system is
    down, which `down` names, and while an offer is on its way to the chain: in the spans `stood` (UTC ms, apart and in
    order), and since `stands_since_ms` where it stands now. `level` is how far a payment is confirmed, None without.
    `named_at_ms` (UTC ms) is when the buyer posted the `wallet`. `sent` says that an offer to it is on its way or made;
    `offer` is its number on chain, or 0, where it is open until `offer_until_ms` (UTC ms). `sendings` counts the offers
    that were sent.
    """

    terms: Terms
    asked: tuple[Leader, ...]
    stage: Stage = Stage.AWAITING_WALLET
    wallet: str = ""
    begins_ms: int | None = None
    stood: tuple[tuple[int, int], ...] = ()
    stands_since_ms: int | None = None
    level: Level | None = None
    down: frozenset[str] = frozenset()
    named_at_ms: int = 0
    sent: bool = False
    offer: int = 0
    offer_until_ms: int = 0
    sendings: int = 0

    @property
    def buyer(self) -> Leader:
        """The bidder who is asked to pay for the lot now, or was asked last."""
        return self.asked[-1]

    @property
    def deadline_ms(self) -> int | None:
        """When the buyer's time is over (UTC ms); None while it stands still."""
        if self.begins_ms is None or self.stands_since_ms is not None:
            return None
        is_winner = len(self.asked) == 1
        deadline_ms = self.begins_ms + (self.terms.payment_ms if is_winner else self.terms.acceptance_ms)
        for from_ms, to_ms in self.stood:
            if from_ms < deadline_ms:
                deadline_ms += max(to_ms - max(from_ms, self.begins_ms), 0)
        return deadline_ms

    @property
    def offer_from_ms(self) -> int | None:
        """When the offer is to be sent (UTC ms); None where there is none to send."""
        if self.stage is not Stage.WALLET_NAMED or self.sent or self.down:
            return None
        return self.named_at_ms + self.terms.wallet_wait_ms

    @property
    def struck(self) -> Leader | None:
        """The winner, for a strike, once it is certain that the winner has not paid (BID-6); never a runner-up."""
        is_over = len(self.asked) > 1 or self.stage in (Stage.NEXT_BIDDER, Stage.UNSOLD)
        return self.asked[0] if is_over else None


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
    after = _clocked(_applied(_expired(settlement, fact), fact), fact.at_ms)
    after = _clocked(_expired(after, fact), fact.at_ms)  # after a reorganisation no time may be left
    # Where no time is left when an offer has ended, nothing has to be waited for.
    if isinstance(fact, OfferGone) and after.stage is Stage.EXPIRED and not after.sent:
        return _moved(after, Stage.NEXT_BIDDER)
    return after


def _applied(settlement: Settlement, fact: Fact) -> Settlement:
    stage = settlement.stage
    match fact:
        case WentDown():
            # It may be told when the time stands still already, for something that came later.
            since_ms = settlement.stands_since_ms
            stands_since_ms = None if since_ms is None else min(since_ms, fact.at_ms)
            return _with(settlement, down=settlement.down | {fact.what}, stands_since_ms=stands_since_ms)
        case CameBack():
            return _with(settlement, down=settlement.down - {fact.what})
        case Announced() if settlement.begins_ms is None:
            return _with(settlement, begins_ms=fact.at_ms)
        case WalletNamed() if not settlement.wallet or fact.at_ms > settlement.named_at_ms:
            if settlement.sent and fact.wallet == settlement.wallet:
                return settlement
            if settlement.sent:
                raise UnfitFact(f"the offer to {fact.bidder_id} was sent to the wallet {settlement.wallet} before")
            return _moved(settlement, Stage.WALLET_NAMED, wallet=fact.wallet, named_at_ms=fact.at_ms)
        case Declined():
            return _moved(settlement, Stage.DECLINED)
        case OfferSent() if stage is Stage.WALLET_NAMED:
            if settlement.sent:
                return settlement
            return _with(settlement, sent=True, offer_until_ms=fact.until_ms, sendings=settlement.sendings + 1)
        case OfferMade():
            made = _with(settlement, sent=True, offer=fact.offer)
            # Once the buyer's time is over the offer came too late; it is to be revoked.
            return made if stage in (Stage.EXPIRED, Stage.DECLINED, Stage.PAID) else _moved(made, Stage.OFFERED)
        case OfferReorged() if fact.offer == settlement.offer and fact.offer:
            unmade = _with(settlement, offer=0)
            return unmade if stage in (Stage.EXPIRED, Stage.DECLINED) else _moved(unmade, Stage.WALLET_NAMED)
        case OfferGone() if fact.offer == settlement.offer and stage is not Stage.AWAITING_WALLET:
            gone = _with(settlement, sent=False, offer=0)
            if stage in (Stage.NEXT_BIDDER, Stage.UNSOLD):
                return gone
            is_over = stage in (Stage.EXPIRED, Stage.DECLINED)
            return _moved(gone, Stage.NEXT_BIDDER if is_over else Stage.WALLET_NAMED)
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
    if settlement.stage is not Stage.NEXT_BIDDER:
        raise IllegalStep(settlement.stage, Stage.AWAITING_WALLET)
    asked = (*settlement.asked, bidder)
    new: dict[str, Any] = {"wallet": "", "named_at_ms": 0, "begins_ms": None, "stood": (), "stands_since_ms": None}
    return _moved(settlement, Stage.AWAITING_WALLET, asked=asked, **new)


def _is_far_below(settlement: Settlement, bidder: Leader) -> bool:
    """Whether the bidder bid so much less than the unpaid price that the lot is better auctioned again: a high bid that
    was never meant to be paid may have kept other bidders away."""
    return bidder.amount_wei * 10_000 < settlement.buyer.amount_wei * settlement.terms.runner_up_basis_points


def _check_amount(terms: Terms, bidder: Leader) -> None:
    if bidder.amount_wei < terms.reserve_wei:
        raise UnfitFact(f"bidder {bidder.bidder_id} bid {bidder.amount_wei} wei, below the reserve {terms.reserve_wei}")


def _expired(settlement: Settlement, fact: Fact) -> Settlement:
    deadline_ms = settlement.deadline_ms
    # A reply proves only its own time: an outage over the deadline may not be told yet, and TimePassed waits for that.
    if isinstance(fact, BuyersReply) or deadline_ms is None or fact.at_ms < deadline_ms:
        return settlement
    return _moved(settlement, Stage.EXPIRED)


def _clocked(settlement: Settlement, at_ms: int) -> Settlement:
    """Starts or stops the buyer's time at `at_ms`. It runs while the buyer can do something: not while something is
    down, nor while an offer is on its way to the chain."""
    since_ms = settlement.stands_since_ms
    is_on_its_way = settlement.sent and not settlement.offer
    stands = settlement.stage not in _TIMED or bool(settlement.down) or is_on_its_way
    if settlement.begins_ms is None or stands == (since_ms is not None):
        return settlement
    if since_ms is None:
        return _with(settlement, stands_since_ms=at_ms)
    return _with(settlement, stands_since_ms=None, stood=_joined((*settlement.stood, (since_ms, max(since_ms, at_ms)))))


def _joined(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The same times as spans that lie apart, in order: outages overlap, and are told late and in any order."""
    joined: list[tuple[int, int]] = []
    for from_ms, to_ms in sorted(spans):
        if joined and from_ms <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], to_ms)
        else:
            joined.append((from_ms, to_ms))
    return tuple(joined)


def _moved(settlement: Settlement, wanted: Stage, **changes: Any) -> Settlement:
    advance(settlement.stage, wanted)
    return _with(settlement, stage=wanted, **changes)


def _with(settlement: Settlement, **changes: Any) -> Settlement:
    return msgspec.structs.replace(settlement, **changes)
