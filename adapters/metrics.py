"""All metrics of the process. Durations are in seconds, as Prometheus has them.

Code that observes something imports its counter from here. Numbers that exist elsewhere (in the supervisor's tree, in
the store) are handed to `render`; nothing here looks them up. Labels come from small closed sets (an actor, a reason, a
route): never a bidder or a post.
"""

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
from prometheus_client.registry import Collector

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


def render(*present: Collector) -> bytes:
    """All metrics in Prometheus's text format: the counters, and present numbers that are kept elsewhere."""
    shown = CollectorRegistry()
    for numbers in present:
        shown.register(numbers)
    return generate_latest(REGISTRY) + generate_latest(shown)
