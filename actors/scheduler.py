"""The scheduler: tells each day's auction to open when its window does, and knows when the marathon is over.

It writes the house's chain, and keeps for all days what concerns people: bars and strikes. When an auction closes is
the auction's own affair.
"""

import logging
from collections.abc import Callable, Sequence

import msgspec

from actors.listener import VERDICTS, LogListener
from actors.ports import Clock, StoreAccess
from adapters.redis.queue import START, DeadLetter, Queue
from adapters.redis.writes import Append, Trim, Write
from auction.calendar import Window
from auction.catch_up import late_close
from messages.base import Lot, Refusal, Rules
from messages.codec import UnreadableMessage, pack, pack_batch, unpack, unpack_commands
from messages.commands import AuctionCommand, BarBidder, OpenAuction, SkipDay, UnbarBidder
from messages.events import (
    AnyEvent,
    BidderBarred,
    BidderUnbarred,
    DayDelayed,
    DayStarted,
    DayVoided,
    HouseEvent,
    MarathonEnded,
    MarathonStarted,
    ResultNamed,
    StrikeGiven,
)
from messages.hints import LogGrew, QueueGrew
from supervision import Context

log = logging.getLogger(__name__)

ORDERS_A_TURN = 64
HOUSE = "house"


class HouseState(msgspec.Struct, array_like=True):
    """What the scheduler has done so far."""

    position: int = 0
    announced: bool = False
    started: list[int] = []
    finished: list[int] = []
    ended: bool = False
    bars: list[BarBidder] = []
    strikes: dict[int, int] = {}
    lifted: dict[int, int] = {}  # when (UTC ms) a bidder's bar was lifted: what he did before is forgiven


class DayPlan(msgspec.Struct, frozen=True):
    """One day as configured: it becomes the day's frozen terms when its window opens."""

    auction_id: str
    window: Window
    lot: Lot
    rules: Rules


