"""A process takes the store, the lease and the listeners for its marathon, and gives them back at its end.

`bootstrap` builds the actors; `supervisor` says in which order they are started.
"""

import dataclasses
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as LoopTimeout
from contextlib import ExitStack

from redis import RedisError

import end_signals
from actors.auction.receipts import ReceiptReader
from actors.ports import StoreAccess
from actors.scheduler.day_plan import DayPlan, stored_plan
from actors.scheduler.house_state import begun_state
from actors.scheduler.plan_change import PlanRefused, carried_on
from adapters import alarms, metrics, open_files, process_file
from adapters.event_loop import BEAT_S, LoopThread
from adapters.http.auth import Operators
from adapters.http.clients import Clients
from adapters.http.paying import SaleContract
from adapters.http.private import Identity
from adapters.http.server import HttpServer, HttpSettings
from adapters.livestream.hub import FeedHub, FeedLimits
from adapters.livestream.upcoming_days import UpcomingDays, coming
from adapters.process_file import ProcessFile
from adapters.redis import fitness, functions, layout
from adapters.redis.client import connect_async, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import DamagedState, NotOwner, StoreError
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from adapters.redis.log import LogReader
from adapters.wall_clock import wall_clock_ms
from adapters.x.budget import ASSUMED, Budget
from adapters.x.clock import XClock
from api.process_api import ProcessApi
from api.repair import Mending
from auction.downtime_policy import HOUSE
from bootstrap import KEEPER, Actors, Dependencies, Ports, Store, auction_id, operators_key
from settings import Settings, SettingsError, begins_late
from supervision import Supervisor

log = logging.getLogger(__name__)

STOP_S = 10.0
REMEMBER_S = 2.0


