"""The lines of the log about the payment of a lot: its settlement, our transactions, and the chain. Pure."""

from collections.abc import Callable

from auction.wording.moments import utc
from messages.chain_events import (
    ChainCameBack,
    ChainConfirmed,
    ChainEvent,
    ChainLogRevoked,
    ChainLogSeen,
    ChainWentDown,
    KeyStopped,
    SenderEvent,
    TransactionAttempted,
    TransactionDropped,
    TransactionLapsed,
    TransactionMined,
    TransactionOrdered,
)
from messages.events import SettlementAdvanced, SettlementBegun, SettlementFactRefused, WalletRefused
from messages.money import format_eth
from messages.settlement import (
    CameBack,
    NextChosen,
    PaymentSeen,
    SettlementFact,
    TimePassed,
    WalletNamed,
    WentDown,
)

SaleEvent = SettlementBegun | SettlementAdvanced | SettlementFactRefused | WalletRefused | ChainEvent | SenderEvent
_HOW_MINED: tuple[tuple[str, Callable[[TransactionMined], bool]], ...] = (
    ("empty", lambda event: event.empty),
    ("reverted", lambda event: not event.succeeded),
    ("final", lambda event: event.final),
)


def sale_line(event: SaleEvent) -> str:
    """The event of a settlement, of our transactions or of the chain in words."""
    what = type(event).__name__
    match event:
        case SettlementBegun():
            return f"{what}: {event.terms.payment_ms // 60_000} min to pay"
        case SettlementAdvanced():
            return f"{what} to {event.stage}: {_fact_in_words(event.fact)}"
        case SettlementFactRefused():
            return f"{what}: {_fact_in_words(event.fact)}: {event.why}"
        case WalletRefused():
            return f"{what}: post {event.post_id} of {event.bidder_id} names none: {event.fault}"
        case ChainLogSeen() | ChainLogRevoked():
            return f"{what} {event.transaction_hash}:{event.log_index} in block {event.block_number}"
        case TransactionOrdered() | TransactionLapsed():
            return f"{what} {event.decision}"
        case TransactionAttempted():
            is_empty = ", empty" if event.empty else ""
            return f"{what} {event.decision} with nonce {event.nonce} as {event.transaction_hash}{is_empty}"
        case TransactionMined():
            how = [word for word, is_so in _HOW_MINED if is_so(event)]
            where = f"{event.transaction_hash} in block {event.block_number}"
            return ", ".join([f"{what} {event.decision} as {where}", *how])
        case TransactionDropped():
            return f"{what} {event.decision}: {event.why}"
        case KeyStopped():
            return f"{what} {event.sender} at nonce {event.nonce}"
        case ChainConfirmed():
            return f"{what} {event.level} block {event.block_number}"
        case ChainWentDown() | ChainCameBack():
            return f"{what}: the newest block is of {utc(event.head_at_ms)}"


def _fact_in_words(fact: SettlementFact) -> str:
    what = type(fact).__name__
    match fact:
        case WalletNamed():
            return f"{what} {fact.wallet} by {fact.bidder_id}"
        case NextChosen():
            bidder = fact.bidder
            return f"{what} @{bidder.bidder_handle}, {format_eth(bidder.amount_wei)}" if bidder else f"{what} nobody"
        case PaymentSeen():
            return f"{what} of {fact.bidder_id}, {fact.level.name.lower()} ({fact.transaction_hash})"
        case WentDown() | CameBack():
            return f"{what}: {fact.what}"
        case TimePassed():
            return f"{what} to {utc(fact.at_ms)}"
        case _:
            return f"{what} of {fact.bidder_id}"
