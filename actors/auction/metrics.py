"""The metrics of an auction: counts what it has committed. No decision depends on these numbers."""

from collections import Counter
from collections.abc import Sequence

from adapters import metrics
from messages.base import Phase
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    EndFrozen,
    ResultNamed,
    StandingsRevised,
)

ENTERED = {
    AuctionPrepared: Phase.PENDING,
    AuctionOpened: Phase.ACTIVE,
    EndFrozen: Phase.PROCESSING,
    ResultNamed: Phase.COMPLETED,
}


def count(events: Sequence[AuctionEvent]) -> None:
    """Count the events of one commit."""
    verdicts: Counter[tuple[str, str]] = Counter(
        [(event.source, event.reason) for event in events if isinstance(event, BidRefused)]
    )
    for event in events:
        match event:
            case BidRefused():
                continue  # refusals are nearly all events, and counted above
            case BidAccepted():
                verdicts[event.source, "ACCEPTED"] += 1
            case StandingsRevised():
                metrics.revisions.inc()
            case AuctionPrepared() | AuctionOpened() | EndFrozen() | ResultNamed():
                metrics.phase_transitions.labels(ENTERED[type(event)]).inc()
    for (source, outcome), number in verdicts.items():
        # The name after the colon, of the one who injected the bid, would make a label with no end of values.
        metrics.bids.labels(source.partition(":")[0], outcome).inc(number)
