"""A model of a chain with two nodes, and a sender that has only the ledger's steps: whatever is lost, late, reorganised
or crashed is chosen by the test."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

from auction.settlement.fees import Fees, Held, priced
from auction.settlement.node_errors import Meaning
from auction.settlement.nonce_ledger import Ledger, apply
from auction.settlement.transactions import SURE_LOOKS, Answer, Prepare, Record, Rest, Seen, Send, answered, next_step
from messages.base import Wei
from messages.chain import Quote, Receipt, View
from messages.chain_events import SenderEvent, TransactionAttempted, TransactionLapsed, TransactionOrdered

KEY = "0x" + "51" * 20
QUOTE = Quote(gas=100_000, base_fee_wei=10**9, tip_wei=10**8, balance_wei=10**19)
TICK_MS = 2_000


class Transaction(NamedTuple):
    """A transaction as the chain has it. Of a stranger, `decision` is empty."""

    hash: str
    nonce: int
    decision: str
    empty: bool
    max_fee_wei: int
    tip_wei: int


class Block(NamedTuple):
    hash: str
    transactions: tuple[Transaction, ...]


@dataclass
class Chain:
    """The canonical blocks, how many of them are final, and the pool; the second node may be behind or on a branch."""

    blocks: list[Block] = field(default_factory=list)
    final: int = 0
    pool: dict[int, Transaction] = field(default_factory=dict)
    branch: list[Block] | None = None
    behind: int = 0
    hides_receipts: bool = False
    _hashes: "count[int]" = field(default_factory=count)

    def mined(self, blocks: Iterable[Block] | None = None) -> list[Transaction]:
        """The transactions of the blocks, by default of the canonical ones, in order."""
        return [tx for block in (self.blocks if blocks is None else blocks) for tx in block.transactions]

    def mine(self) -> None:
        """Put into a block what the pool has without a gap."""
        nonce, taken = len(self.mined()), []
        while (tx := self.pool.pop(nonce, None)) is not None:
            taken.append(tx)
            nonce += 1
        self.pool = {nonce: tx for nonce, tx in self.pool.items() if nonce >= len(self.mined()) + len(taken)}
        self.blocks.append(Block(f"block {next(self._hashes)}", tuple(taken)))

    def reorganise(self, depth: int, forgets: bool) -> None:
        """Replace blocks that are not final by one; what was in them is in the pool again, unless it is forgotten."""
        cut = max(self.final, len(self.blocks) - depth)
        gone = self.mined(self.blocks[cut:])
        self.blocks = self.blocks[:cut]
        if not forgets:
            self.pool |= {tx.nonce: tx for tx in gone}
        self.blocks.append(Block(f"block {next(self._hashes)}", ()))

    def finalise(self) -> None:
        """Every block is final now."""
        self.final = len(self.blocks)

    def take(self, tx: Transaction) -> Meaning:
        """Take a transaction into the pool, as geth does."""
        if any(known.hash == tx.hash for known in self.pool.values()):
            return Meaning.ALREADY_KNOWN
        if tx.nonce < len(self.mined()):
            return Meaning.NONCE_TOO_LOW
        known = self.pool.get(tx.nonce)
        if known and (tx.max_fee_wei * 10 < known.max_fee_wei * 11 or tx.tip_wei * 10 < known.tip_wei * 11):
            return Meaning.UNDERPRICED
        self.pool[tx.nonce] = tx
        return Meaning.ACCEPTED

    def views(self, hashes: Iterable[str]) -> tuple[View, View]:
        """What the two nodes say of the key and of these transactions."""
        second = self.blocks if self.branch is None else self.branch
        second = second[: max(len(second) - self.behind, self.final)]
        asked = frozenset(hashes)
        first = self._view(self.blocks, asked)
        return first._replace(receipts=() if self.hides_receipts else first.receipts), self._view(second, asked)

    def _view(self, blocks: list[Block], hashes: frozenset[str]) -> View:
        receipts = tuple(
            Receipt(tx.hash, number, block.hash, True, number < self.final)
            for number, block in enumerate(blocks)
            for tx in block.transactions
            if tx.hash in hashes
        )
        return View(KEY, len(blocks), len(self.mined(blocks)), len(self.mined(blocks[: self.final])), receipts)


class Crash(Exception):
    """The sender's process has ended."""


