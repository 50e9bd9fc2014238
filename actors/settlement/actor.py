"""The settlement actor: conducts the settlement of each sold lot, until it is paid for good or unsold.

It reads the log, and tells the auctions facts through their queues: they alone write what follows. The transaction
sender gets offers and revocations. What was told stands in the checkpoint, which is written in the same commit. Where
the newest checkpoint is damaged, the log shows what was told after an older one, and that is not told again. What is to
be sent is said again and again, because the sender takes each decision once.
"""

from collections.abc import Callable, Sequence

import msgspec

from actors.listener import LIMITS, Limits, LogListener
from actors.ports import Clock, StoreAccess
from actors.settlement.sender import LapseTransaction, SendTransaction
from adapters import alarms
from adapters.chain.sale_events import Offered, Revoked, Sold, decode
from adapters.redis.client import execute
from adapters.redis.writes import Append
from auction.downtime_policy import HOUSE
from auction.settlement.case import Case, SaleLog
from messages.base import Outcome
from messages.chain_events import (
    ChainCameBack,
    ChainConfirmed,
    ChainLogRevoked,
    ChainLogSeen,
    ChainWentDown,
    TransactionDropped,
    TransactionMined,
    TransactionOrdered,
)
from messages.codec import pack, pack_batch, reader_of
from messages.commands import AuctionCommand
from messages.events import (
    AnyEvent,
    AuctionEvent,
    AuctionPrepared,
    BidAccepted,
    BidderBarred,
    BidderUnbarred,
    BidRefused,
    OutageNoticed,
    PostMade,
    PostRefused,
    ResultNamed,
    SettlementAdvanced,
    SettlementBegun,
    SettlementFactRefused,
)
from messages.hints import QueueGrew
from messages.settlement import CameBack, Level, SettlementFact, Terms, WentDown
from messages.x_ids import posted_at_ms
from supervision import Context

WRITER = "settlement"
CHAIN = "chain"  # what is down, in the facts of a settlement
_LEVELS = {"safe": Level.SAFE, "finalized": Level.FINALIZED}


class Book(msgspec.Struct, array_like=True):
    """The checkpoint: the position in the log, days without a result, cases that are not over, who is banned."""

    position: int = 0
    prepared: dict[str, AuctionPrepared] = {}
    cases: dict[str, Case] = {}
    banned: set[int] = set()
    ordered: set[str] = set()  # decisions that the sender has taken and that have not ended
    chain_down: str = ""  # the id of the event by which the chain went down; empty while it is up


