"""The process: what is started, in which order, and how it ends.

The child table stands in `Process.groups`; whatever a child needs from outside is built in this module and nowhere
else. Exit codes: 0 as asked, 1 refused (another supervisor works here), 70 gave up. Without arguments this runs the
local environment; it is the same program as `auction-manager`.
"""

import sys

if __name__ == "__main__":  # before the imports that take a second: the process can be asked to end meanwhile
    from end_signals import noted_by

    arguments = sys.argv[1:] or ["run"]
    with noted_by(arguments):
        from cli import main

        sys.exit(main(arguments))

import dataclasses
import gc
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as LoopTimeout
from contextlib import ExitStack
from typing import Any

import msgspec
from redis import RedisError

import end_signals
import ingest_process
from actors.announcer.actor import Announcer
from actors.announcer.outbox import Posting
from actors.auction.actor import Auction
from actors.auction.poison import DiedOnTrial, Suspects
from actors.auction.receipts import Histories
from actors.chain_watcher import ChainWatcher, Watched
from actors.eliza_bridge import ElizaBridge
from actors.lease_keeper import LeaseKeeper
from actors.livestream_publisher import LivestreamPublisher
from actors.ports import StoreAccess
from actors.scheduler.actor import DayPlan, Scheduler
from actors.scheduler.day_plan import FurtherDay, stored_plan
from actors.scheduler.house_state import begun_state
from actors.scheduler.plan_change import PlanRefused, carried_on
from actors.twitter.conversation import Timing
from actors.twitter.ingest import TwitterIngest
from actors.twitter.ingest_keeper import IngestKeeper
from actors.twitter.reconciler import TwitterSweeper
from adapters import alarms, metrics, open_files, process_file
from adapters.chain.node import Node, NodeUnavailable
from adapters.event_loop import BEAT_S, LoopThread
from adapters.http.auth import Operators
from adapters.http.clients import Clients
from adapters.http.private import Identity
from adapters.http.server import HttpServer, HttpSettings
from adapters.livestream.hub import FeedHub, FeedLimits
from adapters.livestream.upcoming_days import Programme, coming
from adapters.process_file import ProcessFile
from adapters.redis import fitness, functions, layout
from adapters.redis.client import connect, connect_async, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import (
    DamagedState,
    LeaseEnded,
    NotOwner,
    OutcomeUnknown,
    QueueFull,
    StoreError,
    StoreUnavailable,
)
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from adapters.redis.log import LogReader
from adapters.worker_process import OwnProcess
from adapters.x.budget import ASSUMED, Budget
from adapters.x.client import XClient
from adapters.x.clock import XClock
from adapters.x.credentials import Credentials
from adapters.x.stream import PostStream
from api.process_api import Reception
from api.repair import Mending
from auction.downtime_policy import HOUSE
from ingest_process import IngestPlan
from ledger.entry import LogDamaged
from settings import Settings, SettingsError, begins_late
from supervision import GAVE_UP, ChildSpec, Context, Group, InjectedCrash, Restart, Supervisor

log = logging.getLogger(__name__)

CONDITIONS: dict[type[BaseException], str] = {
    LeaseEnded: "WAITING_FOR_LEASE",
    StoreUnavailable: "WAITING_FOR_STORE",
    OutcomeUnknown: "WAITING_FOR_STORE",
    QueueFull: "WAITING_FOR_ROOM",
    NodeUnavailable: "WAITING_FOR_CHAIN",
    DiedOnTrial: "FINDING_POISON",
    InjectedCrash: "RESTARTING",  # somebody wanted to see that it is survived: no sign of a fault that lasts
}
KEEPER = "lease_keeper"
PUBLISHER, BRIDGE, ANNOUNCER = "livestream_publisher", "eliza_bridge", "announcer"
INGEST, SWEEPER, SCHEDULER = "twitter_ingest", "twitter_sweeper", "scheduler"
CHAIN = "chain_watcher"
# They only speak with the outside and decide nothing: where one of them hangs or fails, the auctions go on.
SPEAKERS = (PUBLISHER, BRIDGE, ANNOUNCER, CHAIN, SWEEPER, INGEST)
AUCTIONS = "auctions"
LISTENERS = (PUBLISHER, BRIDGE, ANNOUNCER, SCHEDULER)
INGEST_COMMAND = (sys.executable, ingest_process.__file__)
STOP_S = 10.0
ENSURE_S = 1.0
REMEMBER_S = 2.0
NODE_S = 5.0


