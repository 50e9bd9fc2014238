"""Events: the facts of the log. Amounts in wei, times in UTC milliseconds.

A verdict is true as of its place in the log; `StandingsRevised` records what a late find changes.
"""

from messages.base import Event, Leader, Lot, Outage, Outcome, Refusal, Rules, Wei
from messages.chain_events import ChainEvent, SenderEvent
from messages.settlement import SettlementFact, Stage, Terms

# ---- written by the scheduler


class MarathonStarted(Event, frozen=True, kw_only=True):
    """The marathon has begun; `days` is its number of auctions."""

    days: int


class DayStarted(Event, frozen=True, kw_only=True):
    """The scheduler has told the day's auction to open."""

    auction_id: str
    day: int


class DayVoided(Event, frozen=True, kw_only=True):
    """The day is not held; its auction never opens. `by` is set where an operator has skipped it."""

    auction_id: str
    day: int
    why: str
    by: str = ""


class DayDelayed(Event, frozen=True, kw_only=True):
    """The day opens `lost_ms` late and therefore closes later, at `closes_at_ms`."""

    auction_id: str
    day: int
    lost_ms: int
    closes_at_ms: int


class DayAdded(Event, frozen=True, kw_only=True):
    """The marathon has one more day: the lot of day `of_day`, which was not held, comes again."""

    auction_id: str
    day: int
    of_day: int
    lot: Lot
    reserve_wei: Wei
    opens_at_ms: int
    closes_at_ms: int


class OutageNoticed(Event, frozen=True, kw_only=True):
    """`what` was down from `from_ms` to `to_ms`. Each auction whose end moves for the outage logs an `EndExtended`."""

    from_ms: int
    to_ms: int
    what: str


class LetterDiscarded(Event, frozen=True, kw_only=True):
    """An operator has discarded a dead letter: `size` bytes that came for `auction_id` (empty: unknown).

    `error` is why these bytes could not be decided.
    """

    letter_id: str
    auction_id: str
    error: str
    size: int
    by: str
    why: str


class MarathonEnded(Event, frozen=True, kw_only=True):
    """Every day has its outcome: the number of days sold, unsold and void, and the sum of the winning bids."""

    sold: int = 0
    unsold: int = 0
    void: int = 0
    total_wei: Wei = Wei(0)


# ---- written by an auction


class AuctionPrepared(Event, frozen=True, kw_only=True):
    """The rules of the day are frozen; the auction post may be made."""

    auction_id: str
    day: int
    lot: Lot
    rules: Rules
    rules_hash: str
    opens_at_ms: int
    closes_at_ms: int
    latest_end_ms: int = 0


class AuctionOpened(Event, frozen=True, kw_only=True):
    """The auction post exists: bids posted from `opened_at_ms` on, as replies to `post_id`, count."""

    auction_id: str
    post_id: int
    opened_at_ms: int
    ends_at_ms: int


class Observed(Event, frozen=True, kw_only=True):
    """A reply as it was seen. Both verdicts carry it, so that a replay needs no look-up; the post id carries the time.

    `injected` says that a test has made the reply up; logs older than this field do not say so.
    """

    post_id: int
    bidder_id: int
    bidder_handle: str
    bidder_created_at_ms: int | None
    bidder_followers: int | None = None
    replied_to_id: int | None
    text: str
    hashtags: tuple[str, ...] | None
    source: str
    injected: bool = False


class BidAccepted(Observed, frozen=True, kw_only=True):
    """The bid leads, as of this place in the log. `minimum_wei` is what the next bid needs."""

    amount_wei: Wei
    minimum_wei: Wei
    ends_at_ms: int


class BidRefused(Observed, frozen=True, kw_only=True):
    """The reply is refused. `required_wei` is the least amount that would have led, where the bid was too low.

    `amount_wei` is None where the text named no amount. `flaw` is a further reason why the bid can never lead, which a
    later fold needs in case `reason` no longer holds.
    """

    reason: Refusal
    amount_wei: Wei | None = None
    flaw: Refusal | None = None
    required_wei: Wei | None = None


class BidWithdrawn(Event, frozen=True, kw_only=True):
    """The post is gone, or was never found (`cause`): its bid does not count, unless it `binds`.

    `missed_at_ms` is when X was first seen without the post; 0: at `at_ms`.
    """

    post_id: int
    cause: str
    missed_at_ms: int = 0
    binds: bool = False


class BidRestored(Event, frozen=True, kw_only=True):
    """The post was found again: its bid counts again, at its own time."""

    post_id: int


class BidderRenamed(Event, frozen=True, kw_only=True):
    """The bidder's account was found to have the handle `handle` now, which a result then names. Bids keep the handle
    that was seen with them."""

    bidder_id: int
    handle: str


class StandingsRevised(Event, frozen=True, kw_only=True):
    """A late find or a withdrawal has changed who led: the lead history from `from_post_id` on is now `leaders`.

    `leader` leads now; `minimum_wei` is what the next bid needs.
    """

    from_post_id: int
    leaders: tuple[Leader, ...]
    leader: Leader | None
    minimum_wei: Wei


class EndExtended(Event, frozen=True, kw_only=True):
    """The end has moved to `ends_at_ms`, for good, whatever happens to the bid that moved it.

    `by_post_id` is the bid that took the lead or, with `lead_lost`, the bid that lost it without being outbid. It is 0
    where an operator moved the end (`by`, `why`), or the system for an `outage`.
    """

    ends_at_ms: int
    by_post_id: int
    by: str = ""
    why: str = ""
    outage: Outage | None = None
    lead_lost: bool = False

    @property
    def is_ordered(self) -> bool:
        """Whether something else than a bid that took the lead has moved the end, so that bids do not explain it."""
        return bool(self.by) or self.lead_lost