@dataclass
class Sender:
    """A sender with a log that survives it. `crash_at` counts down at each of its steps outward; at 0 it crashes."""

    chain: Chain
    now_ms: int = 1_800_000_000_000
    log: list[SenderEvent] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    looks: tuple[tuple[View, ...], ...] = ()
    answers: dict[str, Answer] = field(default_factory=dict)
    crash_at: int = -1
    loses_sends: bool = False
    loses_answers: bool = False
    trouble: str = ""

    def order(self, decision: str) -> None:
        if self.ledger.order(decision) is None and decision not in self.ledger.over:
            ordered = TransactionOrdered(message_id=decision, at_ms=self.now_ms, decision=decision, data="0x01")
            self._survive(lambda: self._write(ordered))

    def lapse(self, decision: str) -> None:
        if self.ledger.order(decision) is not None:
            lapsed = TransactionLapsed(message_id=decision, at_ms=self.now_ms, decision=decision)
            self._survive(lambda: self._write(lapsed))

    def tick(self) -> None:
        """Look once and do what follows."""
        self.now_ms += TICK_MS
        self._survive(self._tick)

    def _survive(self, act: Callable[[], None]) -> None:
        """Act; a crash loses all but the log."""
        try:
            act()
        except Crash:
            self.crash_at, self.looks, self.answers = -1, (), {}
            self.ledger = Ledger()
            for event in self.log:
                self.ledger = apply(self.ledger, event)

    def _tick(self) -> None:
        hashes = [attempt.transaction_hash for slot in self.ledger.slots for attempt in slot.attempts]
        self.looks = (*self.looks, self.chain.views(hashes))[-SURE_LOOKS:]
        while True:
            match next_step(self.ledger, Seen(KEY, self.looks, self.answers), self.now_ms):
                case Record(events):
                    for event in events:
                        self._write(event)
                case Prepare() as prepare:
                    fees = priced(QUOTE, 0, prepare.replaced)
                    if isinstance(fees, Held):
                        self.trouble = fees.why
                        return
                    self._send(self._sign(prepare, fees))
                case Send(attempt):
                    self._send(attempt)
                case Rest(trouble):
                    self.trouble = trouble
                    return

    def revive(self, which: int) -> None:
        """Put an attempt of before, instead of a later one, into the pool: a node had kept it."""
        nonce = len(self.chain.mined())
        attempts = [e for e in self.log if isinstance(e, TransactionAttempted) and e.nonce == nonce]
        if attempts:
            self.chain.pool[nonce] = _sent(attempts[which % len(attempts)])

    def _sign(self, prepare: Prepare, fees: Fees) -> TransactionAttempted:
        assert prepare.nonce in [view.nonce for view in self.looks[-1]], "two would be in flight"
        what = f"{prepare.decision if prepare.data else 'nothing'} {prepare.nonce} {fees.max_fee_wei} {fees.tip_wei}"
        attempt = TransactionAttempted(
            message_id=what,
            at_ms=self.now_ms,
            decision=prepare.decision,
            sender=KEY,
            nonce=prepare.nonce,
            transaction_hash=what,
            raw=what,
            gas=fees.gas,
            max_fee_wei=fees.max_fee_wei,
            tip_wei=fees.tip_wei,
            empty=prepare.data is None,
        )
        self._write(attempt)
        return attempt

    def _send(self, attempt: TransactionAttempted) -> None:
        self._pass()
        meaning = Meaning.UNKNOWN if self.loses_sends else self.chain.take(_sent(attempt))
        self._pass()
        meaning = Meaning.UNKNOWN if self.loses_answers else meaning
        before = self.answers.get(attempt.transaction_hash)
        self.answers[attempt.transaction_hash] = answered(before, meaning, self.now_ms)

    def _write(self, event: SenderEvent) -> None:
        self._pass()
        self.log.append(event)
        self.ledger = apply(self.ledger, event)
        self._pass()

    def _pass(self) -> None:
        self.crash_at -= 1
        if self.crash_at == 0:
            raise Crash


def strangers(nonce: int) -> Transaction:
    """A transaction that somebody else has signed with our key."""
    return Transaction(f"stranger's {nonce}", nonce, "", False, Wei(10**12), Wei(10**12))


def _sent(event: TransactionAttempted) -> Transaction:
    return Transaction(
        event.transaction_hash, event.nonce, event.decision, event.empty, event.max_fee_wei, event.tip_wei
    )
