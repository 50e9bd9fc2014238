"""Builders of posts, rules and days for the tests of the core. Times are ms after the opening of a one-hour window."""

import msgspec
from msgspec.structs import replace

from auction.day import AuctionDay
from auction.rules import RULES_VERSION
from messages.base import Lot, Rules, Wei
from messages.commands import (
    AuctionCommand,
    ConfirmAuctionPost,
    MarkSwept,
    OpenAuction,
    PlaceBid,
    RenameBidder,
    RestoreBid,
    WithdrawBid,
)
from messages.x_ids import X_EPOCH_MS

OPENS_MS = 1_800_000_000_000
CLOSES_MS = OPENS_MS + 3_600_000
AUCTION = "test-01"
ETH = 10**18

RULES = Rules(
    hashtag="AuctionDay",
    reserve_wei=Wei(ETH // 10),
    increment_wei=Wei(ETH // 100),
    increment_basis_points=500,
    soft_close_ms=300_000,
    soft_close_cap_ms=3_600_000,
    delivery_allowance_ms=30_000,
    close_bound_ms=1_800_000,
    minimum_account_age_ms=30 * 86_400_000,
    version=RULES_VERSION,
    runner_up_basis_points=8_000,
)


def post_id(after_ms: int, serial: int = 0) -> int:
    """The id of a post made so many ms after the opening."""
    return ((OPENS_MS + after_ms - X_EPOCH_MS) << 22) + serial


AUCTION_POST = post_id(0)


def reply(
    after_ms: int,
    author: int,
    amount: str,
    serial: int = 1,
    replied_to: int = AUCTION_POST,
    age_days: int = 400,
) -> PlaceBid:
    """A reply by `author` with `amount` ETH in it, or with whatever text that is."""
    text = f"{amount} ETH #AuctionDay" if amount.replace(".", "").isdigit() else amount
    at = post_id(after_ms, serial)
    return PlaceBid(
        message_id=f"tweet:{at}",
        post_id=at,
        author_id=author,
        author_handle=f"user{author}",
        author_created_at_ms=OPENS_MS + after_ms - age_days * 86_400_000,
        replied_to_id=replied_to,
        text=text,
        hashtags=None,
        source="stream",
        found_at_ms=OPENS_MS + after_ms,
    )


def injected(after_ms: int, author: int, amount: str) -> PlaceBid:
    """A bid as `api/injection` makes it up."""
    bid = reply(after_ms, author, amount)
    return replace(bid, source="injected:ada", injected=True)


def gone(of: PlaceBid, missed_at_ms: int = 0) -> WithdrawBid:
    return WithdrawBid(message_id=f"gone:{of.post_id}", post_id=of.post_id, cause="deleted", missed_at_ms=missed_at_ms)


def back(of: PlaceBid) -> RestoreBid:
    return RestoreBid(message_id=f"there:{of.post_id}", post_id=of.post_id)


def called(bidder: int, handle: str) -> RenameBidder:
    return RenameBidder(message_id=f"renamed:{bidder}:{handle}", bidder_id=bidder, handle=handle)


def swept(to_ms: int, looked_again: bool = True) -> MarkSwept:
    return MarkSwept(message_id=f"swept:{to_ms}", swept_to_ms=to_ms, looked_again=looked_again)


OPENING = (
    OpenAuction(
        message_id="open",
        auction_id=AUCTION,
        day=1,
        lot=Lot(token_id=1, title="Day One"),
        rules=RULES,
        opens_at_ms=OPENS_MS,
        closes_at_ms=CLOSES_MS,
    ),
    ConfirmAuctionPost(message_id="confirm", post_id=AUCTION_POST),
)


def opening_with(rules: Rules) -> list[AuctionCommand]:
    """OPENING with these rules."""
    prepare, confirm = OPENING
    return [msgspec.structs.replace(prepare, rules=rules), confirm]


def opened_day() -> AuctionDay:
    day = AuctionDay(AUCTION)
    day.decide(OPENING, OPENS_MS)
    return day