def clock_ms() -> int:
    """The time, UTC ms."""
    return time.time_ns() // 1_000_000


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What the settings leave to whoever starts the process: where X is, as whom we post, the days' plan, the dates
    behind it for lots whose day was not held, whether a store may be used that is not the one of before, and whether a
    marathon may begin whose first days are over."""

    x_base_url: str
    credentials: Credentials
    plan: Sequence[DayPlan]
    further: Sequence[FurtherDay] = ()
    begin_anew: bool = False
    begin_late: bool = False
    abandon: Callable[[], None] = lambda: None
    """Ends again what was begun for this process outside of it, where the process does not come up."""


def plan_of(settings: Settings) -> list[DayPlan]:
    """Every day as the settings have it."""
    return [
        DayPlan(auction_id(settings, window.day), window, settings.lot_for(window.day), settings.rules_for(window.day))
        for window in settings.windows()
    ]


def further_of(settings: Settings) -> list[FurtherDay]:
    """The dates behind the last day, for lots whose day is not held."""
    return [FurtherDay(auction_id(settings, window.day), window) for window in settings.further_windows()]


def auction_id(settings: Settings, day: int) -> str:
    """The id of a day's auction."""
    return f"{settings.marathon.id}-{day:02d}"


class Process:
    """One supervisor at work on one marathon, from `start` to `stop`."""

    def __init__(self, settings: Settings, surroundings: Surroundings) -> None:
        self.settings, self.surroundings = settings, surroundings
        self.keys = Keys(settings.marathon.id)
        self.supervisor = Supervisor(self.groups(), CONDITIONS, fatal=(NotOwner, LogDamaged, DamagedState))
        self.public_port = self.private_port = 0
        self._embedded = None if settings.redis.url else EmbeddedServer(settings.data_dir)
        self._password = settings.redis.password.reveal() if settings.redis.password else None
        # A simulated X has the limits that it states, scaled like its day; those of the real one are known before.
        self._x_budget = Budget(ASSUMED if settings.x.mode == "live" else {})
        self._clock = XClock(clock_ms)
        self._token = new_token()
        self._log_seq, self._remember_at_s = 0, 0.0
        self._secret = secrets.token_hex(32)
        self._loop = LoopThread()

    # ---- the child table, in start order

    def groups(self) -> list[Group]:
        """Who is started, in this order, and stopped in the reverse one. Auctions come and go with their days."""
        return [
            Group("store", children=[self._child(KEEPER, self._lease_keeper)]),
            Group(
                "listeners",
                children=[
                    self._child(PUBLISHER, self._livestream_publisher),
                    self._child(BRIDGE, self._eliza_bridge),
                    self._child(ANNOUNCER, self._announcer),
                    self._child(CHAIN, self._chain_watcher),
                ],
            ),
            Group(
                "x",
                children=[
                    self._child(SWEEPER, self._twitter_sweeper),
                    self._child(INGEST, self._twitter_ingest),
                ],
            ),
            Group(AUCTIONS, children=[]),
            Group("house", children=[self._child(SCHEDULER, self._scheduler)]),
        ]

    def _child(self, name: str, factory: Callable[[Context], Any]) -> ChildSpec:
        limits = self.settings.supervision
        return ChildSpec(
            name,
            factory,
            shutdown_s=limits.shutdown_ms / 1000,
            hang_s=limits.hang_ms / 1000,
            essential=name not in SPEAKERS,
        )

    def _lease_keeper(self, context: Context) -> Any:
        lease_ms, server = self.settings.redis.lease_ms, self._embedded
        if server is None:
            ensure, trouble = (lambda: False), (lambda: "")
        else:
            # The lease has to be held meanwhile, and a large log takes a while to be read.
            ensure, trouble = (lambda: server.ensure(ENSURE_S)), server.trouble
        return LeaseKeeper.start(
            context, self._store, lease_ms, ensure, trouble, self.supervisor.hurry, self._history_lost
        )

    def _livestream_publisher(self, context: Context) -> Any:
        return LivestreamPublisher.start(context, self._store, self._hub)

    def _eliza_bridge(self, context: Context) -> Any:
        return ElizaBridge.start(context, self._store, self._clock.now_ms, (PUBLISHER,))

    def _announcer(self, context: Context) -> Any:
        zone, x = self.settings.marathon.time_zone, self.settings.x
        posting = Posting(x.receipts, x.posts_a_day, x.standing_interval_ms)
        settle_ms = x.request_timeout_ms
        return Announcer.start(
            context, self._store, self._clock.now_ms, self._x(), zone, settle_ms, (PUBLISHER,), posting
        )

    def _chain_watcher(self, context: Context) -> Any:
        chain = self.settings.chain
        make_node = (lambda: Node(chain.address().reveal(), NODE_S)) if chain.rpc_url else None
        watched = Watched(chain.chain_id, chain.contract, chain.read_to, chain.poll_ms)
        return ChainWatcher.start(context, self._store, self._clock.now_ms, make_node, watched, (PUBLISHER,))

    def _twitter_sweeper(self, context: Context) -> Any:
        x = self.settings.x
        timing = Timing(x.search_lag_ms, x.sweep_interval_ms, x.sweep_lag_ms)
        clock = self._clock.now_ms
        return TwitterSweeper.start(context, self._store, clock, self._x(), timing, self._days, SCHEDULER)

    def _twitter_ingest(self, context: Context) -> Any:
        if self.settings.x.ingest_process:
            return IngestKeeper.start(context, self._start_ingest)

        def make_stream(*callbacks: Any) -> PostStream:
            where = self.surroundings
            token, budget = where.credentials.bearer_token, self._x_budget
            return PostStream(where.x_base_url, token, *callbacks, budget=budget, now_ms=clock)

        clock = self._clock.steady_ms
        return TwitterIngest.start(context, self._store, clock, self._x(), make_stream, self._days, SWEEPER)

    def _start_ingest(self, on_line: Callable[[str], None]) -> OwnProcess:
        x, where = self.settings.x, self.surroundings
        plan = IngestPlan(
            store_url=self._url,
            store_password=self._password,
            store_timeout_s=self.settings.redis.socket_timeout_ms / 1000,
            marathon_id=self.keys.marathon_id,
            days=self._days,
            x_base_url=where.x_base_url,
            x_is_live=x.mode == "live",
            credentials=where.credentials,
            request_timeout_s=x.request_timeout_ms / 1000,
            sweeper=SWEEPER,
            hang_s=self._hang_s,
        )
        return OwnProcess(INGEST_COMMAND, msgspec.json.encode(plan), on_line)

    def _scheduler(self, context: Context) -> Any:
        plan, start = self.surroundings.plan, self._start_auction
        rules, further = self.settings.rules, self.surroundings.further
        end = self.supervisor.stop if self.settings.marathon.after_end == "end" else lambda: None
        return Scheduler.start(
            context,
            plan,
            self._store,
            self._clock.now_ms,
            start,
            LISTENERS,
            rules.strikes,
            further,
            rules.downtime_allowance_ms,
            end,
            self._clock.reached_ms,
        )

    def _start_auction(self, name: str) -> None:
        suspects = Suspects()

        def factory(context: Context) -> Any:
            clock = self._clock
            return Auction.start(context, name, self._store, clock.now_ms, LISTENERS, suspects, clock.reached_ms)

        # It ends by itself when its day is over.
        self.supervisor.start_child(
            AUCTIONS, dataclasses.replace(self._child(name, factory), restart=Restart.TRANSIENT)
        )

    def _x(self) -> XClient:
        timeout_s = self.settings.x.request_timeout_ms / 1000
        where = self.surroundings
        return XClient(where.x_base_url, where.credentials, timeout_s, self._x_budget, clock=self._clock)

    @property
    def _days(self) -> int:
        """The greatest number that a day can have."""
        plan, further = self.surroundings.plan, self.surroundings.further
        return max([day.window.day for day in plan] + [day.window.day for day in further], default=0)

    @property
    def _auction_ids(self) -> list[str]:
        """Of all days that there can be."""
        return [auction_id(self.settings, day) for day in range(1, self._days + 1)]

    # ---- coming and going

    def start(self) -> None:
        """Take the marathon and begin; what was taken by then is given back where that fails.

        Raises StoreError when it belongs to somebody else, OSError for a taken port, SystemExit when asked to end.
        """
        with ExitStack() as taken:
            for step in (self._take_store, self._take_marathon, self._start_listening):
                end_signals.leave_if_asked()
                step(taken)
            end_signals.leave_if_asked()
            self.supervisor.start()
            self._taken = taken.pop_all()

    def stop(self) -> None:
        """Give back what `start` has taken, each with a deadline. The actors have ended before."""
        self._taken.close()

    def _take_store(self, taken: ExitStack) -> None:
        taken.callback(self._loop.stop)
        if self._embedded:
            taken.callback(self._stop_server, self._embedded)
            self._embedded.ensure()
        redis_settings = self.settings.redis
        timeout_s = redis_settings.socket_timeout_ms / 1000
        self._url = redis_settings.url or (self._embedded.url if self._embedded else "")
        self._store = StoreAccess(
            lambda: connect(self._url, timeout_s, self._password, one_server=True), self.keys, self._token
        )
        self.client = self._store.connect()
        taken.callback(self.client.close)

    def _take_marathon(self, taken: ExitStack) -> None:
        self._look_at_store()
        functions.load(self.client)
        taken.callback(self._release_lease)
        # Who holds the lock of the directory is alone with its server: whatever holds the lease there is dead.
        if not self._lease().take(steal=self._embedded is not None):
            raise NotOwner(f"another process owns the marathon {self.keys.marathon_id}; it ends with its lease")
        layout.bring_up_to_date(self.client, self.keys)
        where = self.surroundings
        late = begins_late([day.window for day in where.plan], clock_ms())
        if late and not where.begin_late and not execute(self.client, "EXISTS", self.keys.log):
            raise SettingsError([late])
        days = {day.auction_id: day.window.day for day in where.plan}
        days |= {day.auction_id: day.window.day for day in where.further}
        self._store.journal(self.client, HOUSE).begin()  # which refuses a damaged log
        for line in Mending(self.client, self.keys).mend(days):
            log.error("the store was damaged: %s", line)
        self._carry_on()

    def _look_at_store(self) -> None:
        """Refuse what must not be used: an unfit store, or one that has lost what has happened here."""
        if not self._embedded and (risk := fitness.look_at(self.client)):
            alarms.sound("store_risk", risk)
        before = process_file.read(self.settings.data_dir)
        if before is None or self.surroundings.begin_anew:
            return
        its, x_mode = self.settings.marathon.id, self.settings.x.mode
        if before.marathon_id != its:
            where = f"{before.marathon_id} has run in {self.settings.data_dir}"
            raise SettingsError([f"marathon.id: {where}; {its} needs a data_dir of its own, or --begin-anew"])
        if before.x_mode not in ("", x_mode):
            where = f"{its} was announced on the {before.x_mode} X"
            raise SettingsError([f"x.mode: {where}; on the {x_mode} one it needs another marathon.id and data_dir"])
        fitness.refuse_other_history(self.client, self.keys, before.generation, before.seq)

    def _carry_on(self) -> None:
        """Go on with the days that the store knows, where the configuration was changed. Raises SettingsError."""
        self._house = begun_state(self._store.journal(self.client, HOUSE))
        where, stored = self.surroundings, list[DayPlan]()
        try:
            stored = stored_plan(self.keys, execute(self.client, "GET", self.keys.config))
        except DamagedState as damaged:
            log.error("the plan is made anew from the configuration: %s", damaged)
        try:
            days = carried_on(where.plan, stored, self._house, clock_ms(), where.further)
        except PlanRefused as refused:
            raise SettingsError([str(refused)]) from None
        for words in days.too_late:
            log.warning("%s", words)
        self.surroundings = dataclasses.replace(where, plan=days.plan)

    def _release_lease(self) -> None:
        try:
            self._lease().release()
        except (StoreError, RedisError) as fault:
            log.warning("the lease ends by itself: %s", fault)

    def _stop_server(self, server: EmbeddedServer) -> None:
        try:
            server.stop()
        except (StoreError, OSError) as fault:
            log.error("the embedded server is left behind: %s", fault)

    def fault(self) -> str:
        """Why the process cannot go on, or nothing: here the loop's thread is watched, as actors are elsewhere, and the
        supervisor's own."""
        metrics.event_loop_lag_seconds.set(self._loop.beat_age_ms() / 1000)
        if not self._standstill():
            return ""
        # After a pause of the whole process everything looks hung: give it the time of some beats to come round.
        time.sleep(4 * BEAT_S)
        return self._standstill()

    def _standstill(self) -> str:
        return self.supervisor.fault() or self._loop.fault(self._hang_s)

    @property
    def _hang_s(self) -> float:
        return self.settings.supervision.hang_ms / 1000

    def _lease(self) -> Lease:
        return Lease(self.client, self.keys, self._token, self.settings.redis.lease_ms)

    def _history_lost(self, why: str) -> None:
        """The store lacks what it had acknowledged: everybody reads it anew, viewers too, and X is swept again."""
        generation = new_token()
        execute(self.client, "SET", self.keys.generation, generation)
        alarms.sound("history", f"the store has lost history ({why}): what X still has is swept again; run `audit`")
        self._loop.loop.call_soon_threadsafe(self._hub.begin_anew, generation)
        self._histories.forget()
        for child in self.supervisor.tree():
            if child.name != KEEPER:
                self.supervisor.crash(child.name)
        self._log_seq = 0
        self._write_process_file(generation)

    def remember(self) -> None:
        """Write down, now and then, how far the log has come."""
        if self._hub.seq in (0, self._log_seq) or time.monotonic() < self._remember_at_s:
            return
        self._log_seq, self._remember_at_s = self._hub.seq, time.monotonic() + REMEMBER_S
        try:
            self._write_process_file(self._hub.generation)
        except OSError as fault:
            log.warning("how far the log has come could not be written down: %s", fault)

    def _start_listening(self, taken: ExitStack) -> None:
        execute(self.client, "SET", self.keys.generation, self._token, "NX")
        generation = bytes(execute(self.client, "GET", self.keys.generation)).decode()
        feed, http, now_ms = self.settings.livestream, self.settings.http, self._clock.now_ms
        room = open_files.room_for(feed.max_viewers)
        limits = FeedLimits(room.seats, timer_ms=feed.timer_interval_ms, heartbeat_ms=feed.heartbeat_ms)
        known_seq = self._log_seq = LogReader(self.client, self.keys).last_seq()
        self._hub = FeedHub(self._loop.loop, generation, known_seq, limits, now_ms, self._programme())
        timeout_s = self.settings.redis.socket_timeout_ms / 1000
        self._async_client = connect_async(self._url, timeout_s, self._password)
        tokens = {name: token.reveal() for name, token in http.operator_tokens.items()}
        last = process_file.read(self.settings.data_dir)
        before = (last.public_port, last.private_port) if last else (0, 0)
        images = self.settings.lots_dir if self.settings.lots_dir.is_dir() else None
        where = HttpSettings(
            http.public_host,
            http.public_port,
            http.private_host,
            http.private_port,
            Operators(tokens, self.settings.environment == "local"),
            images,
            room.connections,
            Clients(http.proxies, http.kept_for),
            before,
            Identity(self.keys.marathon_id, self._secret),
        )
        integrations = {
            "x": f"{self.settings.x.mode}, {self.surroundings.x_base_url}",
            "eliza": self.settings.eliza.url or "idle: canned lines only",
            "chain": self.settings.chain.contract or "idle: no chain is configured",
            "store": "embedded" if self._embedded else "external",
        }
        ids = self._auction_ids
        self._histories_client, zone = self._store.connect(), self.settings.marathon.time_zone
        self._histories = histories = Histories(self._histories_client, self.keys)
        reception = Reception(
            self.supervisor, self._async_client, self.keys, ids, integrations, now_ms, histories, zone
        )
        inject_enabled = http.inject_enabled and self.settings.environment == "local"
        views = reception.views(inject_enabled, self.surroundings.credentials.consumer_secret)
        self._server = HttpServer(where, views, self._hub)
        self._loop.start()
        taken.callback(self._stop_listening)
        self._loop.submit(self._server.start()).result(STOP_S)
        self.public_port, self.private_port = self._server.public_port, self._server.private_port
        self._write_process_file(generation)

    def _write_process_file(self, generation: str) -> None:
        ports, x_mode = (self.public_port, self.private_port), self.settings.x.mode
        found = ProcessFile(self.keys.marathon_id, *ports, generation, self._log_seq, self._secret, x_mode)
        process_file.write(self.settings.data_dir, found)

    def _programme(self) -> Programme:
        days = [
            coming(day.window.day, day.window.opens_at_ms, day.window.closes_at_ms, day.lot, day.rules.reserve_wei)
            for day in self.surroundings.plan
            if day.window.day not in self._house.unheld
        ]
        posts_url = "https://x.com/i/status/" if self.settings.x.mode == "live" else ""
        return Programme(time_zone=self.settings.marathon.time_zone, posts_url=posts_url, days=tuple(days))

    def _stop_listening(self) -> None:
        async def close() -> None:
            await self._server.stop()
            await self._async_client.aclose()
            self._histories_client.close()

        if self._loop.fault(self._hang_s):
            return
        try:
            self._loop.submit(close()).result(STOP_S)
        except LoopTimeout:
            log.error("the listeners did not close within %s s", STOP_S)


def run(
    settings: Settings,
    surroundings: Surroundings,
    on_ready: Callable[[Process], None] = lambda process: None,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """Be the process, until a signal, until `is_over`, or until it has to give up. The exit code."""
    # What lives long here are bids, which hold no other objects: looking through the rest so often finds nothing.
    gc.set_threshold(10_000, 10, 10)
    process = Process(settings, surroundings)
    with end_signals.noted():
        try:
            process.start()
        except BaseException:
            surroundings.abandon()
            raise
        fault = ""
        try:
            on_ready(process)
            while process.supervisor.wait(0.2) is None and not end_signals.asked():
                process.remember()
                fault = process.fault()
                if fault or is_over():
                    break
        finally:
            process.supervisor.stop()
            code = process.supervisor.wait(0 if process.supervisor.fault() else None)
            process.stop()
    if fault:
        log.critical("gave up: %s", fault)
        return GAVE_UP
    return GAVE_UP if code is None else code
