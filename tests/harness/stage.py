"""A stage for actors: they stand on one store and one clock and are stepped by hand, in the order that a test wants.

What they send reaches whoever stands there under that name. An actor crashes by being followed: it leaves as it
stands, with no chance to write anything, and the next one of its name begins from the store.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from datetime import date
from typing import Any, Protocol, TypeVar, overload

from actors import listener
from actors.announcer.actor import Announcer
from actors.announcer.outbox import DEFAULTS, Posting
from actors.auction.actor import LIMITS, Auction
from actors.ports import StoreAccess
from actors.scheduler.day_plan import DayPlan
from actors.twitter.conversation import Timing
from actors.twitter.reconciler import TwitterReconciler
from adapters.livestream.hub import FeedHub
from adapters.redis.client import connect, execute
from adapters.redis.log import LogReader
from adapters.redis.queue import START, Queue
from adapters.x.client import XClient
from adapters.x.credentials import Credentials
from auction.calendar import Window
from messages.base import Lot, Outcome, Rules
from messages.codec import unpack_commands
from messages.commands import AuctionCommand, OpenAuction
from messages.events import ResultNamed
from supervision import Actor, Context, Delivery, Mailbox
from tests.harness.builders import OPENING, OPENS_MS, RULES
from tests.harness.store import Store
from tests.harness.waiting import until

A = TypeVar("A", bound=Actor)
OpenOnX = Callable[..., tuple[Auction, int]]
HOUR_MS = 3_600_000
SETTLE_MS = 10_000  # from an attempt to post until its outcome is looked up
TIMING = Timing(search_lag_ms=1_000, interval_ms=20_000, lag_ms=5_000)
_serial = itertools.count(1)


def day_plan(day: int, opens_at_ms: int = OPENS_MS, marathon_id: str = "m", title: str = "") -> DayPlan:
    """A day of an hour, as it is planned."""
    window = Window(day=day, local_date=date(2027, 1, day), opens_at_ms=opens_at_ms, closes_at_ms=opens_at_ms + HOUR_MS)
    return DayPlan(f"{marathon_id}-{day:02d}", window, Lot(token_id=day, title=title or f"Lot {day}"), RULES)


C = TypeVar("C", bound=XClient)


class MakeClient(Protocol):
    """Makes a client of the simulated X, of whatever class, on the stage's clock."""

    @overload
    def __call__(self, *, credentials: Credentials = ..., **more: Any) -> XClient: ...

    @overload
    def __call__(self, kind: type[C], credentials: Credentials = ..., **more: Any) -> C: ...


class Clock:
    """UTC ms, from a whole second on; time passes only when a test says so."""

    def __init__(self, now_ms: int | None = None) -> None:
        self.now_ms = int(time.time()) * 1000 if now_ms is None else now_ms

    def __call__(self) -> int:
        return self.now_ms

    def goes_on(self, ms: int) -> None:
        self.now_ms += ms


