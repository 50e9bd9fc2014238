"""A transaction sender driven by hand: the real actor on the real store and a real node, one turn at a time, which can
be made to crash at each of its steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.ports import StoreAccess
from actors.settlement.sender import LapseTransaction, Sending, SendTransaction, TransactionSender
from adapters.chain.keys import Signed, Signer
from adapters.chain.sending import SendingNodes
from adapters.redis.client import connect
from adapters.redis.journal import Journal
from adapters.redis.log import LogReader
from auction.settlement.calls import Offer
from messages.base import Wei
from messages.chain import Quote, Reply
from messages.chain_events import TransactionMined, TransactionOrdered
from supervision import Actor, Context, Delivery, Exit, InjectedCrash, Mailbox, Ready
from supervision.context import Stop
from tests.harness.anvil import CHAIN_ID, CONTRACT, FINALIZED_LAG, Anvil
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S

POLL_MS = 2_000
# Of the first account that anvil has, and that its documentation publishes.
KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
SENDER = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
WALLET = "0x" + "77" * 20
L1_FEE_CAP_WEI = 10**15

POINTS = [
    f"{when} {step}"
    for step in ("ordering", "asking for fees", "signing", "writing the attempt", "sending", "writing that it is mined")
    for when in ("before", "after")
]


def offer(auction_id: str) -> Offer:
    return Offer(auction_id=auction_id, token_id=1, to=WALLET, price_wei=Wei(10**17), deadline_s=2_000_000_000)


class Tripwire:
    """Crashes who passes the point."""

    def __init__(self, point: str = "") -> None:
        self.point = point

    def around(self, step: str, act: Callable[[], Any]) -> Any:
        """Act, and crash before or after it if that is the point."""
        self._pass(f"before {step}")
        done = act()
        self._pass(f"after {step}")
        return done

    def _pass(self, point: str) -> None:
        if point == self.point:
            raise InjectedCrash(point)


class TrippingNodes(SendingNodes):
    """The real nodes, with the wire at what the sender asks of them; `cut` lets no transaction arrive."""

    def __init__(self, anvils: Sequence[Anvil], wire: Tripwire, cut: Callable[[], bool], timeout_s: float) -> None:
        super().__init__([anvil.url for anvil in anvils], timeout_s)
        self._anvils, self._wire, self._cut = anvils, wire, cut

    def quote(self, sender: str, to: str, data: str, gas: int | None = None) -> Quote:
        quote: Quote = self._wire.around("asking for fees", lambda: SendingNodes.quote(self, sender, to, data, gas))
        return quote

    def send(self, raw: str) -> list[Reply]:
        if self._cut():
            return [Reply(False, None, "ReadTimeout")]
        replies: list[Reply] = self._wire.around("sending", lambda: self._sent(raw))
        return replies

    def _sent(self, raw: str) -> list[Reply]:
        replies = super().send(raw)
        for anvil, reply in zip(self._anvils, replies, strict=True):
            if reply.accepted:
                anvil.settle()
        return replies


class TrippingSigner(Signer):
    def __init__(self, wire: Tripwire, key: str) -> None:
        super().__init__(key, CONTRACT, CHAIN_ID)
        self._wire = wire

    def sign(self, nonce: int, data: str | None, gas: int, max_fee_wei: int, tip_wei: int) -> Signed:
        signed: Signed = self._wire.around("signing", lambda: Signer.sign(self, nonce, data, gas, max_fee_wei, tip_wei))
        return signed


class TrippingJournal(Journal):
    wire: Tripwire

    def commit(self, events: Any, writes: Any = (), checkpoint: bytes | None = None) -> int:
        kinds: dict[type, str] = {TransactionOrdered: "ordering", TransactionMined: "writing that it is mined"}
        step = kinds.get(type(events[0]), "writing the attempt")
        seq: int = self.wire.around(step, lambda: Journal.commit(self, events, writes, checkpoint))
        return seq


@dataclass(frozen=True, kw_only=True)
class TrippingAccess(StoreAccess):
    wire: Tripwire

    def journal(self, client: Any, writer: str) -> Journal:
        journal = TrippingJournal(client, self.keys, self.token, writer, self.recent)
        journal.wire = self.wire
        return journal


class Clock:
    """The time of all senders of a test; it moves by a poll with each turn."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms


