"""Decides what the transaction sender does next, so that no transaction is lost and none is mined twice.

One transaction is in flight at a time: no decision gets a nonce while the one before is not mined, so there is no gap
between nonces. Every attempt is in the log before it may be sent, and all attempts of a nonce are looked up until its
block is final. The nonce comes from the ledger, checked against the number of mined transactions, never from what a
node calls pending.

The functions take what the nodes say as values; they neither send nor sign, and know no clock.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from auction.settlement.fees import Fees
from auction.settlement.node_errors import Meaning
from auction.settlement.nonce_ledger import Ledger, Slot
from messages.chain import Receipt, View
from messages.chain_events import KeyStopped, SenderEvent, TransactionAttempted, TransactionDropped, TransactionMined

# An attempt that is in a node's pool is replaced by one with higher fees after this time.
STUCK_MS = 60_000
# An attempt that is not mined is sent again after this time, since pools forget.
RESEND_MS = 20_000
# An operator is told of a nonce that is not mined this long after its first attempt.
LATE_MS = 600_000
# What cannot be undone needs the word of every node that answers, in this many looks in a row.
SURE_LOOKS = 3
_WAITS = {Meaning.ACCEPTED, Meaning.ALREADY_KNOWN, Meaning.UNDERPRICED}


class Answer(NamedTuple):
    """What the nodes answered when the transaction was last sent (UTC ms) by this incarnation of the sender.

    `waits_since_ms` is since when every answer has said that the transaction, or a rival, is in a node's pool; None
    while they do not.
    """

    at_ms: int
    meaning: Meaning
    waits_since_ms: int | None = None


def answered(before: Answer | None, meaning: Meaning, now_ms: int) -> Answer:
    """The answer after the one before to the same transaction."""
    if meaning not in _WAITS:
        return Answer(now_ms, meaning)
    return Answer(now_ms, meaning, now_ms if before is None or before.waits_since_ms is None else before.waits_since_ms)


class Seen(msgspec.Struct, frozen=True):
    """What is known of the world, and lost with the process. `sender` is the address of the key.

    `looks` has the views of the nodes that answered in the last SURE_LOOKS looks, the newest last. `answers` are those
    to attempts, by hash. The contract refuses the calls of the decisions `refused` as it stands now.
    """

    sender: str
    looks: tuple[tuple[View, ...], ...]
    answers: Mapping[str, Answer] = {}
    refused: frozenset[str] = frozenset()


class Record(NamedTuple):
    """Write these events into the log, apply them, and ask for the next step."""

    events: tuple[SenderEvent, ...]


class Send(NamedTuple):
    """Send this attempt, which is in the log, to all nodes."""

    attempt: TransactionAttempted


class Prepare(NamedTuple):
    """Price and sign a transaction with this nonce, and write its TransactionAttempted into the log.

    `data` is the call, or None for the empty transaction. One that replaces another has higher fees than `replaced`.
    """

    decision: str
    nonce: int
    data: str | None
    replaced: Fees | None = None


class Rest(NamedTuple):
    """Nothing can be done before the next look. `trouble` is what an operator should know; empty if all is well."""

    trouble: str = ""


Step = Record | Send | Prepare | Rest


def next_step(ledger: Ledger, seen: Seen, now_ms: int) -> Step:
    """What the sender has to do next, at `now_ms` (UTC ms)."""
    if events := _unsent(ledger, now_ms) or _found(ledger, seen, now_ms):
        return Record(events)
    whose = ledger.sender if ledger.slots else seen.sender
    if not seen.looks or not seen.looks[-1] or any(view.sender != whose for views in seen.looks for view in views):
        return Rest()
    opened = next((slot for slot in ledger.slots if _receipt(slot, seen) is None), None)
    nonce = opened.nonce if opened else _next_nonce(ledger, seen)
    if nonce is None:
        return Rest()
    mined = max(view.nonce for view in seen.looks[-1])
    if mined > nonce:
        return _used_by_another(ledger, opened, nonce, seen, whose, now_ms)
    if mined < nonce:
        is_sure = _is_sure(seen, lambda view: view.nonce < nonce)
        return Rest(f"the nodes know {mined} transactions of {seen.sender}, we know {nonce}" if is_sure else "")
    return _urged(ledger, opened, seen, now_ms) if opened else _begun(ledger, nonce, seen)


def _unsent(ledger: Ledger, now_ms: int) -> tuple[SenderEvent, ...]:
    """The end of each decision that has lapsed before it had a nonce."""
    why = "it lapsed before anything was sent"
    return tuple(_dropped(order.decision, why, None, now_ms) for order in ledger.waiting() if order.lapsed)


def _found(ledger: Ledger, seen: Seen, now_ms: int) -> tuple[SenderEvent, ...]:
    """What the nodes say of the slots and the log does not say yet: the first news in the order of the nonces."""
    for slot in ledger.slots:
        receipt = _receipt(slot, seen)
        is_lowest = slot is ledger.slots[0]
        if receipt is None:
            why = "a transaction that is not ours was mined with its nonce"
            is_gone = is_lowest and _is_sure(seen, _shows_another(slot.nonce, slot, lambda view: view.final_nonce))
            return (_dropped(slot.decision, why, slot.nonce, now_ms),) if is_gone else ()
        if slot.seen_in != (receipt.transaction_hash, receipt.block_hash):
            return (_mined(slot, receipt, now_ms),)
        if is_lowest and _is_sure(seen, _shows_final(receipt)):
            if _attempt(slot, receipt).empty:
                return (_dropped(slot.decision, "an empty transaction took its nonce", slot.nonce, now_ms),)
            return (_mined(slot, receipt, now_ms, final=True),)
    return ()


def _used_by_another(ledger: Ledger, opened: Slot | None, nonce: int, seen: Seen, key: str, now_ms: int) -> Step:
    """The step when the nonce is used, and no attempt is known to have used it: wait until that is sure, then stop the
    key."""
    if not _is_sure(seen, _shows_another(nonce, opened, lambda view: view.nonce)):
        return Rest()
    if ledger.stopped == key:
        return Rest(_stopped(key))
    return Record((KeyStopped(message_id=f"stopped:{key}:{nonce}", at_ms=now_ms, sender=key, nonce=nonce),))


def _urged(ledger: Ledger, slot: Slot, seen: Seen, now_ms: int) -> Step:
    """The step for the lowest nonce that is not mined: send it, replace it, or wait."""
    attempt, order = slot.attempts[-1], ledger.order(slot.decision)
    answer = seen.answers.get(attempt.transaction_hash)
    if answer is None or now_ms - answer.at_ms >= RESEND_MS:
        return Send(attempt)
    if attempt.sender != seen.sender:
        return Rest(f"a transaction of the key {attempt.sender} is not mined yet: set that key until it is")
    call = None if order is None or order.lapsed else order.data
    if _is_to_be_replaced(attempt, answer, now_ms) or (call is None and not attempt.empty):
        return Prepare(slot.decision, slot.nonce, call, Fees(attempt.max_fee_wei, attempt.tip_wei, attempt.gas))
    if answer.meaning is Meaning.INSUFFICIENT_FUNDS:
        return Rest(f"the balance of {seen.sender} does not cover {slot.decision}, says the node: send it some ETH")
    is_late = now_ms - slot.attempts[0].at_ms >= LATE_MS
    return Rest(f"{slot.decision} is not mined after {LATE_MS // 60_000} min: {answer.meaning}" if is_late else "")


def _is_to_be_replaced(attempt: TransactionAttempted, answer: Answer, now_ms: int) -> bool:
    """Whether higher fees would help. After a time-out they would not: the transaction may not even have arrived."""
    if answer.meaning is Meaning.TOO_LOW_FEE:
        return now_ms - attempt.at_ms >= RESEND_MS
    return answer.waits_since_ms is not None and now_ms - answer.waits_since_ms >= STUCK_MS


def _begun(ledger: Ledger, nonce: int, seen: Seen) -> Step:
    """The step when all that was sent is mined: the oldest decision that waits gets the next nonce."""
    waiting = ledger.waiting()
    if waiting and ledger.stopped == seen.sender:
        return Rest(_stopped(seen.sender))
    order = next((order for order in waiting if order.decision not in seen.refused), None)
    return Prepare(order.decision, nonce, order.data) if order else Rest()


def _next_nonce(ledger: Ledger, seen: Seen) -> int | None:
    """The nonce after the last one of the ledger; for a key that is used for the first time, the one that the nodes
    surely agree on; None while there is none."""
    if ledger.sender == seen.sender:
        return ledger.slots[-1].nonce + 1 if ledger.slots else ledger.next_nonce
    if ledger.slots:
        return None  # they are of the key before, and not final
    nonce = max(view.nonce for view in seen.looks[-1])
    return nonce if _is_sure(seen, lambda view: view.nonce == nonce) else None


def _is_sure(seen: Seen, shows: Callable[[View], bool]) -> bool:
    """Whether every node that answered has shown it, in each of the last looks."""
    return len(seen.looks) == SURE_LOOKS and all(views and all(map(shows, views)) for views in seen.looks)


def _shows_another(nonce: int, slot: Slot | None, used: Callable[[View], int]) -> Callable[[View], bool]:
    """Tests whether a view says that the nonce is used, but knows none of the slot's attempts."""
    return lambda view: used(view) > nonce and not (slot and _receipts(slot, view))


