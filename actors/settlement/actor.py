"""The settlement actor: conducts the settlement of each sold lot, until it is paid for good or unsold.

It reads the log, and tells the auctions facts through their queues: they alone write what follows. The transaction
sender gets offers and revocations. What was told stands in the checkpoint, which is written in the same commit. What is
to be sent is said again and again, because the sender takes each decision once.
"""

from collections.abc import Callable, Sequence

import msgspec

from actors.listener import LIMITS, Limits, LogListener
from actors.ports import Clock, StoreAccess
from actors.settlement.sender import LapseTransaction, SendTransaction
from adapters import alarms
from adapters.chain.sale_events import Offered, Revoked, Sold, decode
from adapters.redis.client import execute
from adapters.redis.writes import Append, Write
from auction.downtime_policy import HOUSE
from auction.settlement.case import Case, SaleLog
from messages.base import Outcome
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
    ChainCameBack,
    ChainConfirmed,
    ChainLogRevoked,
    ChainLogSeen,
    ChainWentDown,
    OutageNoticed,
    PostMade,
    PostRefused,
    ResultNamed,
    SettlementFactRefused,
    TransactionDropped,
    TransactionMined,
)
from messages.hints import QueueGrew
from messages.settlement import CameBack, Level, SettlementFact, Terms, WentDown
from messages.x_ids import posted_at_ms
from supervision import Context

WRITER = "settlement"
CHAIN = "chain"  # what is down, in the facts of a settlement
_LEVELS = {"safe": Level.SAFE, "finalized": Level.FINALIZED}


class Book(msgspec.Struct, array_like=True):
    """The checkpoint: the position in the log, days without a result, cases that are not over, and who is banned."""

    position: int = 0
    prepared: dict[str, AuctionPrepared] = {}
    cases: dict[str, Case] = {}
    banned: set[int] = set()


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
        self._writes: list[Write] = []  # what is told to auctions; committed with the position

    def setup(self) -> None:
        super().setup()
        self._book = self._journal.begin(reader_of(Book)).checkpoint or Book()
        self.position = self._book.position

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        book = self._book
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
                self._passed((event.message_id, WentDown(at_ms=event.head_at_ms, what=CHAIN)))
            case ChainCameBack():
                self._passed((event.message_id, CameBack(at_ms=event.at_ms, what=CHAIN)))
            case OutageNoticed():
                went = WentDown(at_ms=event.from_ms, what=event.what)
                came = CameBack(at_ms=event.to_ms, what=event.what)
                self._passed((f"from:{event.message_id}", went), (f"to:{event.message_id}", came))
            case TransactionDropped():
                self._tell_all(lambda case: case.dropped(event.decision, event.at_ms))
            case TransactionMined() if event.final and not event.succeeded:
                self._tell_all(lambda case: case.dropped(event.decision, event.at_ms))
        if isinstance(event, AuctionEvent) and (case := book.cases.get(writer)):
            case.on_event(event)
            if case.is_over:
                del book.cases[writer]

    def on_batch_end(self) -> None:
        if self._writes:
            self._commit()

    def tick(self) -> None:
        # Asked before the log is read to its end: what the chain had up to then is in the log.
        read_ms = int(execute(self._client, "HGET", self.keys.chain, "read_at_ms") or 0)
        super().tick()
        if self.position < self._log.last_seq():
            return
        now_ms = self._clock()
        self._tell_all(lambda case: case.due(now_ms, read_ms, self._book.banned))
        if self._writes:
            self._commit()
        for case in self._book.cases.values():
            for decision, call in case.calls(read_ms).items():
                wanted = LapseTransaction(decision) if call is None else SendTransaction(decision, call)
                self.context.send(self._sender, wanted)

    # ---- what is told to auctions

    def _begin(self, prepared: AuctionPrepared, result: ResultNamed) -> None:
        if result.outcome is Outcome.SOLD and result.winner and not result.is_of_a_test:
            auction_id, token_id = prepared.auction_id, prepared.lot.token_id
            case = Case(auction_id, token_id, result.winner, self._terms_of(prepared))
            self._book.cases[auction_id] = case
            self._tell(case, case.begin())

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
            if isinstance(event, Offered) and not case.is_ours(event.to, event.price):
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
        if commands:
            self._writes.append(Append(self.keys.queue(case.auction_id), pack_batch(commands)))

    def _commit(self) -> None:
        self._book.position = self.position
        writes, self._writes = self._writes, []
        self._journal.commit([], writes, pack(self._book))
        for auction_id in self._book.cases:
            self.context.send(auction_id, QueueGrew())
