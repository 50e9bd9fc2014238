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

ENTERED: dict[type, Phase] = {
    AuctionPrepared: Phase.PENDING,
    AuctionOpened: Phase.ACTIVE,
    EndFrozen: Phase.PROCESSING,
    ResultNamed: Phase.COMPLETED,
}


def count(events: Sequence[AuctionEvent]) -> None:
    kinds = Counter[type](map(type, events))
    metrics.revisions.inc(kinds[StandingsRevised])
    for kind in kinds.keys() & ENTERED.keys():
        metrics.phase_transitions.labels(ENTERED[kind]).inc(kinds[kind])
    verdicts = Counter[tuple[str, str]]([(event.source, event.reason) for event in events if type(event) is BidRefused])
    verdicts.update([(event.source, "ACCEPTED") for event in events if type(event) is BidAccepted])
    for (source, outcome), number in verdicts.items():
        # The name after the colon, of the one who injected the bid, would make a label with no end of values.
        metrics.bids.labels(source.partition(":")[0], outcome).inc(number)
