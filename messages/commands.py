"""Commands: what may enter an auction's input queue, in the order in which it was found.

Everything that can change an auction's standing is one of these; nothing else is read by its actor.
"""

from messages.base import Command, Lot, Rules


class OpenAuction(Command, frozen=True, kw_only=True):
    """Prepare the day: freeze its rules and ask for the auction post. The scheduler sends it when the window opens."""

    auction_id: str
    day: int
    lot: Lot
    rules: Rules
    opens_at_ms: int
    closes_at_ms: int


class ConfirmAuctionPost(Command, frozen=True, kw_only=True):
    """The auction post exists on X; only now can anybody bid. Its time is in its id."""

    post_id: int


class PlaceBid(Command, frozen=True, kw_only=True):
    """A reply seen on X, as it was found. Whether it is a bid is the auction's to decide.

    `text` is the whole text (a long post's too), still HTML-escaped as X delivers it. `hashtags` are X's entities,
    or None where the source had none. `author_created_at_ms` is None where the author could not be looked up.
    """

    post_id: int
    author_id: int
    author_handle: str
    author_created_at_ms: int | None
    replied_to_id: int | None
    text: str
    hashtags: tuple[str, ...] | None
    source: str
    found_at_ms: int


class WithdrawBid(Command, frozen=True, kw_only=True):
    """The post is gone (`cause`: deleted, suspended). It may arrive before its post does."""

    post_id: int
    cause: str


class MarkSwept(Command, frozen=True, kw_only=True):
    """A sweep has proven that every post made before `swept_to_ms` stands in this queue before this mark."""

    swept_to_ms: int


AuctionCommand = OpenAuction | ConfirmAuctionPost | PlaceBid | WithdrawBid | MarkSwept
