"""The scheduler: tells each day's auction to open when its window does, and knows when the marathon is over.

It writes the house's chain. When an auction closes is the auction's own affair.
"""

from collections.abc import Callable, Sequence

import msgspec

from actors.listener import LogListener
from actors.ports import Clock, StoreAccess
from adapters.redis.writes import Append, Write
from auction.calendar import Window
from messages.base import Lot, Rules
from messages.codec import pack, pack_batch, unpack
from messages.commands import OpenAuction
from messages.events import (
    AnyEvent,
    DayStarted,
    DayVoided,
    HouseEvent,
    MarathonEnded,
    MarathonStarted,
    ResultNamed,
)
from messages.hints import LogGrew, QueueGrew
from supervision import Context

HOUSE = "house"


class HouseState(msgspec.Struct, array_like=True):
    """What the scheduler has done so far."""

    position: int = 0
    announced: bool = False
    started: list[int] = []
    finished: list[int] = []
    ended: bool = False


class DayPlan(msgspec.Struct, frozen=True):
    """One day as configured: it becomes the day's frozen terms when its window opens."""

    auction_id: str
    window: Window
    lot: Lot
    rules: Rules


class Scheduler(LogListener):
    """Starts days. `start_auction(auction_id)` asks the supervisor for the day's actor; asking twice is harmless."""

    def __init__(
        self,
        context: Context,
        plan: Sequence[DayPlan],
        store: StoreAccess,
        clock: Clock,
        start_auction: Callable[[str], None],
        listeners: Sequence[str],
    ) -> None:
        super().__init__(context, store.keys)
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
        if not self._state.announced:
            self._state.announced = True
            self._commit(MarathonStarted(message_id="marathon:started", at_ms=self._clock(), days=len(self._plan)))
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
            case MarathonEnded():
                self._state.ended = True

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        if isinstance(event, ResultNamed) and event.day not in self._state.finished:
            self._state.finished.append(event.day)

    def tick(self) -> None:
        self.catch_up()
        now_ms = self._clock()
        for plan in self._plan.values():
            if plan.window.day not in self._state.started and now_ms >= plan.window.opens_at_ms:
                self._start(plan, now_ms)
        if not self._state.ended and len(self._state.finished) == len(self._plan):
            self._state.ended = True
            self._commit(MarathonEnded(message_id="marathon:ended", at_ms=now_ms))

    def _start(self, plan: DayPlan, now_ms: int) -> None:
        day, auction_id, window = plan.window.day, plan.auction_id, plan.window
        self._state.started.append(day)
        if now_ms >= window.closes_at_ms:
            self._state.finished.append(day)
            why = "the whole window had passed before it could open"
            self._commit(
                DayVoided(message_id=f"{auction_id}:voided", at_ms=now_ms, auction_id=auction_id, day=day, why=why)
            )
            return
        order = OpenAuction(
            message_id=f"{auction_id}:open",
            auction_id=auction_id,
            day=day,
            lot=plan.lot,
            rules=plan.rules,
            opens_at_ms=window.opens_at_ms,
            closes_at_ms=window.closes_at_ms,
        )
        started = DayStarted(message_id=f"{auction_id}:started", at_ms=now_ms, auction_id=auction_id, day=day)
        # The order enters the auction's queue in the same commit that says so.
        self._commit(started, Append(self._store.keys.queue(auction_id), pack_batch([order])))
        self._start_auction(auction_id)
        self.context.send(auction_id, QueueGrew())

    def _commit(self, event: HouseEvent, *writes: Write) -> None:
        self._state.position = self.position
        self._journal.commit([event], writes, pack(self._state))
        for name in self._listeners:
            self.context.send(name, LogGrew())
