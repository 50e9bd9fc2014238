"""What sweeps leave in the queue of an auction, and time that goes on between them."""

from typing import Any

from messages.commands import MarkSwept, PlaceBid
from tests.harness.stage import TIMING, Stage


def ahead(stage: Stage) -> None:
    """The stage's clock runs a minute ahead of X's: whatever is posted from now on was posted long ago."""
    stage.clock.goes_on(60_000)


def goes_on(stage: Stage, *actors: Any, ms: int = TIMING.interval_ms) -> None:
    stage.clock.goes_on(ms)
    stage.step(*actors)


def bids(stage: Stage, auction_id: str = "m-01") -> list[int]:
    """The posts that wait in the queue of the auction."""
    return [command.post_id for command in stage.queued(auction_id) if isinstance(command, PlaceBid)]


def marks(stage: Stage) -> list[int]:
    return [command.swept_to_ms for command in stage.queued("m-01") if isinstance(command, MarkSwept)]