class Process:
    """The process that runs one marathon: `start` takes what it needs, `stop` gives it back. `supervise` makes the
    supervisor of its actors; the lease keeper calls its second argument when the store has lost history."""

    def __init__(
        self,
        settings: Settings,
        dependencies: Dependencies,
        supervise: Callable[[Actors, Callable[[str], None]], Supervisor],
        ports: Ports | None = None,
    ) -> None:
        self.settings, self.dependencies = settings, dependencies
        self.keys = Keys(settings.marathon.id)
        self.public_port = self.private_port = 0
        self._supervise, self._ports = supervise, ports or Ports()
        self._embedded = None if settings.redis.url else EmbeddedServer(settings.data_dir)
        self._clock = XClock(wall_clock_ms)
        self._token = new_token()
        self._log_seq, self._remember_at_s = 0, 0.0
        self._secret = secrets.token_hex(32)
        self._loop = LoopThread()

    def start(self) -> None:
        """Take the marathon and start its actors; where that fails, give back what was taken before.

        Raises StoreError when another process owns the marathon, OSError for a taken port, SystemExit if asked to end.
        """
        with ExitStack() as taken:
            for step in (self._take_key, self._take_store, self._take_marathon, self._start_listening):
                end_signals.leave_if_asked()
                step(taken)
            end_signals.leave_if_asked()
            self.supervisor.start()
            self._taken = taken.pop_all()

    def stop(self) -> None:
        """Give back what `start` has taken, each within a deadline. The caller has stopped the actors before."""
        self._taken.close()

    def _take_key(self, taken: ExitStack) -> None:
        self._signer = operators_key(self.settings)

    def _take_store(self, taken: ExitStack) -> None:
        taken.callback(self._loop.stop)
        if self._embedded:
            taken.callback(self._stop_server, self._embedded)
            self._embedded.ensure()
        redis_settings = self.settings.redis
        timeout_s = redis_settings.socket_timeout_ms / 1000
        url = redis_settings.url or (self._embedded.url if self._embedded else "")
        password = redis_settings.password.reveal() if redis_settings.password else None
        access = StoreAccess(
            lambda: self._ports.connect(url, timeout_s, password, one_server=True), self.keys, self._token
        )
        self._store = Store(access, url, password, self._embedded)
        self.client = access.connect()
        taken.callback(self.client.close)

    def _take_marathon(self, taken: ExitStack) -> None:
        self._look_at_store()
        functions.load(self.client)
        taken.callback(self._release_lease)
        # The lock of the data directory makes this process the only user of an embedded server: another process that
        # holds the lease there is dead.
        if not self._lease().take(steal=self._embedded is not None):
            raise NotOwner(f"another process owns the marathon {self.keys.marathon_id}, as long as it has the lease")
        layout.bring_up_to_date(self.client, self.keys)
        where = self.dependencies
        late = begins_late([day.window for day in where.plan], wall_clock_ms())
        if late and not where.begin_late and not execute(self.client, "EXISTS", self.keys.log):
            raise SettingsError([late])
        days = {day.auction_id: day.window.day for day in where.plan}
        days |= {day.auction_id: day.window.day for day in where.further}
        self._store.access.journal(self.client, HOUSE).begin()  # raises LogDamaged for a damaged log
        for line in Mending(self.client, self.keys).mend(days):
            log.error("the store was damaged: %s", line)
        self._carry_on()

    def _look_at_store(self) -> None:
        """Refuse a store that is unfit, or lacks events that were logged from this data directory before."""
        if not self._embedded and (risk := fitness.look_at(self.client)):
            alarms.sound("store_risk", risk)
        before = process_file.read(self.settings.data_dir)
        if before is None or self.dependencies.begin_anew:
            return
        marathon_id, x_mode = self.settings.marathon.id, self.settings.x.mode
        if before.marathon_id != marathon_id:
            where = f"{before.marathon_id} has run in {self.settings.data_dir}"
            raise SettingsError([f"marathon.id: {where}; {marathon_id} needs a data_dir of its own, or --begin-anew"])
        if before.x_mode not in ("", x_mode):
            where = f"{marathon_id} was announced on the {before.x_mode} X"
            raise SettingsError([f"x.mode: {where}; on the {x_mode} one it needs another marathon.id and data_dir"])
        fitness.refuse_other_history(self.client, self.keys, before.generation, before.seq)

    def _carry_on(self) -> None:
        """Combine the configured days with those in the store, where some have begun. Raises SettingsError."""
        self._house = begun_state(self._store.access.journal(self.client, HOUSE))
        where, stored = self.dependencies, list[DayPlan]()
        try:
            stored = stored_plan(self.keys, execute(self.client, "GET", self.keys.config))
        except DamagedState as damaged:
            log.error("the stored plan of days is damaged and is made again from the configuration: %s", damaged)
        try:
            days = carried_on(where.plan, stored, self._house, wall_clock_ms(), where.further)
        except PlanRefused as refused:
            raise SettingsError([str(refused)]) from None
        for words in days.too_late:
            log.warning("%s", words)
        self.dependencies = dataclasses.replace(where, plan=days.plan)

    def _release_lease(self) -> None:
        try:
            self._lease().release()
        except (StoreError, RedisError) as fault:
            log.warning("the lease could not be released and will expire: %s", fault)

    def _stop_server(self, server: EmbeddedServer) -> None:
        try:
            server.stop()
        except (StoreError, OSError) as fault:
            log.error("the embedded server could not be stopped: %s", fault)

    def fault(self) -> str:
        """Why the process cannot go on: its event loop or its supervisor has ended or hangs. Empty if all is well."""
        metrics.event_loop_lag_seconds.set(self._loop.beat_age_ms() / 1000)
        if not self._standstill():
            return ""
        # After a pause of the whole process every thread looks hung: the event loop gets four beats' time to answer.
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
        """React to a store that lacks acknowledged events: actors and viewers read it anew, and X is swept again."""
        generation = new_token()
        execute(self.client, "SET", self.keys.generation, generation)
        alarms.sound("history", f"the store has lost history ({why}): X is swept for its posts again; run `audit`")
        self._loop.loop.call_soon_threadsafe(self._hub.begin_anew, generation)
        self._receipt_reader.forget()
        for child in self.supervisor.tree():
            if child.name != KEEPER:
                self.supervisor.crash(child.name)
        self._log_seq = 0
        self._write_process_file(generation)

    def remember(self) -> None:
        """Write the seq of the newest event into the process file, at most once in REMEMBER_S."""
        if self._hub.seq in (0, self._log_seq) or time.monotonic() < self._remember_at_s:
            return
        self._log_seq, self._remember_at_s = self._hub.seq, time.monotonic() + REMEMBER_S
        try:
            self._write_process_file(self._hub.generation)
        except OSError as fault:
            log.warning("the seq of the newest event could not be written into the process file: %s", fault)

    def _start_listening(self, taken: ExitStack) -> None:
        execute(self.client, "SET", self.keys.generation, self._token, "NX")
        generation = bytes(execute(self.client, "GET", self.keys.generation)).decode()
        feed, http, now_ms = self.settings.livestream, self.settings.http, self._clock.now_ms
        room = open_files.room_for(feed.max_viewers)
        limits = FeedLimits(room.seats, timer_ms=feed.timer_interval_ms, heartbeat_ms=feed.heartbeat_ms)
        known_seq = self._log_seq = LogReader(self.client, self.keys).last_seq()
        self._hub = FeedHub(self._loop.loop, generation, known_seq, limits, now_ms, self._upcoming_days())
        # A simulated X states its rate limits, which are scaled like its day; those of the real X are known before.
        budget = Budget(ASSUMED if self.settings.x.mode == "live" else {})
        ports, signer = self._ports, self._signer
        actors = Actors(self.settings, self.dependencies, ports, self._store, self._clock, budget, self._hub, signer)
        self.supervisor = self._supervise(actors, self._history_lost)
        timeout_s = self.settings.redis.socket_timeout_ms / 1000
        self._async_client = connect_async(self._store.url, timeout_s, self._store.password)
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
            contract=SaleContract(self.settings.chain.chain_id, self.settings.chain.contract),
        )
        integrations = {
            "x": f"{self.settings.x.mode}, {self.dependencies.x_base_url}",
            "eliza": self.settings.eliza.url or "idle: canned lines only",
            "chain": self.settings.chain.contract or "idle: no chain is configured",
            "store": "embedded" if self._embedded else "external",
        }
        ids = [auction_id(self.settings, day) for day in range(1, self.dependencies.days + 1)]
        self._receipt_client, zone = self._store.access.connect(), self.settings.marathon.time_zone
        self._receipt_reader = receipt_reader = ReceiptReader(self._receipt_client, self.keys)
        api = ProcessApi(
            self.supervisor, self._async_client, self.keys, ids, integrations, now_ms, receipt_reader, zone
        )
        inject_enabled = http.inject_enabled and self.settings.environment == "local"
        views = api.views(inject_enabled, self.dependencies.credentials.consumer_secret)
        self._server = HttpServer(where, views, self._hub)
        self._loop.start()
        taken.callback(self._stop_listening)
        self._loop.submit(self._server.start()).result(STOP_S)
        self.public_port, self.private_port = self._server.public_port, self._server.private_port
        self._write_process_file(generation)

    def _write_process_file(self, generation: str) -> None:
        ports, x_mode = (self.public_port, self.private_port), self.settings.x.mode
        record = ProcessFile(self.keys.marathon_id, *ports, generation, self._log_seq, self._secret, x_mode)
        process_file.write(self.settings.data_dir, record)

    def _upcoming_days(self) -> UpcomingDays:
        days = [
            coming(day.window.day, day.window.opens_at_ms, day.window.closes_at_ms, day.lot, day.rules.reserve_wei)
            for day in self.dependencies.plan
            if day.window.day not in self._house.unheld
        ]
        posts_url = "https://x.com/i/status/" if self.settings.x.mode == "live" else ""
        return UpcomingDays(time_zone=self.settings.marathon.time_zone, posts_url=posts_url, days=tuple(days))

    def _stop_listening(self) -> None:
        async def close() -> None:
            await self._server.stop()
            await self._async_client.aclose()
            self._receipt_client.close()

        if self._loop.fault(self._hang_s):
            return
        try:
            self._loop.submit(close()).result(STOP_S)
        except LoopTimeout:
            log.error("the HTTP listeners did not close within %s s", STOP_S)
