"""The scheduler: orders each day's auction to open when its window does, and ends the marathon.

It writes the house's chain of the log, keeps bans and strikes for all days, and renews the house's sign of life. A gap
between two signs of life is an outage: open auctions are ordered to make up for it before the time lets them go on. An
auction closes by itself; `auction/downtime_policy` says how an outage moves its end.
"""

import gc
import logging
from collections.abc import Callable, Sequence

from actors.listener import LIMITS, VERDICTS, Limits, LogListener
from actors.ports import Clock, StoreAccess, XTime
from actors.scheduler.bans import ban_for_strikes, unban_for_lifted
from actors.scheduler.day_plan import DayPlan, FurtherDay, Plan, void_unopened
from actors.scheduler.house_state import X, begun_state
from actors.twitter.dead_letters import letter_discarded
from adapters.redis.client import execute
from adapters.redis.queue import START, DeadLetter, Queue
from adapters.redis.view import sealed
from adapters.redis.writes import Append, Delete, HashSet, Set, Trim, Write
from auction.downtime_policy import HOUSE, LEAST_OUTAGE_MS, late_close, made_up_for
from auction.orders import changes_house, event_of
from messages.base import Outage, Outcome
from messages.codec import UnreadableMessage, pack, pack_batch, to_json, unpack_commands
from messages.commands import AuctionCommand, BarBidder, DiscardLetter, MakeUpFor, SkipDay, UnbarBidder
from messages.events import (
    AnyEvent,
    DayAdded,
    DayStarted,
    DayVoided,
    HouseEvent,
    MarathonStarted,
    PostRefused,
    ResultNamed,
    SettlementAdvanced,
    StrikeGiven,
    StrikeLifted,
)
from messages.hints import DayIsOver, LogGrew, QueueGrew
from supervision import Context, Delivery

log = logging.getLogger(__name__)

__all__ = ["HOUSE", "DayPlan", "Scheduler"]

ORDERS_A_TURN = 64
BEAT_MS = 1_000

# How the announcer's name for the job of an auction post begins; the auction's id follows.
OPENING = "auction-post:"

# The marathon is at rest when nothing has been logged for so long (ms): each attempt at a post is logged.
AT_REST_MS = 60_000


