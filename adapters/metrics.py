"""All metrics of the process. Durations are in seconds, as Prometheus has them.

Code that observes something imports its counter from here. Numbers that exist elsewhere (in the supervisor's tree, in
the store) are handed to `render`; nothing here looks them up. Labels come from small closed sets (an actor, a reason, a
route): never a bidder or a post.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "render"]

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_FAST = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"auction_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"auction_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...] = _FAST) -> Histogram:
    return Histogram(f"auction_{name}", meaning, labels, registry=REGISTRY, buckets=buckets)


# ---- auctions and their bids
bids = _counter("bids_total", "Replies decided, by source and verdict.", "source", "outcome")
bid_decision_seconds = _histogram("bid_decision_seconds", "From reading a batch until sending its commit.")
failed_attempts = _counter("failed_attempts_total", "Times that deciding a batch, or a command alone, has failed.")
revisions = _counter("revisions_total", "Times that a late find or a withdrawal changed who led.")
phase_transitions = _counter("phase_transitions_total", "Changes of phase, by the phase entered.", "phase")

# ---- the process
alarms = _gauge("alarms", "Troubles that an operator should see, by kind; /status says what they are.", "kind")
errors = _counter("errors_total", "Unexpected errors, by where they were met.", "part")
log_lines_left_out = _counter(
    "log_lines_left_out_total", "Lines not written: too many of a kind in a minute.", "logger"
)
event_loop_lag_seconds = _gauge("event_loop_lag_seconds", "How long ago the event loop last ran.")

# ---- X
x_requests = _counter("x_requests_total", "Requests to X by endpoint and HTTP status.", "endpoint", "status")
x_held_back = _counter("x_held_back_total", "Requests not made, for want of budget or after failures.", "endpoint")
x_window_limit = _gauge("x_window_limit", "Requests that X allows in a window.", "endpoint")
x_window_left = _gauge(
    "x_window_left", "Requests left in the present window, by X's headers and our count.", "endpoint"
)
x_clock_offset_seconds = _gauge("x_clock_offset_seconds", "How far our clock is at least ahead of X's.")
x_unreadable_posts = _counter("x_unreadable_posts_total", "Posts of X that could not be read: dead letters.")

# ---- the chain
chain_requests = _counter("chain_requests_total", "Requests to nodes of the chain.", "node", "method", "outcome")
chain_head_age_seconds = _gauge("chain_head_age_seconds", "Age of the newest block, by our clock.")
chain_block = _gauge("chain_block", "The newest block that was read, and that of each level.", "level")
chain_stalled_seconds = _gauge("chain_stalled_seconds", "How long a level has made no progress.", "level")
chain_fail_overs = _counter("chain_fail_overs_total", "Times that the next node took over.")
chain_asked_again = _counter("chain_asked_again_total", "Times that an answer of a node was doubted.", "why")
chain_reorganisations = _counter("chain_reorganisations_total", "Times that read blocks left the chain.")

# ---- livestream and HTTP
livestream_viewers = _gauge("livestream_viewers", "Viewers connected.")
livestream_coalesced = _counter("livestream_coalesced_total", "Times that a slow viewer got a snapshot instead.")
livestream_dropped = _counter("livestream_dropped_total", "Stuck viewers dropped.")
http_requests = _counter("http_requests_total", "Requests answered.", "listener", "route", "status")
http_request_seconds = _histogram("http_request_seconds", "Time to answer.", "listener", "route")
http_turned_away = _counter("http_turned_away_total", "Connections and requests without a place.", "places")
http_malformed = _counter("http_malformed_total", "Requests of strangers that are no HTTP or were broken off.")
webhook_pushes = _counter("webhook_pushes_total", "Pushes of X, by what became of them.", "outcome")


class ActorNumbers(Protocol):
    """The numbers of an actor that are shown; times in ms, counters over all its incarnations in this process."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def incarnation(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def hangs(self) -> int: ...
    @property
    def mailbox_depth(self) -> int: ...
    @property
    def mailbox_high_water(self) -> int: ...
    @property
    def mailbox_refused(self) -> int: ...
    @property
    def mailbox_oldest_ms(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def busy_ms(self) -> int: ...
    @property
    def worked_ms(self) -> int: ...
    @property
    def last_error(self) -> str: ...


_OF_AN_ACTOR: tuple[tuple[type[Metric], str, str, Callable[[ActorNumbers], float]], ...] = (
    (GaugeMetricFamily, "up", "1 while the actor is ready for messages.", lambda a: a.state == "READY"),
    (GaugeMetricFamily, "incarnation", "How often the actor was started.", lambda a: a.incarnation),
    (CounterMetricFamily, "restarts", "Restarts by the supervisor.", lambda a: a.restarts),
    (CounterMetricFamily, "hangs", "Threads of the actor that were given up.", lambda a: a.hangs),
    (GaugeMetricFamily, "busy_seconds", "Time spent on the present message.", lambda a: a.busy_ms / 1000),
    (CounterMetricFamily, "handle_seconds", "Time spent on messages, in all.", lambda a: a.worked_ms / 1000),
    (GaugeMetricFamily, "inbox_messages", "Messages waiting for the actor.", lambda a: a.mailbox_depth),
    (GaugeMetricFamily, "inbox_high_water", "The most messages that ever waited.", lambda a: a.mailbox_high_water),
    (
        GaugeMetricFamily,
        "inbox_oldest_seconds",
        "Age of the oldest message that waits.",
        lambda a: a.mailbox_oldest_ms / 1000,
    ),
    (
        CounterMetricFamily,
        "inbox_refused",
        "Messages refused: mailbox full, or actor restarting.",
        lambda a: a.mailbox_refused,
    ),
    (CounterMetricFamily, "messages_dropped", "Messages dropped unread.", lambda a: a.dropped),
)


@dataclass(frozen=True, slots=True)
class StoreNumbers:
    """The present numbers of the store. The queue, the phase and the watermark are those of the auction on stage."""

    log_seq: int
    dead_letters: int
    queue_entries: int = 0
    queue_oldest_ms: int = 0
    phase: str = ""
    watermark_lag_ms: int | None = None


class _Shown(Collector):
    """Makes metrics of these numbers."""

    def __init__(self, actors: Iterable[ActorNumbers], store: StoreNumbers | None) -> None:
        self._actors, self._store = list(actors), store

    def collect(self) -> Iterator[Metric]:
        for kind, name, meaning, value in _OF_AN_ACTOR:
            family = kind(f"auction_actor_{name}", meaning, labels=["actor"])  # type: ignore[call-arg]
            for actor in self._actors:
                family.add_metric([actor.name], value(actor))  # type: ignore[attr-defined]
            yield family
        store = self._store
        yield _one("store_up", "1 while the store answers.", 0 if store is None else 1)
        if store is None:
            return
        yield _one("log_seq", "The seq of the last event in the log.", store.log_seq)
        yield _one("dead_letters", "Dead letters waiting for an operator.", store.dead_letters)
        yield _one("queue_entries", "Entries not yet decided in the queue on stage.", store.queue_entries)
        yield _one(
            "queue_oldest_seconds", "Age of the oldest entry in the queue on stage.", store.queue_oldest_ms / 1000
        )
        if store.phase:
            phase = GaugeMetricFamily("auction_phase", "1 for the phase of the auction on stage.", labels=["phase"])
            phase.add_metric([store.phase], 1)
            yield phase
        if store.watermark_lag_ms is not None:
            lag_s = store.watermark_lag_ms / 1000
            yield _one("watermark_lag_seconds", "How far the watermark is behind now, on stage.", lag_s)


def _one(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"auction_{name}", meaning, value)


def render(actors: Iterable[ActorNumbers] = (), store: StoreNumbers | None = None) -> bytes:
    """All metrics in Prometheus's text format: the counters, and these numbers. `store` is None while the store is
    away."""
    shown = CollectorRegistry()
    shown.register(_Shown(actors, store))
    return generate_latest(REGISTRY) + generate_latest(shown)
