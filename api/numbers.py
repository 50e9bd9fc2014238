"""The present numbers of the actors and of the store, and the metrics that are made of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from supervision.status import ChildStatus

_OF_AN_ACTOR: tuple[tuple[type[Metric], str, str, Callable[[ChildStatus], float]], ...] = (
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


class Numbers(Collector):
    """The present numbers of all actors and of the store, which is None while it is away."""

    def __init__(self, actors: Sequence[ChildStatus], store: StoreNumbers | None) -> None:
        self._actors, self._store = actors, store

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