class Shown(FeedHub):
    """A feed that also remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop(), "generation")
        self.given: list[Any] = []

    def publish(self, events: Any, passing: Any = ()) -> None:
        self.given += events
        super().publish(events, passing)

    def close(self) -> None:
        """Its loop is gone; nobody was watching."""
        self._loop.close()


class Stage:
    """The actors of one process, without its threads. `sent` is what they have said to each other."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.keys, self.client = store.keys, store.client
        self.access = StoreAccess(lambda: connect(store.url), store.keys, store.token)
        self.queues = Queue(store.client, store.keys)
        self._searched: set[str] = set()
        self.sent: list[tuple[str, Any]] = []
        self._actors: dict[str, Actor] = {}
        self.auction_limits = LIMITS  # of all auctions that enter from now on

    def enter(self, name: str, make: Callable[[Context], A], mailbox_size: int = 1_000) -> A:
        """The actor that `make` builds, set up; one that stands there under its name crashes first."""
        before = self.leave(name)
        incarnation = before.context.incarnation + 1 if before else 1
        actor = make(Context(name, incarnation, Mailbox(mailbox_size), self._send, lambda _: None))
        self._actors[name] = actor
        actor.setup()
        return actor

    def leave(self, name: str) -> Actor | None:
        """The actor of this name is gone, if there was one."""
        actor = self._actors.pop(name, None)
        if actor is not None:
            actor.context.mailbox.close()
            actor.teardown()
        return actor

    def close(self) -> None:
        """All are gone."""
        for name in list(self._actors):
            self.leave(name)

    def step(self, *actors: Actor) -> None:
        """One after the other handles what waits for it, does what is due, and what it has told itself to do next."""
        for actor in actors:
            self._read(actor)
            actor.tick()
            self._read(actor)

    def _read(self, actor: Actor) -> None:
        while envelopes := actor.context.mailbox.take(actor.batch_max):
            actor.handle_batch([envelope.message for envelope in envelopes])

    def until(self, condition: Callable[[], Any], *actors: Actor) -> Any:
        """Steps them until it holds; what comes from outside (bytes of a stream) takes its own time."""

        def holds() -> Any:
            self.step(*actors)
            return condition()

        return until(holds)

    def _send(self, name: str, message: Any) -> Delivery:
        self.sent.append((name, message))
        actor = self._actors.get(name)
        return actor.context.mailbox.offer(message) if actor else Delivery.UNKNOWN

    # ---- what stands in the store

    def logged(self, *kinds: type[Any], writer: str = "") -> list[Any]:
        """The events of these kinds, in their order."""
        entries = LogReader(self.client, self.keys).read(0, 10_000)
        return [
            event
            for entry in entries
            if writer in ("", entry.writer)
            for event in entry.events()
            if isinstance(event, kinds or object)
        ]

    def queued(self, auction_id: str) -> list[Any]:
        """The commands that wait in the queue."""
        return [command for batch in self.batches(auction_id) for command in batch]

    def batches(self, auction_id: str) -> list[list[Any]]:
        """The same, as they were packed."""
        return [unpack_commands(data) for _, data in self.queues.read(auction_id, START, 10_000)]

    def current(self) -> dict[str, str]:
        """What readers see of the auction on stage."""
        held: dict[bytes, bytes] = execute(self.client, "HGETALL", self.keys.current)
        return {name.decode(): value.decode() for name, value in held.items()}

    def commit(self, writer: str, *events: Any) -> int:
        """These events stand in the log, in one commit of this writer; the number of the last."""
        journal = self.store.journal(writer)
        journal.begin()
        return journal.commit(events)

    def name_result(self, day: int = 1) -> None:
        """The result of the day's auction stands in the log: nobody has bought."""
        auction_id = f"m-{day:02d}"
        result = ResultNamed(
            message_id=f"{auction_id}:result",
            at_ms=self.clock(),
            auction_id=auction_id,
            day=day,
            outcome=Outcome.UNSOLD,
        )
        self.commit(auction_id, result)

    def lose_checkpoints(self, writer: str, both: bool) -> None:
        """The newest checkpoint is damaged, or both that are kept."""
        self.client.set(self.keys.checkpoint(writer), b"damaged")
        if both:
            self.client.set(self.keys.previous_checkpoint(writer), b"damaged")

    # ---- actors, as most tests need them

    def auction(self, day: int = 1) -> Auction:
        """The actor of the day's auction. Its end waits for no sweep, since most tests have none."""
        auction_id = f"m-{day:02d}"
        if auction_id not in self._searched:  # a store that is away now knows it from before
            self.client.set(self.keys.searched(auction_id), 2**62)
            self._searched.add(auction_id)
        return self.enter(
            auction_id,
            lambda context: Auction(context, auction_id, self.access, self.clock, (), limits=self.auction_limits),
        )

    def prepared(self, day: int = 1, rules: Rules = RULES) -> Auction:
        """The same with an order to open in its queue, one minute into its hour: its post is to be made."""
        auction = self.auction(day)
        self.queues.append(auction.auction_id, [self.order(day, rules)])
        self.step(auction)
        return auction

    def opened(self) -> Auction:
        """The auction of day 1, open, at the first ms of its hour."""
        self.clock.now_ms = OPENS_MS
        auction = self.auction()
        self.tell(auction, *OPENING)
        return auction

    def tell(self, auction: Auction, *commands: AuctionCommand) -> None:
        """One batch comes in and is decided."""
        self.queues.append(auction.auction_id, commands)
        self.step(auction)

    def reconciler(
        self, client: XClient, timing: Timing = TIMING, now_ms: Callable[[], int] | None = None
    ) -> TwitterReconciler:
        return self.enter(
            "reconciler",
            lambda context: TwitterReconciler(
                context, self.access, now_ms or self.clock, client, timing, 3, "scheduler"
            ),
        )

    def announcer(
        self,
        client: XClient,
        posting: Posting = DEFAULTS,
        settle_ms: int = SETTLE_MS,
        limits: listener.Limits = listener.LIMITS,
    ) -> Announcer:
        return self.enter(
            "announcer",
            lambda context: Announcer(
                context, self.access, self.clock, client, "UTC", settle_ms, ["publisher"], posting, limits
            ),
        )

    def announced(self, client: XClient, posting: Posting = DEFAULTS) -> tuple[Auction, Announcer, int]:
        """The auction of day 1 and an announcer who has made its post on X; the post."""
        auction = self.prepared()
        announcer = self.announcer(client, posting)
        self.step(announcer, auction, announcer)
        return auction, announcer, int(self.current()["post_id"])

    def order(self, day: int = 1, rules: Rules = RULES) -> OpenAuction:
        """An order to open, with a lot that nobody has ever sold before: X refuses a text that it knows."""
        opens_at_ms = self.clock() - 60_000
        return OpenAuction(
            message_id=f"m-{day:02d}:open",
            auction_id=f"m-{day:02d}",
            day=day,
            lot=Lot(token_id=day, title=f"Lot No. {next(_serial)}."),
            rules=rules,
            opens_at_ms=opens_at_ms,
            closes_at_ms=opens_at_ms + HOUR_MS,
        )
