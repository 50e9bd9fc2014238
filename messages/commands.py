"""Commands: the messages in the input queue of an auction or of the scheduler, in the order in which they were found.

Only commands change an auction's standing: its actor reads nothing else.
"""

from messages.base import Command, Lot, Outage, Refusal, Rules
from messages.settlement import SettlementFact, Terms

EDITED = "edited"  # the cause of a withdrawal without a strike: a later version of the post has replaced it


class OpenAuction(Command, frozen=True, kw_only=True):
    """Prepare the day: freeze its rules and ask for the auction post. The scheduler sends it when the window opens."""

    auction_id: str
    day: int
    lot: Lot
    rules: Rules
    opens_at_ms: int
    closes_at_ms: int
    latest_end_ms: int = 0  # the latest end that the soft close may set; 0: `closes_at_ms` plus the cap


class ConfirmAuctionPost(Command, frozen=True, kw_only=True):
    """The auction post exists on X: from its time on, which is in its id, bids can be made."""

    post_id: int


class PlaceBid(Command, frozen=True, kw_only=True):
    """A reply on X, as it was found. The auction decides whether the reply is a bid.

    `text` is the whole text (a long post's too), still HTML-escaped as X delivers it. `hashtags` are X's entities,
    or None where the source had none. `author_created_at_ms` is None where the author could not be looked up.
    `injected` says that a test has made the post up: X does not have it.
    """

    post_id: int
    author_id: int
    author_handle: str
    author_created_at_ms: int | None
    author_followers: int | None = None
    replied_to_id: int | None
    text: str
    hashtags: tuple[str, ...] | None
    source: str
    found_at_ms: int
    injected: bool = False


class WithdrawBid(Command, frozen=True, kw_only=True):
    """The post of a bid is gone (`cause`: deleted, suspended, edited). This command may arrive before the post itself.

    `missed_at_ms` (UTC ms, X's time) is when X was first seen without the post; 0: when the command is decided.
    """

    post_id: int
    cause: str
    missed_at_ms: int = 0


class RestoreBid(Command, frozen=True, kw_only=True):
    """The post of a withdrawn bid was found on X again: the withdrawal no longer holds."""

    post_id: int


class RenameBidder(Command, frozen=True, kw_only=True):
    """The bidder's account now has the handle `handle`, whatever it was when the bid was made."""

    bidder_id: int
    handle: str


class MarkSwept(Command, frozen=True, kw_only=True):
    """A sweep has proven that every post made before `swept_to_ms` (UTC ms) is in this queue ahead of this mark.

    `looked_again` says that known posts were looked up again, too: withdrawals of missing ones are ahead of the mark.
    """

    swept_to_ms: int
    looked_again: bool = False


class OperatorCommand(Command, frozen=True, kw_only=True):
    """An operator's order: `by` is the name of the operator's token, `why` the reason, `said_at_ms` (UTC) the time."""

    by: str
    why: str
    said_at_ms: int


class PauseAuction(OperatorCommand, frozen=True, kw_only=True):
    """Pause the auction: bids posted from now on are refused until it is resumed; the end moves by the pause."""


class ResumeAuction(OperatorCommand, frozen=True, kw_only=True):
    """Resume the auction: bids posted from now on count again."""


class ExtendAuction(OperatorCommand, frozen=True, kw_only=True):
    """Extend the auction: it ends no earlier than `ends_at_ms` (UTC ms), whatever the cap of the soft close is."""

    ends_at_ms: int


class MakeUpFor(OperatorCommand, frozen=True, kw_only=True):
    """Make up for an outage that is over: the end moves by the time lost (LIFE-6). No operator gives this order: the
    scheduler, which notices outages of this system and learns of X's from the reconciler, sends it to open auctions."""

    outage: Outage


class VoidAuction(OperatorCommand, frozen=True, kw_only=True):
    """End the day without a winner."""


class NameResult(OperatorCommand, frozen=True, kw_only=True):
    """Name the result of an overdue close as it stands, without waiting for what may still be missing."""


class InvalidateBid(OperatorCommand, frozen=True, kw_only=True):
    """Take a bid out: it does not count."""

    post_id: int


class HoldBid(OperatorCommand, frozen=True, kw_only=True):
    """Hold a bid: it does not lead until it is released."""

    post_id: int


class ReleaseBid(OperatorCommand, frozen=True, kw_only=True):
    """Release a held bid: it counts, at its own time."""

    post_id: int


class BarBidder(OperatorCommand, frozen=True, kw_only=True):
    """Ban a bidder: posts made from `from_ms` (UTC ms) on do not count (`reason`: BANNED or NOT_ELIGIBLE)."""

    bidder_id: int
    from_ms: int
    reason: Refusal


class UnbarBidder(OperatorCommand, frozen=True, kw_only=True):
    """Lift a bidder's ban: posts made from `from_ms` (UTC ms) on count again."""

    bidder_id: int
    from_ms: int


class SkipDay(OperatorCommand, frozen=True, kw_only=True):
    """Skip a day: it is not held. Goes into the scheduler's queue; a day that has begun cannot be skipped."""

    day: int


class DiscardLetter(OperatorCommand, frozen=True, kw_only=True):
    """Log that an operator has discarded a dead letter of `size` bytes. Put into the scheduler's queue in the step that
    deletes the letter."""

    letter_id: str
    auction_id: str
    error: str
    size: int


class BeginSettlement(Command, frozen=True, kw_only=True):
    """Begin the settlement of the sold lot, at these terms."""

    terms: Terms


class AdvanceSettlement(Command, frozen=True, kw_only=True):
    """Take in a fact about the settlement of the lot."""

    fact: SettlementFact


class AskNextBidder(Command, frozen=True, kw_only=True):
    """Ask the next bidder, where the one before has not paid. `banned` are the bidders who are banned by now; `at_ms`
    (UTC ms) is when they were."""

    banned: tuple[int, ...]
    at_ms: int


Order = (
    PauseAuction
    | ResumeAuction
    | ExtendAuction
    | VoidAuction
    | NameResult
    | InvalidateBid
    | HoldBid
    | ReleaseBid
    | BarBidder
    | UnbarBidder
    | SkipDay
    | MakeUpFor
    | DiscardLetter
)
AuctionCommand = (
    OpenAuction
    | ConfirmAuctionPost
    | PlaceBid
    | WithdrawBid
    | RestoreBid
    | RenameBidder
    | MarkSwept
    | BeginSettlement
    | AdvanceSettlement
    | AskNextBidder
    | Order
)
