"""The health alarms: set by numbers of queues and actors whenever Prometheus or somebody else asks for them."""

from collections.abc import Sequence

from adapters import alarms
from api.numbers import StoreNumbers
from supervision.status import ChildStatus

# The age of the oldest queue entry from which the auction is late; normally it decides within milliseconds.
LATE_MS = 10_000
# Dead letters are never dropped, so somebody has to look before there are many; a single one is no trouble yet.
LETTERS = 100
# Restarts in the life of the process from which an actor that is not at work is an alarm.
RESTARTS = 3
AT_EASE = ("READY", "STOPPING", "STOPPED")


def watch(actors: Sequence[ChildStatus], store: StoreNumbers | None) -> None:
    """Sound the alarms that these numbers call for, and clear the others; `store` is None while the store is away."""
    failing = dict[str, str]()
    for actor in actors:
        if actor.state == "PARKED":
            what = f"is parked ({actor.last_error}); the auctions go on without it, and it is tried again by itself"
            failing[f"actor:{actor.name}"] = f"{actor.name} {what}"
        elif actor.state not in AT_EASE and actor.restarts >= RESTARTS:
            failing[f"actor:{actor.name}"] = f"{actor.name} is restarted again and again: {actor.state}"
    for name in {name for name in alarms.sounding() if name.startswith("actor:")} | failing.keys():
        _alarm(name in failing, name, failing.get(name, ""))
    if store is None:
        return
    is_late = store.queue_oldest_ms >= LATE_MS
    _alarm(is_late, "queue", f"the auction on stage is more than {LATE_MS // 1000} s behind in deciding its queue")
    many = f"{LETTERS} dead letters or more wait: `auction-manager dead-letters list` shows them"
    _alarm(store.dead_letters >= LETTERS, "dead_letters", many)


def _alarm(is_trouble: bool, name: str, what: str) -> None:
    if is_trouble:
        alarms.sound(name, what)
    else:
        alarms.clear(name)