def _shows_final(receipt: Receipt) -> Callable[[View], bool]:
    """Tests whether a view has this receipt as final."""
    return lambda view: receipt._replace(final=True) in view.receipts


def _receipt(slot: Slot, seen: Seen) -> Receipt | None:
    """The receipt of the slot's attempt that is mined, as a node with the highest head has it."""
    views = seen.looks[-1] if seen.looks else ()
    head = max((view.head for view in views), default=0)
    return next((receipt for view in views if view.head == head for receipt in _receipts(slot, view)), None)


def _receipts(slot: Slot, view: View) -> list[Receipt]:
    ours = {attempt.transaction_hash for attempt in slot.attempts}
    return [receipt for receipt in view.receipts if receipt.transaction_hash in ours]


def _attempt(slot: Slot, receipt: Receipt) -> TransactionAttempted:
    return next(attempt for attempt in slot.attempts if attempt.transaction_hash == receipt.transaction_hash)


def _mined(slot: Slot, receipt: Receipt, now_ms: int, final: bool = False) -> TransactionMined:
    return TransactionMined(
        message_id=f"mined:{receipt.transaction_hash}:{receipt.block_hash}{':final' if final else ''}",
        at_ms=now_ms,
        decision=slot.decision,
        nonce=slot.nonce,
        transaction_hash=receipt.transaction_hash,
        block_number=receipt.block_number,
        block_hash=receipt.block_hash,
        succeeded=receipt.succeeded,
        empty=_attempt(slot, receipt).empty,
        final=final,
    )


def _dropped(decision: str, why: str, nonce: int | None, now_ms: int) -> TransactionDropped:
    return TransactionDropped(message_id=f"dropped:{decision}", at_ms=now_ms, decision=decision, why=why, nonce=nonce)


def _stopped(sender: str) -> str:
    return f"somebody else sends transactions with the key of {sender}: nothing is sent until there is a new key"
