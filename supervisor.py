"""Runs the process: which actors are started in which order, the run loop, the exit codes.

`bootstrap` builds the actors; `process` takes store, lease and listeners before they start. Exit codes: 0 stopped as
asked, 1 refused (another supervisor works here), 70 gave up. Without arguments this module runs the local environment;
it is the same program as `auction-manager`.
"""

import sys

if __name__ == "__main__":  # before the imports, which take a second: a signal meanwhile is noted
    from end_signals import noted_by

    arguments = sys.argv[1:] or ["run"]
    with noted_by(arguments):
        from cli import main

        sys.exit(main(arguments))

import gc
import logging
from collections.abc import Callable

import end_signals
from actors.auction.poison import DiedIsolated
from adapters.chain.node import NodeUnavailable
from adapters.redis.errors import (
    DamagedState,
    LeaseEnded,
    NotOwner,
    OutcomeUnknown,
    QueueFull,
    StoreUnavailable,
)
from bootstrap import (
    ANNOUNCER,
    BRIDGE,
    CHAIN,
    INGEST,
    KEEPER,
    PUBLISHER,
    RECONCILER,
    SCHEDULER,
    SENDER,
    SETTLEMENT,
    Actors,
    Dependencies,
    Factory,
    Ports,
)
from ledger.entry import LogDamaged
from process import Process
from setting_sections import SupervisionSettings
from settings import Settings
from supervision import GAVE_UP, ChildSpec, Group, InjectedCrash, Restart, Supervisor

log = logging.getLogger(__name__)

CONDITIONS: dict[type[BaseException], str] = {
    LeaseEnded: "WAITING_FOR_LEASE",
    StoreUnavailable: "WAITING_FOR_STORE",
    OutcomeUnknown: "WAITING_FOR_STORE",
    QueueFull: "WAITING_FOR_ROOM",
    NodeUnavailable: "WAITING_FOR_CHAIN",
    DiedIsolated: "FINDING_POISON",
    InjectedCrash: "RESTARTING",  # ordered for a test, so it is no sign of a lasting fault
}
# Actors that only speak with outside systems and decide nothing: where one of them hangs or fails, the auctions go on.
SPEAKERS = (PUBLISHER, BRIDGE, ANNOUNCER, CHAIN, SENDER, SETTLEMENT, RECONCILER, INGEST)
AUCTIONS = "auctions"


def child_table(
    actors: Actors,
    limits: SupervisionSettings,
    supervisor: Callable[[], Supervisor],
    history_lost: Callable[[str], None],
) -> list[Group]:
    """The groups of actors, in the order in which they are started; they are stopped in the reverse order. Auctions are
    added and removed with their days. `supervisor` returns the supervisor of these groups, once it exists."""

    def child(name: str, factory: Factory, restart: Restart = Restart.PERMANENT) -> ChildSpec:
        return ChildSpec(
            name,
            factory,
            restart=restart,
            shutdown_s=limits.shutdown_ms / 1000,
            hang_s=limits.hang_ms / 1000,
            essential=name not in SPEAKERS,
        )

    def start_auction(auction_id: str) -> None:
        # The actor of an auction ends by itself when its day is over.
        supervisor().start_child(AUCTIONS, child(auction_id, actors.auction(auction_id), Restart.TRANSIENT))

    signer = actors.signer  # without the operator's key nothing can be offered
    settling = (
        [child(SETTLEMENT, actors.settlement(signer)), child(SENDER, actors.transaction_sender(signer))]
        if signer
        else []
    )
    return [
        Group("store", children=[child(KEEPER, actors.lease_keeper(lambda: supervisor().hurry(), history_lost))]),
        Group(
            "listeners",
            children=[
                child(PUBLISHER, actors.livestream_publisher),
                child(BRIDGE, actors.eliza_bridge),
                child(ANNOUNCER, actors.announcer),
                child(CHAIN, actors.chain_watcher),
                *settling,
            ],
        ),
        Group("x", children=[child(RECONCILER, actors.twitter_reconciler), child(INGEST, actors.twitter_ingest)]),
        Group(AUCTIONS, children=[]),
        Group("house", children=[child(SCHEDULER, actors.scheduler(start_auction, lambda: supervisor().stop()))]),
    ]


def process_of(settings: Settings, dependencies: Dependencies, ports: Ports | None = None) -> Process:
    """The process of this marathon, not yet started."""

    def supervise(actors: Actors, history_lost: Callable[[str], None]) -> Supervisor:
        supervisor = Supervisor(
            child_table(actors, settings.supervision, lambda: supervisor, history_lost),
            CONDITIONS,
            fatal=(NotOwner, LogDamaged, DamagedState),
        )
        return supervisor

    return Process(settings, dependencies, supervise, ports)


def run(
    settings: Settings,
    dependencies: Dependencies,
    on_ready: Callable[[Process], None] = lambda process: None,
    is_over: Callable[[], bool] = lambda: False,
    ports: Ports | None = None,
) -> int:
    """Run the process until a signal, until `is_over`, or until it has to give up. Returns the exit code."""
    # The garbage collector runs less often than by default: most objects are bids, which it need not track, and it
    # finds nothing in the rest.
    gc.set_threshold(10_000, 10, 10)
    process = process_of(settings, dependencies, ports)
    with end_signals.noted():
        try:
            process.start()
        except BaseException:
            dependencies.abandon()
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
