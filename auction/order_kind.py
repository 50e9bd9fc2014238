"""The form of a row in the table of `orders`, and the moments of a day in which an order may come."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from auction.controls import Controls
from messages.base import Phase
from messages.commands import BarBidder, Order

# The moments of a day in which an order may come: its phases, and these two.
TO_COME, PAUSED = "TO_COME", "PAUSED"

# In which moments an order is refused, each with what is said of the auction.
_OVER = {Phase.COMPLETED: "is over: nothing changes its result any more"}
UNLESS_TO_COME = dict.fromkeys((*Phase, PAUSED), "has begun: it can be voided, but not skipped") | _OVER
UNLESS_BEGUN = {TO_COME: "has not begun: a day to come can only be skipped"} | _OVER
UNLESS_OPEN = UNLESS_BEGUN | {Phase.PENDING: "is not open yet", Phase.PROCESSING: "has closed: its end is final"}
UNLESS_PROCESSING = UNLESS_BEGUN | dict.fromkeys(
    (Phase.PENDING, Phase.ACTIVE, PAUSED), "has not closed: there is no result to name yet"
)


class Argument(NamedTuple):
    """What an order needs: the field of its command, a whole number from 1 on, and its name on the command line."""

    field: str
    metavar: str
    help: str
    most: int = (1 << 63) - 1


POST = Argument("post_id", "POST", "the id of the post that bid")
BIDDER = Argument("bidder_id", "BIDDER", "the id of the bidder's account")
DAY = Argument("day", "DAY", "the day's number", 9_999)
END = Argument("ends_at_ms", "DURATION", "how far to move the end, such as '10 min'")


class OrderKind(NamedTuple):
    """One row of the table. `changes` and `adds` are asked with the order, the controls and the effective end (UTC ms);
    `changes_house` with the order, the bans that the house knows, and the numbers of the days to come."""

    command: type[Order]
    summary: str  # what --help says of it
    example: str  # of its arguments on the command line
    refused: Mapping[str, str]  # the moments in which it may not be given; a bidder is banned at any time
    event: type[Any] | None = None  # what it makes; None where whoever executes it finds that out
    argument: Argument | None = None
    changes: Callable[[Any, Controls, int], bool] = lambda *_: True  # whether it is news to an auction, if not refused
    changes_house: Callable[[Any, Collection[BarBidder], Collection[int]], bool] | None = None  # None: not the house's
    idle: Mapping[str, str] = {}  # the moments in which it is accepted without effect, and what people are told
    fixed: Mapping[str, Any] = {}  # the fields of the command that nobody chooses
    adds: Callable[[Any, Controls, int], dict[str, int]] = lambda *_: {}  # the event's fields that the order lacks
    takes_out: bool = False  # whether a bid that has led may count no more

    @property
    def is_for_house(self) -> bool:
        """Whether the order goes to the house's queue, and not to an auction's."""
        return self.changes_house is not None

    def why_not(self, auction_id: str, moment: str) -> str | None:
        """Why the order may not be given in this moment of the auction's day, in one sentence; None where it may."""
        return f"{auction_id} {self.refused[moment]}" if moment in self.refused else None


def moment_of(phase: str, paused: bool) -> str:
    """The moment of a day in this phase."""
    return PAUSED if paused and phase == Phase.ACTIVE else phase


def moment_in(view: Mapping[str, str]) -> str:
    """The same from the day's view in the store, which is empty before the day begins. By the time that an order is
    read from its queue, the day may have gone on."""
    return moment_of(view.get("phase", TO_COME), bool(view.get("paused")))
