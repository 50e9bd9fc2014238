"""Every metric of the process, each name once. Durations in seconds, as Prometheus has them.

Labels come from closed sets (an actor, a reason, a route): never a bidder, a post or an auction. Whoever observes
something imports it from here; nothing here looks anything up.
"""

from prometheus_client import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

__all__ = ["CONTENT_TYPE", "render"]

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)

_FAST = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_SLOW = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"auction_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"auction_{name}", meaning, labels, registry=REGISTRY)


def _histogram(name: str, meaning: str, *labels: str, buckets: tuple[float, ...] = _FAST) -> Histogram:
    return Histogram(f"auction_{name}", meaning, labels, registry=REGISTRY, buckets=buckets)


# ---- bids
bids = _counter("bids_total", "Replies decided, by source and verdict.", "source", "outcome")
bid_decision_seconds = _histogram("bid_decision_seconds", "A batch: from read to committed.")
bid_verdict_seconds = _histogram("bid_verdict_seconds", "A bid: from found to committed.", buckets=_SLOW)
bid_published_seconds = _histogram("bid_published_seconds", "A verdict: from committed to its frame.")
revisions = _counter("revisions_total", "Times that a late find or a withdrawal changed who led.")
found_too_late = _counter("found_too_late_total", "Bids found after the result was named.")
watermark_lag_seconds = _gauge("watermark_lag_seconds", "How far the watermark is behind now, on stage.")

# ---- auctions
phase_transitions = _counter("phase_transitions_total", "Changes of phase, by the phase entered.", "phase")
phase = _gauge("phase", "1 for the phase of the auction on stage.", "phase")
close_seconds = _histogram("close_seconds", "From the frozen end to the named result.", buckets=_SLOW)

# ---- queues and the log
queue_entries = _gauge("queue_entries", "Entries not yet decided in the input queue on stage.")
queue_oldest_seconds = _gauge("queue_oldest_seconds", "Age of the oldest of them.")
dead_letters = _gauge("dead_letters", "Dead letters waiting for an operator.")
log_seq = _gauge("log_seq", "The seq of the last event in the log.")
checkpoint_last_success = _gauge("checkpoint_last_success_timestamp_seconds", "When it was written.", "actor")
outbox_entries = _gauge("outbox_entries", "What a listener still has to do outside.", "actor")

# ---- the process
actor_up = _gauge("actor_up", "1 while the actor runs.", "actor")
actor_restarts = _counter("actor_restarts_total", "Restarts by the supervisor.", "actor")
actor_inbox_messages = _gauge("actor_inbox_messages", "Messages waiting for the actor.", "actor")
messages = _counter("messages_total", "Messages handled.", "actor", "message")
errors = _counter("errors_total", "Unexpected errors, by where they were met.", "part")
event_loop_lag_seconds = _gauge("event_loop_lag_seconds", "How long ago the event loop last came round.")
leader = _gauge("leader", "1 while this process owns the marathon.")

# ---- integrations: x, eliza, chain, store, livestream_manager
integration_up = _gauge("integration_up", "1 while the integration answers.", "integration")
integration_seconds = _histogram(
    "integration_seconds", "Calls to an integration.", "integration", "operation", buckets=_SLOW
)
integration_errors = _counter("integration_errors_total", "Failed calls.", "integration", "operation")
chain_head_block = _gauge("chain_head_block", "The newest block seen, by confirmation level.", "level")
chain_confirmations = _gauge("chain_confirmations", "Blocks on top of the sale that is waited for.")

# ---- livestream and HTTP
livestream_viewers = _gauge("livestream_viewers", "Viewers connected.")
livestream_coalesced = _counter("livestream_coalesced_total", "Times that a slow viewer got a snapshot instead.")
livestream_dropped = _counter("livestream_dropped_total", "Stuck viewers dropped.")
http_requests = _counter("http_requests_total", "Requests answered.", "listener", "route", "status")
http_request_seconds = _histogram("http_request_seconds", "Time to answer.", "listener", "route")

build_info = Info("auction_build", "What runs here.", registry=REGISTRY)


def render() -> bytes:
    """All metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)
