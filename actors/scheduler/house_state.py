"""What the scheduler knows: what it has done with the days, who is barred, and how to find that again in its log.

What follows from it is the scheduler's to decide.
"""

import msgspec

from adapters.redis.journal import Journal
from messages.base import Outcome, Wei
from messages.codec import reader_of
from messages.commands import BarBidder
from messages.events import (
    AnyEvent,
    BidderBarred,
    BidderUnbarred,
    DayAdded,
    DayStarted,
    DayVoided,
    MarathonEnded,
    MarathonStarted,
    OutageNoticed,
    ResultNamed,
)

# What may still stand in a queue when its day is over is decided, and told, until so many further days are over.
LATE_DAYS = 2

X = "X"
"""What is down in an `OutageNoticed` that is not ours."""


class HouseState(msgspec.Struct, array_like=True):
    """What the scheduler has done so far. Days by their number; what was never held is `unheld`, and started too."""

    position: int = 0
    announced: bool = False
    started: list[int] = []
    finished: list[int] = []
    ended: bool = False
    bars: list[BarBidder] = []
    strikes: dict[int, int] = {}
    lifted: dict[int, int] = {}  # when (UTC ms) a bidder's bar was lifted: what he did before is forgiven
    unheld: list[int] = []
    added: dict[int, int] = {}  # a further day, and the day whose lot comes again on it
    sold: dict[int, Wei] = {}
    void: list[int] = []  # begun and then void
    x_known_to_ms: int = 0  # X's outages up to then (UTC ms) were told to the auctions
    tested: list[int] = []  # won by an injected bid

    @property
    def open(self) -> list[int]:
        """The days that have begun and have no result yet."""
        return [day for day in self.started if day not in self.finished]

    @property
    def held(self) -> list[int]:
        """The days that have begun and were not dropped."""
        return [day for day in self.started if day not in self.unheld]

    def is_worth_reading(self, day: int) -> bool:
        """Whether the queue of this day may still say something."""
        finished = [other for other in self.finished if other not in self.unheld]
        return day not in finished[:-LATE_DAYS]

    def recall(self, event: AnyEvent) -> None:
        """Take in what the scheduler itself has logged."""
        match event:
            case MarathonStarted():
                self.announced = True
            case DayStarted():
                self.started.append(event.day)
            case DayVoided():
                self.drop(event.day)
            case DayAdded():
                self.added[event.day] = event.of_day
            case OutageNoticed(what=what) if what == X:
                self.x_known_to_ms = event.to_ms
            case BidderBarred():
                self.bars.append(bar_of(event))
            case BidderUnbarred():
                self.unbar(event.bidder_id, event.at_ms)
            case MarathonEnded():
                self.ended = True

    def drop(self, day: int) -> None:
        """The day is not held."""
        for days in (self.started, self.finished, self.unheld):
            days.append(day)

    def finish(self, result: ResultNamed) -> None:
        """The day has its result."""
        self.finished.append(result.day)
        if result.is_of_a_test:
            self.tested.append(result.day)
        elif result.winner:
            self.sold[result.day] = result.winner.amount_wei
        elif result.outcome is Outcome.VOID:
            self.void.append(result.day)

    def summary(self, at_ms: int) -> MarathonEnded:
        """What became of the whole."""
        void = len(self.unheld) + len(self.void)
        return MarathonEnded(
            message_id="marathon:ended",
            at_ms=at_ms,
            sold=len(self.sold),
            unsold=len(self.finished) - len(self.sold) - void - len(self.tested),
            void=void,
            total_wei=Wei(sum(self.sold.values())),
        )

    def bars_bidder(self, bidder_id: int) -> bool:
        """Whether he is barred now."""
        return any(bidder_id == bar.bidder_id for bar in self.bars)

    def unbar(self, bidder_id: int, at_ms: int) -> None:
        """What the bidder did before counts no more."""
        self.bars = [bar for bar in self.bars if bar.bidder_id != bidder_id]
        self.strikes.pop(bidder_id, None)
        self.lifted[bidder_id] = at_ms


def begun_state(journal: Journal) -> HouseState:
    """What the house has done, as its journal says, which begins here. Raises like `Journal.begin` and `tail`."""
    state = journal.begin(reader_of(HouseState)).checkpoint or HouseState()
    for _, event in journal.tail():  # there is one only behind a damaged checkpoint
        state.recall(event)
    return state


def bar_of(event: BidderBarred) -> BarBidder:
    """The order behind the event, as later auctions are told it."""
    return BarBidder(
        message_id=event.correlation_id,
        by=event.by,
        why=event.why,
        said_at_ms=event.at_ms,
        bidder_id=event.bidder_id,
        from_ms=event.from_ms,
        reason=event.reason,
    )