class SettlementActor(LogListener):
    """Conducts settlements. `terms_of` makes the terms of one from the day's rules as they were announced; `sender` is
    the name of the transaction sender."""

    writer = WRITER
    ignores = frozenset({BidAccepted, BidRefused})

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        terms_of: Callable[[AuctionPrepared], Terms],
        sender: str,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(context, store, limits)
        self._clock, self._terms_of, self._sender = clock, terms_of, sender
        self._commands: list[tuple[str, AuctionCommand]] = []  # what is told to auctions; committed with the position

    def setup(self) -> None:
        super().setup()
        self._book = self._journal.begin(reader_of(Book)).checkpoint or Book()
        self.position = self._book.position
        self._began_at = self._log.last_seq()

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        book = self._book
        if isinstance(event, SettlementBegun | SettlementAdvanced | SettlementFactRefused):
            self._take_back(event.correlation_id)
        match event:
            case AuctionPrepared():
                book.prepared[writer] = event
            case ResultNamed():
                self._begin(book.prepared.pop(writer), event)
            case SettlementFactRefused():
                alarms.sound(f"settlement:{writer}", f"{writer} was told what does not fit: {event.why}")
            case PostMade():
                self._announced(event)
            case PostRefused():
                self._not_announced(event)
            case BidderBarred() if writer == HOUSE:
                book.banned.add(event.bidder_id)
            case BidderUnbarred() if writer == HOUSE:
                book.banned.discard(event.bidder_id)
            case ChainLogSeen():
                self._seen(event)
            case ChainLogRevoked():
                log_id = f"{event.block_hash}:{event.log_index}"
                self._tell_all(lambda case: case.revoked(log_id, event.at_ms))
            case ChainConfirmed():
                self._tell_all(lambda case: case.confirmed(_LEVELS[event.level], event.block_hash))
            case ChainWentDown():
                book.chain_down = event.message_id
                self._passed((event.message_id, WentDown(at_ms=event.head_at_ms, what=CHAIN)))
            case ChainCameBack():
                book.chain_down = ""
                self._passed((event.message_id, CameBack(at_ms=event.at_ms, what=CHAIN)))
            case OutageNoticed():
                went = WentDown(at_ms=event.from_ms, what=event.what)
                came = CameBack(at_ms=event.to_ms, what=event.what)
                self._passed((f"from:{event.message_id}", went), (f"to:{event.message_id}", came))
            case TransactionOrdered():
                book.ordered.add(event.decision)
            case TransactionDropped():
                book.ordered.discard(event.decision)
                self._tell_all(lambda case: case.dropped(event.decision, event.at_ms))
            case TransactionMined() if event.final:
                book.ordered.discard(event.decision)
                if not event.succeeded:
                    self._tell_all(lambda case: case.dropped(event.decision, event.at_ms))
        if isinstance(event, AuctionEvent) and (case := book.cases.get(writer)):
            case.on_event(event)
            if case.is_over:
                del book.cases[writer]
                alarms.clear(f"settlement:{writer}")

    def on_batch_end(self) -> None:
        is_due = self._commands or self.position - self._book.position >= self._limits.events_between_checkpoints
        if is_due and self.position >= self._began_at:
            self._commit()

    def tick(self) -> None:
        # Asked before the log is read to its end: what the chain had up to then is in the log.
        read_ms = int(execute(self._client, "HGET", self.keys.chain, "read_at_ms") or 0)
        known_to_ms = min(read_ms, self._told_to_ms(read_ms))
        super().tick()
        if self.position < self._log.last_seq():
            return
        now_ms = self._clock()
        self._tell_all(lambda case: case.due(now_ms, known_to_ms, self._book.banned))
        if self._commands:
            self._commit()
        self._tell_sender(read_ms)

    def _tell_sender(self, block_ms: int) -> None:
        book = self._book
        for case in book.cases.values():
            for decision, call in case.calls(block_ms).items():
                wanted = LapseTransaction(decision) if call is None else SendTransaction(decision, call)
                self.context.send(self._sender, wanted)
        # A payment may have come before a revocation that was ordered: the contract refuses that one for ever.
        for decision in book.ordered:
            if not any(case.has_decided(decision) for case in book.cases.values()):
                self.context.send(self._sender, LapseTransaction(decision))

    def _told_to_ms(self, otherwise_ms: int) -> int:
        """Up to when (UTC ms) the log tells of every outage of the house and of X: until the scheduler has shown life
        again, and while X is away, one may still be told. `otherwise_ms` where neither is known of."""
        alive, away = (execute(self._client, "GET", key) for key in (self.keys.alive, self.keys.x_away))
        return min([int(told) for told in (alive, away) if told is not None], default=otherwise_ms)

    # ---- what is told to auctions

    def _begin(self, prepared: AuctionPrepared, result: ResultNamed) -> None:
        if result.outcome is Outcome.SOLD and result.winner and not result.is_of_a_test:
            auction_id, token_id = prepared.auction_id, prepared.lot.token_id
            case = Case(auction_id, token_id, result.winner, self._terms_of(prepared))
            self._book.cases[auction_id] = case
            self._tell(case, case.begin())
            if down := self._book.chain_down:
                self._tell(case, case.passed([(down, WentDown(at_ms=result.at_ms, what=CHAIN))]))

    def _announced(self, made: PostMade) -> None:
        """The post that asks the buyer begins the buyer's time."""
        for case in self._book.cases.values():
            if made.job == case.asking:
                self._tell(case, case.announced(made.post_id, posted_at_ms(made.post_id)))

    def _not_announced(self, refused: PostRefused) -> None:
        for case in self._book.cases.values():
            if refused.job == case.asking:
                says = f"the buyer of {case.auction_id} is not asked, and no time runs: X takes no post: {refused.why}"
                alarms.sound(f"settlement:{case.auction_id}", says)

    def _seen(self, seen: ChainLogSeen) -> None:
        event = decode(seen.topics, seen.data)
        if not isinstance(event, Offered | Sold | Revoked):
            return
        for case in self._book.cases.values():
            if case.key != event.auction:
                continue
            if isinstance(event, Offered | Sold) and not case.is_ours(event.to, event.price):
                says = f"offer {event.offer} of the contract is not one of ours: is the operator's key in other hands?"
                alarms.sound(f"settlement:{case.auction_id}", says)
                return
            kind, place = type(event).__name__, (seen.block_hash, seen.log_index)
            log = SaleLog(kind, event.offer, *place, seen.transaction_hash, seen.block_at_ms)
            self._tell(case, case.seen(log))

    def _passed(self, *facts: tuple[str, SettlementFact]) -> None:
        self._tell_all(lambda case: case.passed(facts))

    def _tell_all(self, commands_of: Callable[[Case], list[AuctionCommand]]) -> None:
        for case in self._book.cases.values():
            self._tell(case, commands_of(case))

    def _tell(self, case: Case, commands: Sequence[AuctionCommand]) -> None:
        self._commands += [(case.auction_id, command) for command in commands]

    def _take_back(self, message_id: str) -> None:
        """What the log answers was told before, and is not told again."""
        told = (at for at, (_, command) in enumerate(self._commands) if command.message_id == message_id)
        if (first := next(told, None)) is not None:
            del self._commands[first]

    def _commit(self) -> None:
        self._book.position = self.position
        commands, self._commands = self._commands, []
        writes = [Append(self.keys.queue(auction_id), pack_batch([command])) for auction_id, command in commands]
        self._journal.commit([], writes, pack(self._book))
        for auction_id in self._book.cases:
            self.context.send(auction_id, QueueGrew())
