"""One auction: the only writer of its chain. It reads its input queue, decides, commits, and tells that the log grew.

What follows from a bid is decided in `auction/`; an error of the store ends this actor, and its successor goes on from
checkpoint and log. A command of which it dies again and again is put aside (`poison`).
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from actors.auction.day_store import DayStore
from actors.auction.metrics import count
from actors.auction.poison import DEATHS, DiedIsolated, Suspects
from actors.ports import Clock, StoreAccess, XTime
from adapters import metrics
from adapters.redis.client import execute
from adapters.redis.queue import START, DeadLetter, Queue, Reading
from adapters.redis.view import sealed
from adapters.redis.writes import BidHistories, HashSet, HashSetIf, Trim, Write
from auction.day_view import day_view
from auction.downtime_policy import LEAST_OUTAGE_MS
from auction.segments import BIDS_A_SEGMENT
from messages.base import Phase
from messages.codec import UnreadableMessage, pack_batch, unpack_commands
from messages.commands import AuctionCommand
from messages.events import AuctionEvent, AuctionOpened, AuctionPrepared, Observed, ResultNamed
from messages.hints import DayIsOver, LogGrew, QueueGrew
from messages.x_ids import posted_at_ms
from supervision import Actor, Context

log = logging.getLogger(__name__)

OPENINGS = frozenset({AuctionPrepared, AuctionOpened})


class Limits(NamedTuple):
    """How much an auction does at once."""

    bids_a_commit: int = 1_024
    """A commit holds what waits, up to about so many bids: a lone one at once, a flood in hundreds. More would not be
    quicker, and who looks at the store meanwhile would have to wait for it."""
    commits_a_turn: int = 16
    turn_s: float = 1.0
    """After so long no further commit begins: late finds far back may take a while each."""
    entries_a_read: int = 16
    """Entries of the queue, of 1 MiB at most."""
    events_between_checkpoints: int = 32_768
    """A checkpoint holds the bids that are not packed away yet, up to two segments: often enough for a quick recovery,
    and not so often that it is most of what is written. Packing away goes on in between, since bids wait for it too."""
    bids_a_segment: int = BIDS_A_SEGMENT


LIMITS = Limits()


class Auction(Actor):
    """Serialises the bids of one day. `listeners` are the names that are told when the log grew. What the time alone
    brings, the end above all, comes by X's time, and has to wait while that is not known.

    `suspects` is handed on from incarnation to incarnation by whoever starts them.
    """

    tick_s = 0.1

    def __init__(
        self,
        context: Context,
        auction_id: str,
        store: StoreAccess,
        clock: Clock,
        listeners: Sequence[str],
        suspects: Suspects | None = None,
        x_time: XTime | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(context)
        self.auction_id, self._store, self._clock, self._listeners = auction_id, store, clock, listeners
        self._suspects = Suspects() if suspects is None else suspects
        self._x_time, self._limits = x_time or clock, limits

    def setup(self) -> None:
        self._client = self._store.connect()
        self._queue = Queue(self._client, self._store.keys)
        self._journal = self._store.journal(self._client, self.auction_id)
        self._day_store = DayStore(self._client, self._store.keys, self.auction_id, self._limits.bids_a_segment)
        self._day = self._day_store.begin(self._journal)
        self._since_checkpoint = 0
        self._day.replay(self._tail())
        self._since_packing = self._since_checkpoint
        # Entries that were read and are not decided yet, the last one before them, and those on their way.
        self._at_hand: deque[tuple[str, bytes]] = deque()
        self._cursor = START
        self._reading: Reading | None = None
        self._untold: Sequence[AuctionEvent] = ()

    def _tail(self) -> Iterator[AuctionEvent]:
        # Counted, so that one who never lives long writes checkpoints too and the tail does not grow for ever.
        for _, event in self._journal.tail():
            self._since_checkpoint += 1
            yield event  # type: ignore[misc]  # an auction's chain holds nothing else

    def teardown(self) -> None:
        self._client.close()

    def handle_batch(self, messages: list[object]) -> None:
        super().handle_batch(list(dict.fromkeys(messages)))  # equal hints that have come together say the same

    def handle(self, message: object) -> object:
        match message:
            case QueueGrew():
                self._work()
            case DayIsOver():
                if self._day.phase is Phase.COMPLETED and not self._work_off():
                    self._settle()
                    self.stop()
            case _:
                return NotImplemented
        return None

    def tick(self) -> None:
        self._work()

    def _work(self) -> None:
        self._take_read()
        # Asked before the queue is read to its end: what the house orders to make up for an outage then stands in it.
        due_ms, searched_ms = self._due_ms(), self._searched_ms()
        is_worked_off = self._works_off()
        self._settle()
        if not is_worked_off:
            # Let what came for this actor meanwhile have its turn first.
            self.context.send(self.context.name, QueueGrew())
            return
        if due_ms is None or (self._day.waits_for_a_sweep(due_ms) and searched_ms < self._day.ends_at_ms):
            return
        if events := self._day.tick(due_ms):
            self._commit(events)

    def _works_off(self) -> bool:
        """Work for a turn; whether the queue was read to its end."""
        until_s = time.monotonic() + self._limits.turn_s
        for _ in range(self._limits.commits_a_turn):
            if not self._work_off():
                return True
            if time.monotonic() > until_s:
                break
        return False

    def _work_off(self) -> bool:
        """Decide what is next in the queue, and send it to the store; False where nothing was there.

        The commit before is on its way meanwhile, and what comes next is being read: the server works while we decide.
        """
        began_s = time.perf_counter()
        commands, dead, last_id = self._next()
        if not last_id:
            return False
        # A commit takes out of the queue what it has decided, so a successor begins where this one has come to.
        taken = Trim(self._store.keys.queue(self.auction_id), last_id)
        if self._suspects.isolated:
            # Each is decided alone, and committed alone too: the audit decides what a commit holds at once.
            for command in commands:
                self._commit(self._decide([command]))
            self._commit([], [taken, *dead])
            self._suspects.clear()
        else:
            self._send(self._decide(commands), [taken, *dead])
        metrics.bid_decision_seconds.observe(time.perf_counter() - began_s)
        return True

    def _due_ms(self) -> int | None:
        """X's time, up to which the day may go on; None where nobody knows it, or it would end a day that an outage may
        still move."""
        x_ms = self._x_time()
        if x_ms is None or (self._day.is_at_its_end(x_ms) and not self._is_vouched_for(x_ms)):
            return None
        return x_ms

    def _searched_ms(self) -> int:
        """Up to when (UTC ms) a search has found what stands in the queue by now; 0 where that does not matter yet."""
        x_ms = self._x_time()
        if x_ms is None or not self._day.waits_for_a_sweep(x_ms):
            return 0
        return int(execute(self._client, "GET", self._store.keys.searched(self.auction_id)) or 0)

    def _is_vouched_for(self, now_ms: int) -> bool:
        """Whether no outage is still to be made up for: the house is at work, and X is not known to be away."""
        alive = execute(self._client, "GET", self._store.keys.alive)
        is_alive = alive is None or now_ms - int(alive) < LEAST_OUTAGE_MS
        return is_alive and execute(self._client, "GET", self._store.keys.x_away) is None

    def _next(self) -> tuple[list[AuctionCommand], list[Write], str]:
        """What can be decided of the next entries of the queue, the dead letters that the rest becomes, and the last
        entry's id; no id where there is none."""
        commands: list[AuctionCommand] = []
        dead: list[Write] = []
        entry_id = ""
        if not self._at_hand:
            self._reading = self._reading or self._begin_read()
            self._take_read()
        while self._at_hand and len(commands) < self._limits.bids_a_commit:
            entry_id, data = self._at_hand.popleft()
            self._cursor = entry_id
            try:
                found = unpack_commands(data)
            except UnreadableMessage as fault:
                dead.append(self._dead_letter(entry_id, data, str(fault), attempts=1))
                continue
            quarantined = self._suspects.quarantined
            for poison in [command for command in found if command.message_id in quarantined] if quarantined else ():
                dead.append(self._dead_letter(entry_id, pack_batch([poison]), quarantined[poison.message_id], DEATHS))
                found.remove(poison)
            commands += found
        if entry_id and not self._at_hand:
            self._reading = self._begin_read()
        return commands, dead, entry_id

    def _take_read(self) -> None:
        """What was being read is at hand."""
        if reading := self._reading:
            self._reading = None
            self._at_hand.extend(reading.entries())

    def _begin_read(self) -> Reading:
        return self._queue.begin_read(self.auction_id, self._cursor, self._limits.entries_a_read)

    def _decide(self, commands: list[AuctionCommand]) -> list[AuctionEvent]:
        """The events that follow. Whatever is raised here has left the day half changed, and ends this incarnation."""
        try:
            return self._day.decide(commands, self._clock())
        except Exception as error:
            isolated = self._suspects.isolated
            self._suspects.died_of(commands, error)
            if isolated:
                raise DiedIsolated(f"{commands[0].message_id} cannot be decided: {error!r:.120}") from error
            raise

    def _dead_letter(self, entry_id: str, data: bytes, error: str, attempts: int) -> Write:
        auction_id, at_ms = self.auction_id, self._clock()
        log.error("%s: from queue entry %s to the dead letters: %s", auction_id, entry_id, error)
        return self._queue.dead_letter_write(
            DeadLetter(auction_id=auction_id, entry_id=entry_id, data=data, error=error, attempts=attempts, at_ms=at_ms)
        )

    def _commit(self, events: Sequence[AuctionEvent], taken: Sequence[Write] = ()) -> None:
        self._send(events, taken)
        self._settle()

    def _send(self, events: Sequence[AuctionEvent], taken: Sequence[Write] = ()) -> None:
        self._since_checkpoint += len(events)
        checkpoint, writes = None, [*taken, *self._writes(events)]
        self._since_packing += len(events)
        if self._since_packing >= self._limits.bids_a_segment:
            writes += self._day_store.pack_away(self._day)
            self._since_packing = 0
        # A day that is over leaves a checkpoint, so that who reads it later does not have to go through its log.
        if self._since_checkpoint >= self._limits.events_between_checkpoints or ResultNamed in map(type, events):
            (checkpoint, segments), self._since_checkpoint = self._day_store.checkpoint(self._day), 0
            writes += segments
        self._journal.send(events, writes, checkpoint)
        self._tell()
        self._untold = events

    def _settle(self) -> None:
        self._journal.settle()
        self._tell()

    def _tell(self) -> None:
        """Say what is on disk by now: what was sent before."""
        events, self._untold = self._untold, ()
        if events:
            count(events)
            for name in self._listeners:
                self.context.send(name, LogGrew())

    def _writes(self, events: Sequence[AuctionEvent]) -> list[Write]:
        keys = self._store.keys
        writes: list[Write] = []
        verdicts = [event for event in events if isinstance(event, Observed)]
        if bids := [(posted_at_ms(event.post_id), event.post_id, event.bidder_id) for event in verdicts]:
            writes.append(BidHistories(keys.bids(self.auction_id), keys.own_bids, f"{self.auction_id}:", bids))
        if events and self._day.prepared:
            view = sealed(day_view(self._day))
            writes.append(HashSet(keys.day(self._day.prepared.day), view))
            # The stage belongs to the auction whose id stands there, or to one that is opening.
            opening = not OPENINGS.isdisjoint(map(type, events))
            writes.append(
                HashSet(keys.current, view) if opening else HashSetIf(keys.current, "auction_id", self.auction_id, view)
            )
        return writes
