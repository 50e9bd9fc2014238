"""The transaction sender: has the decisions of the settlement mined, each once, one transaction at a time.

`next_step` decides; this actor asks the nodes, signs, sends, and commits each event with the ledger that follows from
it. Nonce, raw bytes and hash are in the log before the transaction is sent. Whoever decides may say the same again: a
decision that is known is taken once. The sender exists only where a key is configured.
"""

import logging
from collections.abc import Callable, Sequence
from functools import reduce

import msgspec
import redis

from actors.ports import Clock, StoreAccess
from adapters import alarms
from adapters.chain.keys import Signer
from adapters.chain.node import NodeUnavailable
from adapters.chain.sending import CallRefused, SendingNodes
from auction.settlement.calls import Offer, Revoke
from auction.settlement.fees import Held, is_short, priced
from auction.settlement.node_errors import Meaning, meaning, meaning_of_all
from auction.settlement.nonce_ledger import Ledger, apply
from auction.settlement.transactions import SURE_LOOKS, Answer, Prepare, Record, Rest, Seen, Send, answered, next_step
from messages.chain import View
from messages.chain_events import SenderEvent, TransactionAttempted, TransactionLapsed, TransactionOrdered
from messages.codec import pack, reader_of
from messages.hints import LogGrew
from supervision import Actor, Context

log = logging.getLogger(__name__)

WRITER = "transaction_sender"
HELD, BALANCE = "sending:held", "sending:balance"  # names of alarms


class SendTransaction(msgspec.Struct, frozen=True):
    """To the sender: have this call mined. `decision` is the id of the decision, such as "offer:m-01:1"."""

    decision: str
    call: Offer | Revoke


class LapseTransaction(msgspec.Struct, frozen=True):
    """To the sender: the call of this decision is no longer wanted; what was sent is replaced by an empty one."""

    decision: str


class Sending(msgspec.Struct, frozen=True):
    """Where transactions are sent: to the contract on this chain; the most that a transaction's fee on L1 may be (wei);
    and how often the nodes are asked while something is to be done (ms)."""

    chain_id: int
    contract: str
    l1_fee_cap_wei: int
    poll_ms: int


class WrongKey(NodeUnavailable):
    """The nodes are of another chain or lack the contract, or the key may not be used: an operator has to look, and
    nothing is sent."""


