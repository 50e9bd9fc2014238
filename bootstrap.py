"""Builds the actors: no other module gives them their store, clients, clock and settings.

The caller passes in the ports: those of a simulation or a benchmark differ from those of production. `supervisor` says
when each actor is started; `process` takes store, lease and listeners before, and gives them back.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import redis

import ingest_process
from actors import listener
from actors.announcer.actor import Announcer
from actors.announcer.outbox import Posting
from actors.auction.actor import LIMITS, Auction, Limits
from actors.auction.poison import Suspects
from actors.chain_watcher.actor import ChainWatcher, Watched
from actors.eliza_bridge import ElizaBridge
from actors.lease_keeper import LeaseKeeper
from actors.livestream_publisher import LivestreamPublisher
from actors.ports import StoreAccess, Stream
from actors.scheduler.actor import DayPlan, Scheduler
from actors.scheduler.day_plan import FurtherDay
from actors.settlement.actor import SettlementActor
from actors.settlement.sender import Sending, TransactionSender
from actors.twitter.conversation import Timing
from actors.twitter.ingest import TwitterIngest
from actors.twitter.ingest_keeper import IngestKeeper
from actors.twitter.reconciler import TwitterReconciler
from adapters.chain.keys import BadKey, Signer, decrypted
from adapters.chain.node import Node
from adapters.chain.sending import SendingNodes
from adapters.livestream.hub import FeedHub
from adapters.redis.client import connect
from adapters.redis.embedded import EmbeddedServer
from adapters.worker_process import OwnProcess
from adapters.x.budget import Budget
from adapters.x.client import XClient
from adapters.x.clock import XClock
from adapters.x.credentials import Credentials
from adapters.x.stream import PostStream
from ingest_process import IngestPlan
from messages.events import AuctionPrepared
from messages.settlement import Terms
from settings import Settings, SettingsError
from supervision import Context

KEEPER = "lease_keeper"
PUBLISHER, BRIDGE, ANNOUNCER = "livestream_publisher", "eliza_bridge", "announcer"
INGEST, RECONCILER, SCHEDULER = "twitter_ingest", "twitter_reconciler", "scheduler"
CHAIN, SENDER, SETTLEMENT = "chain_watcher", "transaction_sender", "settlement"
LISTENERS = (PUBLISHER, BRIDGE, ANNOUNCER, SCHEDULER)
ENSURE_S = 1.0
NODE_S = 5.0

Factory = Callable[[Context], Any]
"""Starts one incarnation of an actor."""


def operators_key(settings: Settings) -> Signer | None:
    """The key with which transactions are signed; None where none is configured. Raises SettingsError."""
    chain = settings.chain
    if not chain.rpc_urls or not (chain.operator_key or chain.operator_keyfile):
        return None
    try:
        if chain.operator_key:
            key = chain.operator_key.reveal()
        else:
            password = chain.operator_key_password.reveal() if chain.operator_key_password else ""
            key = decrypted(Path(chain.operator_keyfile).expanduser(), password)
        return Signer(key, chain.contract, chain.chain_id)
    except BadKey as bad:
        raise SettingsError([f"chain: {bad}"]) from None


@dataclasses.dataclass(frozen=True)
class Dependencies:
    """The choices that the settings leave to the command that starts the process.

    `x_base_url` is where X is, `credentials` are those of the account that posts. `plan` holds the days, `further` the
    dates after them for lots whose day was not held. `begin_anew` allows another store than the one used before,
    `begin_late` a marathon whose first days are over.
    """

    x_base_url: str
    credentials: Credentials
    plan: Sequence[DayPlan]
    further: Sequence[FurtherDay] = ()
    begin_anew: bool = False
    begin_late: bool = False
    abandon: Callable[[], None] = lambda: None
    """Called where the start fails: stops what the command has started outside of the process, a simulated X."""

    @property
    def days(self) -> int:
        """The highest number that a day of this marathon can have, added days included; 0 without days."""
        return max([day.window.day for day in self.plan] + [day.window.day for day in self.further], default=0)


def plan_of(settings: Settings) -> list[DayPlan]:
    return [
        DayPlan(auction_id(settings, window.day), window, settings.lot_for(window.day), settings.rules_for(window.day))
        for window in settings.windows()
    ]


def further_of(settings: Settings) -> list[FurtherDay]:
    """The dates after the last day, for lots whose day is not held."""
    return [FurtherDay(auction_id(settings, window.day), window) for window in settings.further_windows()]


def auction_id(settings: Settings, day: int) -> str:
    return f"{settings.marathon.id}-{day:02d}"


@dataclasses.dataclass(frozen=True)
class Ports:
    """The constructors of the clients through which actors reach the outside, and how much actors do at once. The
    defaults are those of production."""

    connect: Callable[..., redis.Redis] = connect
    x_client: Callable[..., XClient] = XClient
    post_stream: Callable[..., Stream] = PostStream
    ingest_command: Sequence[str] = (sys.executable, ingest_process.__file__)
    auction_limits: Limits = LIMITS
    listener_limits: listener.Limits = listener.LIMITS


@dataclasses.dataclass(frozen=True)
class Store:
    """The store of a process: the actors' access to it, its URL and password, and its server where it is embedded."""

    access: StoreAccess
    url: str
    password: str | None
    server: EmbeddedServer | None


