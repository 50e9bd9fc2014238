"""The house's state: what the scheduler has done with each day, who is banned, and how both are recovered from its
journal.

The scheduler decides what follows from it.
"""

import msgspec

from adapters.redis.journal import Journal
from auction.orders import order_of
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
    SettlementAdvanced,
)
from messages.settlement import NextChosen, Stage

# An auction that is over still decides what comes into its queue, until so many later days are over.
LATE_DAYS = 2

X = "X"
"""What an `OutageNoticed` names where X was away, not the house."""


class HouseState(msgspec.Struct, array_like=True):
    """What the scheduler has done so far. Days stand by their number. A day that is not held is in `unheld`, and in
    `started` and `finished` too."""

    position: int = 0
    announced: bool = False
    started: list[int] = []
    finished: list[int] = []
    ended: bool = False
    bans: list[BarBidder] = []
    strikes: dict[int, int] = {}
    lifted: dict[int, int] = {}  # when (UTC ms) a bidder's ban was lifted: strikes from before do not count
    unheld: list[int] = []
    added: dict[int, int] = {}  # a further day, and the day whose lot comes again on it
    sold: dict[int, Wei] = {}
    void: list[int] = []  # days that had begun when they were voided
    x_known_to_ms: int = 0  # X's outages up to then (UTC ms) were told to the auctions
    tested: list[int] = []  # days won by an injected bid
    settling: list[int] = []  # days whose lots are sold, and not paid for good yet

    @property
    def open(self) -> list[int]:
        """The days that have begun and have no result yet."""
        return [day for day in self.started if day not in self.finished]

    @property
    def held(self) -> list[int]:
        """The days that have begun, without those that are `unheld`."""
        return [day for day in self.started if day not in self.unheld]

    def is_worth_reading(self, day: int) -> bool:
        """Whether the auction of this day still reads its queue."""
        if day in self.settling:
            return True
        finished = [other for other in self.finished if other not in self.unheld]
        return day not in finished[:-LATE_DAYS]

    def recall(self, event: AnyEvent) -> None:
        """Take in an event that the scheduler itself has logged."""
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
                ban = order_of(event)
                assert isinstance(ban, BarBidder), "a ban was ordered"
                self.bans.append(ban)
            case BidderUnbarred():
                self.unban(event.bidder_id, event.at_ms)
            case MarathonEnded():
                self.ended = True

    def drop(self, day: int) -> None:
        """Note that the day is not held."""
        for days in (self.started, self.finished, self.unheld):
            days.append(day)

    def finish(self, result: ResultNamed, settles: bool = False) -> None:
        """Take in the result of a day, whose lot is to be settled if this marathon `settles`."""
        self.finished.append(result.day)
        if result.is_of_a_test:
            self.tested.append(result.day)
        elif result.winner:
            self.sold[result.day] = result.winner.amount_wei
            if settles:
                self.settling.append(result.day)
        elif result.outcome is Outcome.VOID:
            self.void.append(result.day)

    def settle(self, day: int, advanced: SettlementAdvanced) -> bool:
        """Take in a step of the day's settlement. Whether its lot comes again, since nobody has paid for it."""
        if day not in self.settling:
            return False
        if isinstance(advanced.fact, NextChosen) and advanced.fact.bidder:
            self.sold[day] = advanced.fact.bidder.amount_wei
        if advanced.stage in (Stage.FINAL, Stage.UNSOLD):
            self.settling.remove(day)
        if advanced.stage is Stage.UNSOLD:
            del self.sold[day]
        return advanced.stage is Stage.UNSOLD

    def summary(self, at_ms: int) -> MarathonEnded:
        """The event that the marathon is over, with how many days were sold, unsold and void, and the sum in wei."""
        void = len(self.unheld) + len(self.void)
        return MarathonEnded(
            message_id="marathon:ended",
            at_ms=at_ms,
            sold=len(self.sold),
            unsold=len(self.finished) - len(self.sold) - void - len(self.tested),
            void=void,
            total_wei=Wei(sum(self.sold.values())),
        )

    def unban(self, bidder_id: int, at_ms: int) -> None:
        """Lift the bidder's ban, and forget his strikes up to `at_ms` (UTC ms)."""
        self.bans = [ban for ban in self.bans if ban.bidder_id != bidder_id]
        self.strikes.pop(bidder_id, None)
        self.lifted[bidder_id] = at_ms


def begun_state(journal: Journal) -> HouseState:
    """Begin the scheduler's journal, and recover the state from its checkpoint and log. Raises as `Journal.begin`
    and `tail`."""
    state = journal.begin(reader_of(HouseState)).checkpoint or HouseState()
    for _, event in journal.tail():  # empty unless a checkpoint is damaged
        state.recall(event)
    return state