class TransactionSender(Actor):
    """The actor that sends."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        make_nodes: Callable[[], SendingNodes],
        signer: Signer,
        sending: Sending,
        listeners: Sequence[str],
    ) -> None:
        super().__init__(context)
        self._store, self._clock = store, clock
        self._make_nodes, self._signer = make_nodes, signer
        self._sending, self._listeners = sending, listeners
        self._client: redis.Redis | None = None
        self._nodes: SendingNodes | None = None
        self._ledger = Ledger()
        self._looks: tuple[tuple[View, ...], ...] = ()
        self._answers: dict[str, Answer] = {}
        self.tick_s = sending.poll_ms / 1000  # type: ignore[misc]

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        self._ledger = self._journal.begin(reader_of(Ledger)).checkpoint or Ledger()
        for _, event in self._journal.tail():
            self._ledger = apply(self._ledger, event)  # type: ignore[arg-type]  # its log holds nothing else

    def teardown(self) -> None:
        if self._nodes is not None:
            self._nodes.close()
        if self._client is not None:
            self._client.close()

    def handle(self, message: object) -> object:
        now_ms, ledger = self._clock(), self._ledger
        match message:
            case SendTransaction(decision=decision, call=call):
                if ledger.order(decision) is None and decision not in ledger.over:
                    said = f"ordered:{decision}"
                    self._record(TransactionOrdered(message_id=said, at_ms=now_ms, decision=decision, data=call.data()))
            case LapseTransaction(decision=decision):
                order = ledger.order(decision)
                if order is not None and not order.lapsed:
                    self._record(TransactionLapsed(message_id=f"lapsed:{decision}", at_ms=now_ms, decision=decision))
            case _:
                return NotImplemented
        return None

    def tick(self) -> None:
        if self._nodes is None:
            self._nodes = self._make_nodes()
            self._verify(self._nodes)
        if not self._ledger.orders and not self._ledger.slots:
            self._looks = ()  # those of long ago say nothing about now
            alarms.clear(HELD)
            return
        self._look(self._nodes)
        trouble = self._act(self._nodes)
        if trouble:
            alarms.sound(HELD, f"no transaction is sent: {trouble}")
        else:
            alarms.clear(HELD)

    def _verify(self, nodes: SendingNodes) -> None:
        if (chain_id := nodes.chain_id()) != self._sending.chain_id:
            raise WrongKey(f"the node is on chain {chain_id}, the settings say {self._sending.chain_id}")
        if not nodes.has_code(self._sending.contract):
            raise WrongKey(f"there is no contract at {self._sending.contract} on chain {chain_id}")
        if nodes.owner(self._sending.contract) == self._signer.address:
            raise WrongKey("the operator's key is that of the contract's owner, which must stay away from this machine")

    def _look(self, nodes: SendingNodes) -> None:
        """Ask the nodes about the key of the transactions that are not final, or about our own."""
        slots = self._ledger.slots
        asked = self._ledger.sender if slots else self._signer.address
        hashes = [attempt.transaction_hash for slot in slots for attempt in slot.attempts]
        self._looks = (*self._looks, nodes.look(asked, hashes))[-SURE_LOOKS:]
        self._answers = {known: answer for known, answer in self._answers.items() if known in hashes}

    def _act(self, nodes: SendingNodes) -> str:
        """Do all that can be done now. Returns what keeps the sender from going on; empty if nothing does."""
        refused: dict[str, str] = {}
        while True:
            seen = Seen(self._signer.address, self._looks, self._answers, frozenset(refused))
            match next_step(self._ledger, seen, self._clock()):
                case Record(events):
                    self._record(*events)
                case Send(attempt):
                    self._send(nodes, attempt)
                case Prepare() as prepare:
                    try:
                        attempt_or_trouble = self._prepared(nodes, prepare)
                    except CallRefused as fault:
                        trouble = f"the node refuses {prepare.decision}: {fault.reply.words}"
                        if meaning(fault.reply) is not Meaning.REVERTED or prepare.replaced is not None:
                            return trouble
                        refused[prepare.decision] = trouble  # the next decision need not wait for this one
                        continue
                    if isinstance(attempt_or_trouble, str):
                        return attempt_or_trouble
                    self._record(attempt_or_trouble)
                    self._send(nodes, attempt_or_trouble)
                case Rest(trouble):
                    return trouble or "; ".join(refused.values())

    def _prepared(self, nodes: SendingNodes, prepare: Prepare) -> TransactionAttempted | str:
        """The signed transaction, not sent yet, or why there is none now. Raises CallRefused, NodeUnavailable."""
        signer, data, replaced = self._signer, prepare.data, prepare.replaced
        to = self._sending.contract if data else signer.address
        quote = nodes.quote(signer.address, to, data or "0x", replaced.gas if replaced and data else None)
        fees = priced(quote, self._sending.l1_fee_cap_wei, replaced)
        if isinstance(fees, Held):
            return f"{prepare.decision} is held: {fees.why}"
        if is_short(quote, fees):
            alarms.sound(BALANCE, f"the balance of {signer.address} covers fewer than ten transactions: send it ETH")
        else:
            alarms.clear(BALANCE)
        signed = signer.sign(prepare.nonce, data, fees.gas, fees.max_fee_wei, fees.tip_wei)
        return TransactionAttempted(
            message_id=f"attempt:{signed.transaction_hash}",
            at_ms=self._clock(),
            decision=prepare.decision,
            sender=signer.address,
            nonce=prepare.nonce,
            transaction_hash=signed.transaction_hash,
            raw=signed.raw,
            gas=fees.gas,
            max_fee_wei=fees.max_fee_wei,
            tip_wei=fees.tip_wei,
            empty=data is None,
        )

    def _send(self, nodes: SendingNodes, attempt: TransactionAttempted) -> None:
        replies = nodes.send(attempt.raw)
        answer = answered(self._answers.get(attempt.transaction_hash), meaning_of_all(replies), self._clock())
        if answer.meaning is Meaning.UNKNOWN:
            log.warning("%s may not have arrived: %s", attempt.transaction_hash, [reply.words for reply in replies])
        self._answers[attempt.transaction_hash] = answer

    def _record(self, *events: SenderEvent) -> None:
        """Commit the events with the ledger after them. Raises as the journal's commit."""
        ledger = reduce(apply, events, self._ledger)
        self._journal.commit(events, checkpoint=pack(ledger))
        self._ledger = ledger
        for name in self._listeners:
            self.context.send(name, LogGrew())
