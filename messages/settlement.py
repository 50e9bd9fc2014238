"""What is said of the settlement of a lot (CHN-5): its terms, its stages, and the facts that move it.

`auction/settlement/ladder` says what follows from a fact; the commands and events that carry facts are in `commands`
and `events`. A fact is told with the time (UTC ms) at which it was posted or mined, not at which it was found.
"""

from enum import IntEnum, StrEnum

import msgspec

from messages.base import Leader, Wei


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


class Level(IntEnum):
    """How far the chain has confirmed a payment. Steps that cannot be undone wait for FINALIZED (CHN-2)."""

    UNSAFE = 1
    SAFE = 2
    FINALIZED = 3


class Terms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The terms of a settlement. From the announcement on, the winner has `payment_ms` and a runner-up `acceptance_ms`
    to name a wallet and to pay. At most `runners_up` bidders are asked after the winner; each must have bid at least
    the share `runner_up_basis_points` of the price that the bidder before did not pay.

    An offer is sent at the earliest `wallet_wait_ms` after its wallet was named, so that a wrong one can be corrected.
    On chain it is open `offer_outlives_ms` longer than the buyer's time: until its revocation is final, the chain
    decides.
    """

    reserve_wei: Wei
    payment_ms: int
    acceptance_ms: int
    runners_up: int
    runner_up_basis_points: int
    wallet_wait_ms: int = 0
    offer_outlives_ms: int = 86_400_000
    own_addresses: tuple[str, ...] = ()  # in lower case: no buyer's wallet


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """A fact that changes a settlement. `at_ms` (UTC ms) is when it was posted or mined."""

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


class BuyersReply(BuyerFact, frozen=True, kw_only=True):
    """The buyer has replied on X, with `text` in the post `post_id`."""

    post_id: int = 0
    text: str = ""


class WalletNamed(BuyersReply, frozen=True, kw_only=True):
    """The reply names a wallet. A later one replaces an earlier one until the offer is sent."""

    wallet: str


class Declined(BuyersReply, frozen=True, kw_only=True):
    """The reply says that the buyer does not want the lot."""


class OfferSent(BuyerFact, frozen=True, kw_only=True):
    """The offer to the buyer's wallet is on its way to the chain, where it stays open until `until_ms` (UTC ms): the
    wallet holds from here on."""

    until_ms: int = 0


class OfferMade(BuyerFact, frozen=True, kw_only=True):
    """The lot is offered on chain to the buyer's wallet, at the price of the buyer's bid, as offer number `offer`."""

    offer: int = 0


class OfferReorged(BuyerFact, frozen=True, kw_only=True):
    """A reorganisation has removed offer number `offer` from the chain; it is on its way again."""

    offer: int


class OfferGone(BuyerFact, frozen=True, kw_only=True):
    """No offer to the buyer is open on chain, and none can open later: the end of offer number `offer` is finalized, or
    none was ever made (0)."""

    offer: int = 0


class PaymentSeen(BuyerFact, frozen=True, kw_only=True):
    """The buyer has paid: the verified payment is in a block with this level of confirmation."""

    level: Level
    transaction_hash: str = ""


class PaymentReorged(BuyerFact, frozen=True, kw_only=True):
    """A reorganisation has removed the payment from the chain; the payment may be seen again."""


class NextChosen(Fact, frozen=True, kw_only=True):
    """The bidder to be asked next; None if there is none. Who was asked before was left out, and who is `banned`."""

    bidder: Leader | None
    banned: tuple[int, ...] = ()


SettlementFact = (
    TimePassed
    | WentDown
    | CameBack
    | Announced
    | WalletNamed
    | Declined
    | OfferSent
    | OfferMade
    | OfferReorged
    | OfferGone
    | PaymentSeen
    | PaymentReorged
    | NextChosen
)
