"""Commands: what may enter an auction's input queue, in the order in which it was found.

Everything that can change an auction's standing is one of these; nothing else is read by its actor.
"""

from messages.base import Command, Lot, Outage, Refusal, Rules

EDITED = "edited"  # the cause of a withdrawal that is no strike: a later version of the post stands in its place


class OpenAuction(Command, frozen=True, kw_only=True):
    """Prepare the day: freeze its rules and ask for the auction post. The scheduler sends it when the window opens."""

    auction_id: str
    day: int
    lot: Lot
    rules: Rules
    opens_at_ms: int
    closes_at_ms: int
    latest_end_ms: int = 0  # the soft close goes no further; 0: its cap after closes_at_ms


class ConfirmAuctionPost(Command, frozen=True, kw_only=True):
    """The auction post exists on X; only now can anybody bid. Its time is in its id."""

    post_id: int


class PlaceBid(Command, frozen=True, kw_only=True):
    """A reply seen on X, as it was found. Whether it is a bid is the auction's to decide.

    `text` is the whole text (a long post's too), still HTML-escaped as X delivers it. `hashtags` are X's entities,
    or None where the source had none. `author_created_at_ms` is None where the author could not be looked up.
    `injected` says that X has no such post: a test has made it up.
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
    """The post is gone (`cause`: deleted, suspended, edited). It may arrive before its post does.

    `missed_at_ms` (UTC ms, X's time) is when X was first seen without it; 0: when the day hears of it.
    """

    post_id: int
    cause: str
    missed_at_ms: int = 0


class RestoreBid(Command, frozen=True, kw_only=True):
    """The post is there again, or was never gone: its withdrawal holds no longer."""

    post_id: int


class RenameBidder(Command, frozen=True, kw_only=True):
    """The bidder's account is called `handle` by now, whatever it was called when he bid."""

    bidder_id: int
    handle: str


class MarkSwept(Command, frozen=True, kw_only=True):
    """A sweep has proven that every post made before `swept_to_ms` stands in this queue before this mark.

    `looked_again` says that the posts known before were looked up once more: what is gone stands before the mark too.
    """

    swept_to_ms: int
    looked_again: bool = False


class OperatorCommand(Command, frozen=True, kw_only=True):
    """What an operator orders: who he is (the name of his token), why, and when he said so (UTC ms)."""

    by: str
    why: str
    said_at_ms: int


class PauseAuction(OperatorCommand, frozen=True, kw_only=True):
    """Bids posted from now on are refused, until the auction is resumed; the end moves by the pause."""


class ResumeAuction(OperatorCommand, frozen=True, kw_only=True):
    """Bids posted from now on count again."""


class ExtendAuction(OperatorCommand, frozen=True, kw_only=True):
    """The end is not before `ends_at_ms` (UTC ms), whatever the cap of the soft close says."""

    ends_at_ms: int


class MakeUpFor(OperatorCommand, frozen=True, kw_only=True):
    """An outage is over: the end moves by what it cost (LIFE-6). Never an operator's: the house notices its own, the
    reconciler tells the house of X's, and the house tells the auctions that were open."""

    outage: Outage


class VoidAuction(OperatorCommand, frozen=True, kw_only=True):
    """The day ends without a winner."""


class NameResult(OperatorCommand, frozen=True, kw_only=True):
    """Name the result of an overdue close as it stands, without waiting for what may still be missing."""


class InvalidateBid(OperatorCommand, frozen=True, kw_only=True):
    """The bid does not count."""

    post_id: int


class HoldBid(OperatorCommand, frozen=True, kw_only=True):
    """The bid does not lead until it is released."""

    post_id: int


class ReleaseBid(OperatorCommand, frozen=True, kw_only=True):
    """A held bid counts, at its own time."""

    post_id: int


class BarBidder(OperatorCommand, frozen=True, kw_only=True):
    """What this bidder posted from `from_ms` on does not count (`reason`: BANNED, NOT_ELIGIBLE)."""

    bidder_id: int
    from_ms: int
    reason: Refusal


class UnbarBidder(OperatorCommand, frozen=True, kw_only=True):
    """What this bidder posts from `from_ms` on counts again."""

    bidder_id: int
    from_ms: int


class SkipDay(OperatorCommand, frozen=True, kw_only=True):
    """The day is not held. To the house's queue; a day that has begun is not skipped any more."""

    day: int


class DiscardLetter(OperatorCommand, frozen=True, kw_only=True):
    """A dead letter was thrown away. To the house's queue, in the step that takes the letter out: it only has to be
    logged. `size` in bytes."""

    letter_id: str
    auction_id: str
    error: str
    size: int


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
    OpenAuction | ConfirmAuctionPost | PlaceBid | WithdrawBid | RestoreBid | RenameBidder | MarkSwept | Order
)