@dataclasses.dataclass(frozen=True)
class Actors:
    """Starts the actors of one process: each method is the factory of an actor, or returns the factory."""

    settings: Settings
    dependencies: Dependencies
    ports: Ports
    store: Store
    clock: XClock
    x_budget: Budget
    hub: FeedHub
    signer: Signer | None = None

    def lease_keeper(self, hurry: Callable[[], None], history_lost: Callable[[str], None]) -> Factory:
        lease_ms, server = self.settings.redis.lease_ms, self.store.server
        if server is None:
            ensure, trouble = (lambda: False), (lambda: "")
        else:
            # Bounded: a server takes a while to read a large log, and the keeper has to renew the lease meanwhile.
            ensure, trouble = (lambda: server.ensure(ENSURE_S)), server.trouble
        return lambda context: LeaseKeeper.start(
            context, self.store.access, lease_ms, ensure, trouble, hurry, history_lost
        )

    def livestream_publisher(self, context: Context) -> Any:
        return LivestreamPublisher.start(context, self.store.access, self.hub, self.ports.listener_limits)

    def eliza_bridge(self, context: Context) -> Any:
        limits = self.ports.listener_limits
        return ElizaBridge.start(context, self.store.access, self.clock.now_ms, (PUBLISHER,), limits)

    def announcer(self, context: Context) -> Any:
        zone, x = self.settings.marathon.time_zone, self.settings.x
        posting = Posting(x.receipts, x.posts_a_day, x.standing_interval_ms, self.settings.http.public_url)
        settle_ms, limits = x.request_timeout_ms, self.ports.listener_limits
        return Announcer.start(
            context,
            self.store.access,
            self.clock.now_ms,
            self._x(),
            zone,
            settle_ms,
            self._to(PUBLISHER),
            posting,
            limits,
        )

    def chain_watcher(self, context: Context) -> Any:
        chain = self.settings.chain
        watched = Watched(chain.chain_id, chain.contract, chain.poll_ms, chain.numbered)
        make_nodes = self._nodes if chain.rpc_urls else None
        return ChainWatcher.start(
            context, self.store.access, self.clock.now_ms, make_nodes, watched, self._to(PUBLISHER)
        )

    def transaction_sender(self, signer: Signer) -> Factory:
        chain = self.settings.chain
        sending = Sending(chain.chain_id, chain.contract.lower(), chain.l1_fee_cap_wei, chain.poll_ms)
        return lambda context: TransactionSender.start(
            context,
            self.store.access,
            self.clock.now_ms,
            lambda: SendingNodes([address.reveal() for address in chain.addresses()], NODE_S),
            signer,
            sending,
            self._to(PUBLISHER),
        )

    def settlement(self, signer: Signer) -> Factory:
        own_addresses = (self.settings.chain.contract.lower(), signer.address)

        def terms_of(prepared: AuctionPrepared) -> Terms:
            return self.settings.settlement.terms(prepared.rules, own_addresses)

        limits = self.ports.listener_limits
        return lambda context: SettlementActor.start(
            context, self.store.access, self.clock.now_ms, terms_of, SENDER, limits
        )

    def twitter_reconciler(self, context: Context) -> Any:
        x = self.settings.x
        timing = Timing(x.search_lag_ms, x.sweep_interval_ms, x.sweep_lag_ms)
        days = self.dependencies.days
        return TwitterReconciler.start(
            context, self.store.access, self.clock.now_ms, self._x(), timing, days, SCHEDULER
        )

    def twitter_ingest(self, context: Context) -> Any:
        if self.settings.x.ingest_process:
            return IngestKeeper.start(context, self._ingest_process)
        where, now_ms = self.dependencies, self.clock.steady_ms

        def make_stream(*callbacks: Any) -> Stream:
            token = where.credentials.bearer_token
            return self.ports.post_stream(where.x_base_url, token, *callbacks, budget=self.x_budget, now_ms=now_ms)

        return TwitterIngest.start(context, self.store.access, now_ms, self._x(), make_stream, where.days, RECONCILER)

    def scheduler(self, start_auction: Callable[[str], None], end_process: Callable[[], None]) -> Factory:
        rules, where = self.settings.rules, self.dependencies
        end = end_process if self.settings.marathon.after_end == "end" else lambda: None
        return lambda context: Scheduler.start(
            context,
            where.plan,
            self.store.access,
            self.clock.now_ms,
            start_auction,
            self._to(*LISTENERS),
            rules.strikes,
            where.further,
            rules.downtime_allowance_ms,
            end,
            self.clock.reached_ms,
            self.ports.listener_limits,
            settles=self.signer is not None,
        )

    def auction(self, auction_id: str) -> Factory:
        suspects, clock, limits = Suspects(), self.clock, self.ports.auction_limits
        listeners = self._to(*LISTENERS)
        return lambda context: Auction.start(
            context, auction_id, self.store.access, clock.now_ms, listeners, suspects, clock.reached_ms, limits
        )

    def _to(self, *listeners: str) -> tuple[str, ...]:
        """Who is told that the log grew: these, and the settlement where there is one."""
        return (*listeners, SETTLEMENT) if self.signer else listeners

    def _nodes(self) -> list[Node]:
        addresses = self.settings.chain.addresses()
        return [Node(address.reveal(), NODE_S, f"node {n}") for n, address in enumerate(addresses, start=1)]

    def _x(self) -> XClient:
        timeout_s, where = self.settings.x.request_timeout_ms / 1000, self.dependencies
        return self.ports.x_client(where.x_base_url, where.credentials, timeout_s, self.x_budget, clock=self.clock)

    def _ingest_process(self, on_line: Callable[[str], None]) -> OwnProcess:
        x, where, store = self.settings.x, self.dependencies, self.store
        plan = IngestPlan(
            store_url=store.url,
            store_password=store.password,
            store_timeout_s=self.settings.redis.socket_timeout_ms / 1000,
            marathon_id=store.access.keys.marathon_id,
            days=where.days,
            x_base_url=where.x_base_url,
            x_is_live=x.mode == "live",
            credentials=where.credentials,
            request_timeout_s=x.request_timeout_ms / 1000,
            reconciler=RECONCILER,
            hang_s=self.settings.supervision.hang_ms / 1000,
        )
        return OwnProcess(self.ports.ingest_command, msgspec.json.encode(plan), on_line)
