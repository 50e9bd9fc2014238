"""What a checkpoint holds of a day: all that it needs to go on. `record` says what each event makes of it."""

import msgspec

from auction.controls import Controls
from auction.eligibility import AuthorFacts
from auction.fold import Bid, Lead, Verdict
from auction.settlement.ladder import Settlement
from messages.base import Phase
from messages.events import AuctionPrepared, ResultNamed


class DayState(msgspec.Struct, array_like=True):
    """The state of a day. Fields are only added at the end, with a default: the state of an earlier version is read."""

    phase: Phase = Phase.PENDING
    prepared: AuctionPrepared | None = None
    post_id: int | None = None
    controls: Controls | None = None
    segments: list[bytes] = []  # the digests of the bids that were packed away
    bids: list[Bid] = []  # the others, in order
    lead_history: list[Lead] = []  # those among the others that led
    held: list[int] = []
    tombstones: list[int] = []
    watermark_ms: int = 0
    looked_again_ms: int = 0
    overdue: bool = False
    result: ResultNamed | None = None
    unranked: list[Verdict] = []  # decided before the opening or after the result: never part of the standing
    facts: dict[int, AuthorFacts] = {}
    closing_told_ms: int | None = None
    struck: dict[int, int] = {}  # posts whose withdrawal cost a strike, and whose they are
    bound: list[int] = []
    renamed: dict[int, str] = {}  # bidder ids, and the handles that these have by now
    injected: list[int] = []
    settlement: Settlement | None = None
    answered: list[int] = []  # replies of buyers that were taken in or refused
