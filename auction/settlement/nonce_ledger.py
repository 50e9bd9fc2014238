"""The nonce ledger: the state of the operator's key, as the fold of the transaction sender's events.

A decision, such as one offer, gets one nonce, and keeps it until the block that has used the nonce is final. So the
chain itself lets at most one transaction of a decision through. `next_step` says what is sent when.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from messages.chain_events import (
    KeyStopped,
    SenderEvent,
    TransactionAttempted,
    TransactionDropped,
    TransactionLapsed,
    TransactionMined,
    TransactionOrdered,
)

S = TypeVar("S", bound=msgspec.Struct)


class Order(msgspec.Struct, frozen=True):
    """A decision that has not ended: the call's data, and whether the call is no longer wanted."""

    decision: str
    data: str
    lapsed: bool = False


class Slot(msgspec.Struct, frozen=True):
    """A nonce whose block is not final: the order that it was given to, and all attempts, the newest last.

    `seen_in` are the hashes of the transaction and of the block in which it was logged as mined, if it was.
    """

    nonce: int
    decision: str
    attempts: tuple[TransactionAttempted, ...]
    seen_in: tuple[str, str] | None = None


class Ledger(msgspec.Struct, frozen=True):
    """The state of the sender. `next_nonce` follows the last nonce that is final; None before the first one.

    `sender` is the address of the key that has signed the slots, `stopped` that of a key that somebody else uses too.
    `orders` are in the order in which they came, `slots` in the order of their nonces; `over` are decisions that ended.
    """

    sender: str = ""
    next_nonce: int | None = None
    orders: tuple[Order, ...] = ()
    slots: tuple[Slot, ...] = ()
    over: frozenset[str] = frozenset()
    stopped: str = ""

    def order(self, decision: str) -> Order | None:
        """The order of this decision, if it has not ended."""
        return next((order for order in self.orders if order.decision == decision), None)

    def waiting(self) -> list[Order]:
        """The orders that have no nonce yet."""
        have_nonce = {slot.decision for slot in self.slots}
        return [order for order in self.orders if order.decision not in have_nonce]


def apply(ledger: Ledger, event: SenderEvent) -> Ledger:
    """The ledger after an event of the sender's log."""
    match event:
        case TransactionOrdered():
            return _with(ledger, orders=(*ledger.orders, Order(event.decision, event.data)))
        case TransactionLapsed():
            lapsed = (Order(o.decision, o.data, o.lapsed or o.decision == event.decision) for o in ledger.orders)
            return _with(ledger, orders=tuple(lapsed))
        case TransactionAttempted():
            return _attempted(ledger, event)
        case TransactionMined() if not event.final:
            seen_in = (event.transaction_hash, event.block_hash)
            # A receipt of our own transaction ends a stop of the key, which meant that a stranger had used the nonce.
            return _with(_changed(ledger, event.nonce, lambda slot: _with(slot, seen_in=seen_in)), stopped="")
        case TransactionMined() | TransactionDropped():
            return _ended(ledger, event.decision, event.nonce)
        case KeyStopped():
            return _with(ledger, stopped=event.sender)


def _attempted(ledger: Ledger, event: TransactionAttempted) -> Ledger:
    if any(slot.nonce == event.nonce for slot in ledger.slots):
        return _changed(ledger, event.nonce, lambda slot: _with(slot, attempts=(*slot.attempts, event)))
    return _with(ledger, sender=event.sender, slots=(*ledger.slots, Slot(event.nonce, event.decision, (event,))))


def _ended(ledger: Ledger, decision: str, nonce: int | None) -> Ledger:
    return _with(
        ledger,
        orders=tuple(order for order in ledger.orders if order.decision != decision),
        slots=tuple(slot for slot in ledger.slots if slot.nonce != nonce),
        over=ledger.over | {decision},
        next_nonce=ledger.next_nonce if nonce is None else nonce + 1,
    )


def _changed(ledger: Ledger, nonce: int, change: Callable[[Slot], Slot]) -> Ledger:
    return _with(ledger, slots=tuple(change(slot) if slot.nonce == nonce else slot for slot in ledger.slots))


def _with(state: S, **changes: Any) -> S:
    return msgspec.structs.replace(state, **changes)