class Scheduler(LogListener):
    """The actor that starts days. `start_auction(auction_id)` asks for the day's actor; asking twice is harmless.

    A bidder is banned after so many `strikes`. The first `allowed_ms` of an outage do not move an end. `end` is called
    again and again once the marathon is over and at rest; with `settles` it is not over before its sold lots are paid
    for. Days and outages are timed by X (`x_time`), and wait while that is unknown.
    """

    writer = HOUSE
    ignores = VERDICTS

    def __init__(
        self,
        context: Context,
        plan: Sequence[DayPlan],
        store: StoreAccess,
        clock: Clock,
        start_auction: Callable[[str], None],
        listeners: Sequence[str],
        strikes: int = 2,
        further: Sequence[FurtherDay] = (),
        allowed_ms: int = 120_000,
        end: Callable[[], None] = lambda: None,
        x_time: XTime | None = None,
        limits: Limits = LIMITS,
        settles: bool = False,
    ) -> None:
        super().__init__(context, store, limits)
        self._settles = settles
        self._plan, self._strikes, self._allowed_ms = Plan(plan, further), strikes, allowed_ms
        self._clock, self._x_time = clock, x_time or clock
        self._start_auction, self._listeners, self._end = start_auction, listeners, end

    def setup(self) -> None:
        super().setup()
        self._state = begun_state(self._journal)
        self.position = self._state.position
        self._queue = Queue(self._client, self.keys)
        self._heard_ms = now_ms = self._clock()
        begun = MarathonStarted(message_id="marathon:started", at_ms=now_ms, days=len(self._plan))
        was_announced, self._state.announced = self._state.announced, True
        self._plan.restore(self._state.added)
        self._commit([] if was_announced else [begun], [self._plan_write()])
        self._alive_ms = int(execute(self._client, "GET", self.keys.alive) or 0)
        self.catch_up()
        # Before the auctions start: the order to make up for an outage must be queued before one freezes its end.
        self._show_life()
        # An auction that is over may still run, where an earlier scheduler has not ended it.
        self._at_work = set(self._state.held)
        for day in self._at_work:
            if self._state.is_worth_reading(day):
                self._start_auction(self._plan[day].auction_id)

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        self._heard_ms = self._clock()
        match event:
            case ResultNamed() if event.day not in self._state.finished:
                self._state.finish(event, self._settles)
                if event.outcome is Outcome.VOID and event.by == HOUSE:
                    self._commit(*self._come_again(event.day))
            case SettlementAdvanced():
                day = next(day for day, plan in self._plan.items() if plan.auction_id == writer)
                if self._state.settle(day, event):
                    self._commit(*self._come_again(day))
            case PostRefused() if event.job.startswith(OPENING):
                self._void_unopened(event)
            case StrikeGiven():
                if order := ban_for_strikes(event, self._state, self._strikes):
                    self._ban(order)
            case StrikeLifted():
                if lift := unban_for_lifted(event, self._state, self._strikes):
                    self._unbar(lift)

    def handle(self, message: object) -> object:
        if isinstance(message, QueueGrew):
            self._read_orders()
            return None
        return super().handle(message)

    def tick(self) -> None:
        self._show_life()
        super().tick()
        self._read_orders()
        self._end_auctions()
        self._start_days()
        now_ms = self._clock()
        is_over = len(self._state.finished) == len(self._plan) and not self._state.settling
        if is_over and not self._state.ended:
            self._state.ended = True
            self._commit([self._state.summary(now_ms)])
        if self._state.ended and now_ms - self._heard_ms >= AT_REST_MS:
            self._end()

    def _start_days(self) -> None:
        if (now_ms := self._x_time()) is None:
            return
        for plan in [self._plan[day] for day in sorted(self._to_come())]:
            if now_ms >= plan.window.opens_at_ms:
                self._start(plan, now_ms)

    def _to_come(self) -> set[int]:
        return self._plan.keys() - set(self._state.started)

    def _end_auctions(self) -> None:
        """Tell auctions that are over to end, until they have: a day that is over holds no thread or connection."""
        over = [day for day in self._at_work if not self._state.is_worth_reading(day)]
        gone = [day for day in over if self.context.send(self._plan[day].auction_id, DayIsOver()) is Delivery.UNKNOWN]
        self._at_work -= set(gone)
        if gone:
            gc.collect()  # ended actors leave reference cycles, which the collector would free much later

    def _start(self, plan: DayPlan, now_ms: int) -> None:
        day, auction_id, window = plan.window.day, plan.auction_id, plan.window
        closes_at_ms = late_close(window.opens_at_ms, window.closes_at_ms, now_ms, plan.rules)
        if closes_at_ms is None:
            self._void(plan, now_ms, "less than half of its window was left when it could open")
            return
        self._state.started.append(day)
        events: list[HouseEvent] = [
            DayStarted(message_id=f"{auction_id}:started", at_ms=now_ms, auction_id=auction_id, day=day)
        ]
        if closes_at_ms > window.closes_at_ms:
            events.append(plan.delay(now_ms, closes_at_ms))
        # One commit logs the start and queues the order to open, and after it the bans.
        batch = pack_batch([plan.opening(closes_at_ms), *self._state.bans])
        self._commit(events, [Append(self.keys.queue(auction_id), batch)])
        self._start_auction(auction_id)
        self._at_work.add(day)
        self.context.send(auction_id, QueueGrew())

    def _void(self, plan: DayPlan, now_ms: int, why: str, by: str = "") -> None:
        day, auction_id = plan.window.day, plan.auction_id
        self._state.drop(day)
        message_id = f"{auction_id}:voided"
        voided = DayVoided(message_id=message_id, at_ms=now_ms, auction_id=auction_id, day=day, why=why, by=by)
        added, plan_writes = self._come_again(day)
        view = HashSet(self.keys.day(day), sealed(plan.void_view(now_ms)))
        self._commit([voided, *added], [view, *plan_writes])

    def _void_unopened(self, refused: PostRefused) -> None:
        """Order a day void whose auction post X has refused: nobody can ever bid."""
        auction_id = refused.job.removeprefix(OPENING)
        order = void_unopened(auction_id, refused)
        self._commit([], [Append(self.keys.queue(auction_id), pack_batch([order]))])
        self.context.send(auction_id, QueueGrew())

    # ---- the lot of a day that was not held comes again at the end

    def _come_again(self, of_day: int) -> tuple[list[DayAdded], list[Write]]:
        """The event and the write that add one more day for the lot of `of_day`; none where the dates are used up."""
        if of_day in self._state.added.values():
            return [], []
        added = self._plan.come_again(of_day, self._clock())
        if added is None:
            log.error("the lot of day %s does not come again: the calendar has no further date", of_day)
            return [], []
        self._state.added[added.day] = of_day
        return [added], [self._plan_write()]

    def _plan_write(self) -> Write:
        return Set(self.keys.config, to_json(list(self._plan.values())))

    # ---- outages

    def _show_life(self) -> None:
        """Renew the sign of life each BEAT_MS; after a silence, in the same commit as what makes up for the outage."""
        now_ms = self._x_time()
        if now_ms is None or now_ms - self._alive_ms < BEAT_MS:
            return
        before_ms, silent_ms = self._alive_ms, now_ms - self._alive_ms
        alive = Set(self.keys.alive, str(now_ms))
        if before_ms and silent_ms >= LEAST_OUTAGE_MS:
            self._make_up_for(Outage(from_ms=before_ms, to_ms=now_ms), "the auction house", alive)
        else:
            self._commit([], [alive])
        self._alive_ms = now_ms

    def _make_up_for(self, outage: Outage, what: str, write: Write) -> None:
        """Log an outage that is over, order open auctions to make up for it, and write this in the same commit."""
        event, order = made_up_for(outage, what, self._allowed_ms, self._clock())
        self._commit([event], [*self._to_open_auctions(order), write])

    # ---- what operators order, and strikes

    def _read_orders(self) -> None:
        for entry_id, data in self._queue.read(HOUSE, START, ORDERS_A_TURN):
            taken = Trim(self.keys.queue(HOUSE), entry_id)
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
                self._order(order, taken)
            self._commit([], [taken])

    def _order(self, order: AuctionCommand, taken: Trim) -> None:
        """One order; told a second time after a crash between two of its commits, it changes nothing more."""
        now_ms = self._clock()
        match order:
            case BarBidder() | UnbarBidder() | SkipDay() if not changes_house(order, self._state.bans, self._to_come()):
                pass
            case BarBidder():
                self._ban(order)
            case UnbarBidder():
                self._unbar(order)
            case SkipDay():
                self._void(self._plan[order.day], now_ms, f"skipped: {order.why}", order.by)
            case MakeUpFor() if order.outage.to_ms > self._state.x_known_to_ms:
                self._state.x_known_to_ms = order.outage.to_ms
                self._make_up_for(order.outage, X, Delete(self.keys.x_away))
            case DiscardLetter():  # stands alone in its entry, and nothing else shows that it was told before
                self._commit([letter_discarded(order, now_ms)], [taken])

    def _ban(self, order: BarBidder) -> None:
        self._state.bans.append(order)
        self._commit([event_of(order, self._clock())], self._to_open_auctions(order))

    def _unbar(self, order: UnbarBidder) -> None:
        now_ms = self._clock()
        self._state.unban(order.bidder_id, now_ms)
        self._commit([event_of(order, now_ms)], self._to_open_auctions(order))

    def _to_open_auctions(self, order: AuctionCommand) -> list[Write]:
        queues = [self.keys.queue(self._plan[day].auction_id) for day in self._state.open]
        return [Append(queue, pack_batch([order])) for queue in queues]

    def _commit(self, events: Sequence[AnyEvent], writes: Sequence[Write] = ()) -> None:
        self._state.position = self.position
        self._journal.commit(events, writes, pack(self._state))
        if events:
            for name in self._listeners:
                self.context.send(name, LogGrew())