class WatermarkMoved(Event, frozen=True, kw_only=True):
    """Every post made before `watermark_ms` was found and decided and, with `looked_again`, rechecked for deletion."""

    watermark_ms: int
    looked_again: bool = False


class ClosingSoon(Event, frozen=True, kw_only=True):
    """The end is at most `left_ms` away: logged once for each configured `closing_soon` time."""

    left_ms: int
    ends_at_ms: int


class AuctionPaused(Event, frozen=True, kw_only=True):
    """Bids posted from `from_ms` on are refused until the auction is resumed."""

    from_ms: int
    by: str
    why: str


class AuctionResumed(Event, frozen=True, kw_only=True):
    """Bids posted from `until_ms` on count again; the end has moved by the pause."""

    until_ms: int
    ends_at_ms: int
    by: str
    why: str


class BidInvalidated(Event, frozen=True, kw_only=True):
    """An operator has taken the bid out: it does not count."""

    post_id: int
    by: str
    why: str


class BidHeld(Event, frozen=True, kw_only=True):
    """The bid does not lead until an operator releases it."""

    post_id: int
    by: str
    why: str


class BidReleased(Event, frozen=True, kw_only=True):
    """A held bid counts, at its own time."""

    post_id: int
    by: str
    why: str


class BidderBarred(Event, frozen=True, kw_only=True):
    """The bidder is banned: posts made from `from_ms` on do not count."""

    bidder_id: int
    from_ms: int
    reason: Refusal
    by: str
    why: str


class BidderUnbarred(Event, frozen=True, kw_only=True):
    """The bidder's ban is lifted: posts made from `from_ms` on count again."""

    bidder_id: int
    from_ms: int
    by: str
    why: str


class StrikeGiven(Event, frozen=True, kw_only=True):
    """The bidder of the bid `post_id`, which led, got a strike (`cause`): it was taken back, or not paid."""

    bidder_id: int
    post_id: int
    cause: str


class StrikeLifted(Event, frozen=True, kw_only=True):
    """The strike for this post no longer counts: its bid was restored."""

    bidder_id: int
    post_id: int


class EndFrozen(Event, frozen=True, kw_only=True):
    """The end is final; PROCESSING begins. Bids found later count if posted before the end, but do not move it."""

    ends_at_ms: int


class CloseOverdue(Event, frozen=True, kw_only=True):
    """The watermark has not passed the end within `close_bound_ms`: an operator has to decide."""

    watermark_ms: int
    ends_at_ms: int


class ResultNamed(Event, frozen=True, kw_only=True):
    """The result of the day; COMPLETED begins. No later find changes it. `by` and `why` are set where an operator has
    decided."""

    auction_id: str
    day: int
    outcome: Outcome
    winner: Leader | None = None
    by: str = ""
    why: str = ""

    @property
    def is_of_a_test(self) -> bool:
        """Whether an injected bid has won: then nothing is sold."""
        return self.winner is not None and self.winner.injected


class SettlementBegun(Event, frozen=True, kw_only=True):
    """The settlement of the sold lot has begun: its winner is the first to be asked, at these terms."""

    terms: Terms


class SettlementAdvanced(Event, frozen=True, kw_only=True):
    """A fact has changed the settlement, which is at `stage` now."""

    fact: SettlementFact
    stage: Stage


class SettlementFactRefused(Event, frozen=True, kw_only=True):
    """A fact did not fit the settlement and changes nothing (`why`): above all a payment that nobody was asked for."""

    fact: SettlementFact
    why: str


class WalletRefused(Event, frozen=True, kw_only=True):
    """A reply of the buyer names no wallet, for the reason `fault`; it is answered with what to post."""

    bidder_id: int
    post_id: int
    text: str
    fault: str


# ---- written by the announcer and the ElizaOS bridge


class PostAttempted(Event, frozen=True, kw_only=True):
    """A post is about to be sent; from here on its outcome may be unknown. `job` names what it announces."""

    job: str
    text: str


class PostMade(Event, frozen=True, kw_only=True):
    """The post of this job was made on X, as `post_id`."""

    job: str
    post_id: int


class PostRefused(Event, frozen=True, kw_only=True):
    """X has refused the post of this job: it was not made and is not tried again."""

    job: str
    why: str


class CharacterSpoke(Event, frozen=True, kw_only=True):
    """The host said `text` about the event at `about_seq` of the log; `leader_post_id` is the bid that the text calls
    leading, or 0."""

    text: str
    about_seq: int
    leader_post_id: int = 0


HouseEvent = (
    MarathonStarted | DayStarted | DayVoided | DayDelayed | DayAdded | OutageNoticed | LetterDiscarded | MarathonEnded
)
AuctionEvent = (
    AuctionPrepared
    | AuctionOpened
    | BidAccepted
    | BidRefused
    | BidWithdrawn
    | BidRestored
    | BidderRenamed
    | StandingsRevised
    | EndExtended
    | WatermarkMoved
    | ClosingSoon
    | AuctionPaused
    | AuctionResumed
    | BidInvalidated
    | BidHeld
    | BidReleased
    | BidderBarred
    | BidderUnbarred
    | StrikeGiven
    | StrikeLifted
    | EndFrozen
    | CloseOverdue
    | ResultNamed
    | SettlementBegun
    | SettlementAdvanced
    | SettlementFactRefused
    | WalletRefused
)
AnyEvent = (
    HouseEvent | AuctionEvent | PostAttempted | PostMade | PostRefused | CharacterSpoke | ChainEvent | SenderEvent
)