class Driven:
    """One incarnation of the sender. `died_of` is set when it has ended."""

    def __init__(
        self,
        store: Store,
        anvils: Sequence[Anvil],
        clock: Clock,
        point: str = "",
        timeout_s: float = PATIENCE_S,
        key: str = KEY,
    ) -> None:
        self.clock, self.is_cut = clock, False
        self._now_s = 0.0
        self._mailbox = Mailbox(100)
        self.died_of: BaseException | None = None
        wire, launched = Tripwire(point), list[Actor]()
        access = TrippingAccess(lambda: connect(store.url), store.keys, store.token, wire=wire)
        context = Context(
            "transaction_sender", 1, self._mailbox, self._send, self._report, lambda: self._now_s, launched.append
        )
        sending = Sending(CHAIN_ID, CONTRACT, L1_FEE_CAP_WEI, POLL_MS)
        TransactionSender.start(
            context,
            access,
            clock,
            lambda: TrippingNodes(anvils, wire, lambda: self.is_cut, timeout_s),
            TrippingSigner(wire, key),
            sending,
            ("publisher",),
        )
        self._life = launched[0].life()
        self._step()  # it sets up, and makes acquaintance with the nodes

    def order(self, auction_id: str) -> str:
        """Have it offer the lot of this auction. Returns the id of the decision."""
        decision = f"offer:{auction_id}:1"
        self._mailbox.offer(SendTransaction(decision, offer(auction_id)))
        self._step()
        return decision

    def lapse(self, decision: str) -> None:
        self._mailbox.offer(LapseTransaction(decision))
        self._step()

    def poll(self, times: int = 1) -> None:
        """Let it look, and do what follows."""
        for _ in range(times):
            self._now_s += POLL_MS / 1000
            self.clock.now_ms += POLL_MS
            self._step()

    def _step(self) -> None:
        """What it dies of is raised here."""
        next(self._life, None)
        if self.died_of is not None:
            raise self.died_of

    def stop(self) -> None:
        """End it in an orderly way, if it lives."""
        self._mailbox.urge(Stop())
        assert next(self._life, None) is None

    def _send(self, name: str, message: object) -> Delivery:
        return Delivery.DELIVERED

    def _report(self, said: Ready | Exit) -> None:
        if isinstance(said, Exit):
            assert said.teardown_error is None
            self.died_of = said.reason


def logged(store: Store, *kinds: type) -> list[Any]:
    """The sender's events of these kinds in the log, in order."""
    entries = LogReader(store.client, store.keys).read(0, 10_000)
    return [event for entry in entries for event in entry.events() if isinstance(event, kinds)]


def offers(anvil: Anvil, auction_id: str) -> int:
    """How many offers for this auction the chain has: the test's contract logs the first word of each call."""
    logs = anvil.rpc("eth_getLogs", {"address": CONTRACT, "fromBlock": "0x0", "toBlock": "latest"})
    return sum(log["topics"][2] == offer(auction_id).data()[:66] for log in logs)


def transactions(anvil: Anvil) -> int:
    """How many transactions of the key are mined."""
    return int(anvil.rpc("eth_getTransactionCount", SENDER, "latest"), 16)


def crash_and_recover(store: Store, anvil: Anvil, clock: Clock, auction_id: str, point: str) -> None:
    """One offer whose sender crashes at the point; its successor has it mined. Fails unless that is once, and unless
    the nonces are without a gap."""
    before = transactions(anvil)
    try:
        first = Driven(store, [anvil], clock, point)
        first.order(auction_id)
        first.poll(8)
        raise AssertionError(f"it never came to the point {point}")
    except InjectedCrash:
        pass
    second = Driven(store, [anvil], clock)
    decision = second.order(auction_id)  # who decides says it again until it is in the log
    second.poll(4)
    anvil.mine(FINALIZED_LAG + 1)
    second.poll(4)
    second.stop()
    finals = [event.decision for event in logged(store, TransactionMined) if event.final]
    assert offers(anvil, auction_id) == 1
    assert finals.count(decision) == 1
    assert transactions(anvil) == before + 1
