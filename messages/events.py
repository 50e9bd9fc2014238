"""Events: every fact of the log. Amounts in wei, times in UTC milliseconds.

A verdict is true as of its place in the log; what a late find changes about it is told by `StandingsRevised`.
"""

import msgspec

from messages.base import Event, Lot, Outage, Outcome, Refusal, Rules, Wei

# ---- the house: the scheduler's and the operator's chain


class MarathonStarted(Event, frozen=True, kw_only=True):
    """The marathon exists; `days` is how many auctions it has."""

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
    """The day opens late, and closes later for it."""

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
    """`what` was down from `from_ms` to `to_ms` (UTC ms). What it moves stands in the auctions' chains."""

    from_ms: int
    to_ms: int
    what: str


class LetterDiscarded(Event, frozen=True, kw_only=True):
    """An operator has thrown a dead letter away: `size` bytes that came for `auction_id` (empty: nobody knows).

    They could not be decided because of `error`.
    """

    letter_id: str
    auction_id: str
    error: str
    size: int
    by: str
    why: str


class MarathonEnded(Event, frozen=True, kw_only=True):
    """Every day has its outcome: how many of each, and what was bid for all that was sold."""

    sold: int = 0
    unsold: int = 0
    void: int = 0
    total_wei: Wei = Wei(0)


# ---- an auction's chain


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
    """What was seen of a reply; the two verdicts carry it, so that a replay asks nobody. Post ids carry the time.

    `injected` says that a test has made the reply up. Logs of before this field do not tell, and stay as they are.
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
    """The reply is not a leading bid. `required_wei` is None where money was not the reason.

    `amount_wei` is None where the text named no amount. `flaw` is what else would keep the bid from ever leading, where
    another reason came first: a later fold has to know it.
    """

    reason: Refusal
    amount_wei: Wei | None = None
    flaw: Refusal | None = None
    required_wei: Wei | None = None


class BidWithdrawn(Event, frozen=True, kw_only=True):
    """The post is gone, or was never to be found (`cause`): its bid does not count, unless it `binds`.

    `missed_at_ms` (UTC ms) is when it was first missed; 0: when this was decided.
    """

    post_id: int
    cause: str
    missed_at_ms: int = 0
    binds: bool = False


class BidRestored(Event, frozen=True, kw_only=True):
    """The post was found again: its bid counts again, at its own time."""

    post_id: int


class BidderRenamed(Event, frozen=True, kw_only=True):
    """The bidder's account was found to be called `handle`: a result names it so. His bids keep the handle that was
    seen with them."""

    bidder_id: int
    handle: str


class Leader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One link of the chain of leaders."""

    post_id: int
    bidder_id: int
    bidder_handle: str
    amount_wei: Wei
    injected: bool = False


class StandingsRevised(Event, frozen=True, kw_only=True):
    """A late find or a withdrawal has changed who led: the chain of leaders from `from_post_id` on is now `leaders`.

    `leader` leads now; `minimum_wei` is what the next bid needs.
    """

    from_post_id: int
    leaders: tuple[Leader, ...]
    leader: Leader | None
    minimum_wei: Wei


class EndExtended(Event, frozen=True, kw_only=True):
    """The end has moved and is never taken back, whatever becomes of the bid that moved it.

    `by_post_id` is the bid that took the lead or, with `lead_lost`, the one that has lost it to no bid; it is 0 where
    an operator moved the end (`by`, `why`), or the house for an `outage`.
    """

    ends_at_ms: int
    by_post_id: int
    by: str = ""
    why: str = ""
    outage: Outage | None = None
    lead_lost: bool = False

    @property
    def is_ordered(self) -> bool:
        """Whether the end was moved by something else than a bid that took the lead: bids alone do not explain it."""
        return bool(self.by) or self.lead_lost


class WatermarkMoved(Event, frozen=True, kw_only=True):
    """Every post made before `watermark_ms` has been found and decided; `looked_again`: also whether it is gone."""

    watermark_ms: int
    looked_again: bool = False


class ClosingSoon(Event, frozen=True, kw_only=True):
    """The end is `left_ms` away, or less: told once for each configured distance."""

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
    """An operator has taken the bid out."""

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
    """What the bidder posted from `from_ms` on does not count."""

    bidder_id: int
    from_ms: int
    reason: Refusal
    by: str
    why: str


class BidderUnbarred(Event, frozen=True, kw_only=True):
    """What the bidder posts from `from_ms` on counts again."""

    bidder_id: int
    from_ms: int
    by: str
    why: str


class StrikeGiven(Event, frozen=True, kw_only=True):
    """The bidder took back a bid that led."""

    bidder_id: int
    post_id: int
    cause: str


class StrikeLifted(Event, frozen=True, kw_only=True):
    """The strike that was given for this post counts no longer: its bid was restored."""

    bidder_id: int
    post_id: int


class EndFrozen(Event, frozen=True, kw_only=True):
    """PROCESSING begins: the end is final. Later finds count when posted before it, but extend nothing."""

    ends_at_ms: int


class CloseOverdue(Event, frozen=True, kw_only=True):
    """The watermark has not passed the end within the bound: an operator has to decide."""

    watermark_ms: int
    ends_at_ms: int


class ResultNamed(Event, frozen=True, kw_only=True):
    """COMPLETED. Nothing found later changes it. `by` and `why` are set where an operator has decided."""

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


# ---- the announcer's, the host's and the chain watcher's chains


class PostAttempted(Event, frozen=True, kw_only=True):
    """A post is about to be sent; from here on its outcome may be unknown. `job` names what it announces."""

    job: str
    text: str


class PostMade(Event, frozen=True, kw_only=True):
    """The post of this job stands on X, once."""

    job: str
    post_id: int


class PostRefused(Event, frozen=True, kw_only=True):
    """X will not have the post of this job; nothing stands there, and it is not tried again."""

    job: str
    why: str


class CharacterSpoke(Event, frozen=True, kw_only=True):
    """The host said this about the fact at `about_seq` of the log; `leader_post_id` is the bid that it calls leading,
    0 where it calls none so."""

    text: str
    about_seq: int
    leader_post_id: int = 0


class ChainLogSeen(Event, frozen=True, kw_only=True):
    """A log of the watched contract, from a block that the configured confirmation level has reached."""

    block_number: int
    block_hash: str
    transaction_hash: str
    log_index: int
    topics: tuple[str, ...]
    data: str


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
)
AnyEvent = HouseEvent | AuctionEvent | PostAttempted | PostMade | PostRefused | CharacterSpoke | ChainLogSeen