class Scheduler(LogListener):
    """Starts days. `start_auction(auction_id)` asks the supervisor for the day's actor; asking twice is harmless."""

    deaf_to = VERDICTS

    def __init__(
        self,
        context: Context,
        plan: Sequence[DayPlan],
        store: StoreAccess,
        clock: Clock,
        start_auction: Callable[[str], None],
        listeners: Sequence[str],
        strikes: int = 2,
    ) -> None:
        super().__init__(context, store)
        self._strikes = strikes
        self._plan = {day.window.day: day for day in plan}
        self._store, self._clock, self._start_auction = store, clock, start_auction
        self._listeners = listeners

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, HOUSE)
        begun = self._journal.begin()
        self._state = unpack(begun.checkpoint, HouseState) if begun.checkpoint else HouseState()
        self.position = self._state.position
        for _, event in self._journal.tail():  # there is one only behind a damaged checkpoint
            self._recall(event)
        self.listen(self._client)
        self._queue = Queue(self._client, self._store.keys)
        if not self._state.announced:
            self._state.announced = True
            self._commit([MarathonStarted(message_id="marathon:started", at_ms=self._clock(), days=len(self._plan))])
        self.catch_up()
        for day in self._state.started:
            if day not in self._state.finished:
                self._start_auction(self._plan[day].auction_id)

    def teardown(self) -> None:
        self._client.close()

    def _recall(self, event: AnyEvent) -> None:
        match event:
            case MarathonStarted():
                self._state.announced = True
            case DayStarted():
                self._state.started.append(event.day)
            case DayVoided():
                self._state.started.append(event.day)
                self._state.finished.append(event.day)
            case BidderBarred():
                self._state.bars.append(_bar_of(event))
            case BidderUnbarred():
                self._unbar(event.bidder_id, event.at_ms)
            case MarathonEnded():
                self._state.ended = True

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        match event:
            case ResultNamed() if event.day not in self._state.finished:
                self._state.finished.append(event.day)
            case StrikeGiven():
                self._strike(event)

    def handle(self, message: object) -> object:
        if isinstance(message, QueueGrew):
            self._read_orders()
            return None
        return super().handle(message)

    def tick(self) -> None:
        self.catch_up()
        self._read_orders()
        now_ms = self._clock()
        for plan in self._plan.values():
            if plan.window.day not in self._state.started and now_ms >= plan.window.opens_at_ms:
                self._start(plan, now_ms)
        if not self._state.ended and len(self._state.finished) == len(self._plan):
            self._state.ended = True
            self._commit([MarathonEnded(message_id="marathon:ended", at_ms=now_ms)])

    def _start(self, plan: DayPlan, now_ms: int) -> None:
        day, auction_id, window = plan.window.day, plan.auction_id, plan.window
        closes_at_ms = late_close(window.opens_at_ms, window.closes_at_ms, now_ms, plan.rules)
        if closes_at_ms is None:
            self._void(plan, now_ms, "less than half of its window was left when it could open")
            return
        self._state.started.append(day)
        order = OpenAuction(
            message_id=f"{auction_id}:open",
            auction_id=auction_id,
            day=day,
            lot=plan.lot,
            rules=plan.rules,
            opens_at_ms=window.opens_at_ms,
            closes_at_ms=closes_at_ms,
            latest_end_ms=window.closes_at_ms + plan.rules.soft_close_cap_ms,
        )
        events: list[HouseEvent] = [
            DayStarted(message_id=f"{auction_id}:started", at_ms=now_ms, auction_id=auction_id, day=day)
        ]
        if closes_at_ms > window.closes_at_ms:
            delayed = DayDelayed(
                message_id=f"{auction_id}:delayed",
                at_ms=now_ms,
                auction_id=auction_id,
                day=day,
                lost_ms=now_ms - window.opens_at_ms,
                closes_at_ms=closes_at_ms,
            )
            events.append(delayed)
        # The order enters the auction's queue in the same commit that says so, and who is barred stands behind it.
        batch = pack_batch([order, *self._state.bars])
        self._commit(events, [Append(self._store.keys.queue(auction_id), batch)])
        self._start_auction(auction_id)
        self.context.send(auction_id, QueueGrew())

    def _void(self, plan: DayPlan, now_ms: int, why: str, by: str = "", writes: Sequence[Write] = ()) -> None:
        day, auction_id = plan.window.day, plan.auction_id
        self._state.started.append(day)
        self._state.finished.append(day)
        message_id = f"{auction_id}:voided"
        voided = DayVoided(message_id=message_id, at_ms=now_ms, auction_id=auction_id, day=day, why=why, by=by)
        self._commit([voided], writes)

    # ---- what operators order, and strikes

    def _read_orders(self) -> None:
        for entry_id, data in self._queue.read(HOUSE, START, ORDERS_A_TURN):
            taken = Trim(self._store.keys.queue(HOUSE), entry_id)
            try:
                orders = unpack_commands(data)
            except UnreadableMessage as fault:
                log.error("an order of the house is not readable and goes to the dead letters: %s", fault)
                letter = DeadLetter(
                    auction_id=HOUSE, entry_id=entry_id, data=data, error=str(fault), attempts=1, at_ms=self._clock()
                )
                self._commit([], [self._queue.dead_letter_write(letter), taken])
                continue
            for order in orders:
                self._order(order)
            self._commit([], [taken])

    def _order(self, order: AuctionCommand) -> None:
        """One order; told a second time after a crash between two of its commits, it changes nothing more."""
        now_ms = self._clock()
        match order:
            case BarBidder() if all(order.bidder_id != bar.bidder_id for bar in self._state.bars):
                self._bar(order)
            case UnbarBidder() if any(order.bidder_id == bar.bidder_id for bar in self._state.bars):
                self._unbar(order.bidder_id, now_ms)
                told = BidderUnbarred(
                    message_id=f"ordered:{order.message_id}",
                    correlation_id=order.message_id,
                    at_ms=now_ms,
                    bidder_id=order.bidder_id,
                    from_ms=order.from_ms,
                    by=order.by,
                    why=order.why,
                )
                self._commit([told], self._to_open_auctions(order))
            case SkipDay() if order.day in self._plan and order.day not in self._state.started:
                self._void(self._plan[order.day], now_ms, f"skipped: {order.why}", order.by)

    def _strike(self, strike: StrikeGiven) -> None:
        """Bars a bidder who has reached his last strike; what he bid before stands.

        A log that is heard again from its beginning bars nobody whose bar was lifted since.
        """
        if strike.at_ms <= self._state.lifted.get(strike.bidder_id, 0):
            return
        self._state.strikes[strike.bidder_id] = count = self._state.strikes.get(strike.bidder_id, 0) + 1
        if count < self._strikes or any(strike.bidder_id == bar.bidder_id for bar in self._state.bars):
            return
        order = BarBidder(
            message_id=f"strikes:{strike.bidder_id}:{strike.post_id}",
            by=HOUSE,
            why=f"{count} strikes, the last: {strike.cause}",
            said_at_ms=strike.at_ms,
            bidder_id=strike.bidder_id,
            from_ms=strike.at_ms,
            reason=Refusal.NOT_ELIGIBLE,
        )
        self._bar(order)

    def _bar(self, order: BarBidder) -> None:
        self._state.bars.append(order)
        told = BidderBarred(
            message_id=f"ordered:{order.message_id}",
            correlation_id=order.message_id,
            at_ms=self._clock(),
            bidder_id=order.bidder_id,
            from_ms=order.from_ms,
            reason=order.reason,
            by=order.by,
            why=order.why,
        )
        self._commit([told], self._to_open_auctions(order))

    def _unbar(self, bidder_id: int, at_ms: int) -> None:
        self._state.bars = [bar for bar in self._state.bars if bar.bidder_id != bidder_id]
        self._state.strikes.pop(bidder_id, None)
        self._state.lifted[bidder_id] = at_ms

    def _to_open_auctions(self, order: AuctionCommand) -> list[Write]:
        unfinished = [day for day in self._state.started if day not in self._state.finished]
        queues = [self._store.keys.queue(self._plan[day].auction_id) for day in unfinished]
        return [Append(queue, pack_batch([order])) for queue in queues]

    def _commit(
        self, events: Sequence[HouseEvent | BidderBarred | BidderUnbarred], writes: Sequence[Write] = ()
    ) -> None:
        self._state.position = self.position
        self._journal.commit(events, writes, pack(self._state))
        for name in self._listeners:
            self.context.send(name, LogGrew())


def _bar_of(event: BidderBarred) -> BarBidder:
    """The order behind the event, as later auctions are told it."""
    return BarBidder(
        message_id=event.correlation_id,
        by=event.by,
        why=event.why,
        said_at_ms=event.at_ms,
        bidder_id=event.bidder_id,
        from_ms=event.from_ms,
        reason=event.reason,
    )
