"""What is said in public, in words: the posts of a day and the host's canned lines. Pure; nothing here is sent.

Amounts are exact and never rounded; a post fits X's 280 characters with room to spare and carries no address.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from auction.money import format_eth
from messages.base import Outcome
from messages.events import (
    AnyEvent,
    AuctionOpened,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    CharacterSpoke,
    EndExtended,
    EndFrozen,
    PostAttempted,
    PostMade,
    PostRefused,
    ResultNamed,
    StandingsRevised,
)

POST_LIMIT = 280


def auction_post(prepared: AuctionPrepared, time_zone: str) -> str:
    """The post that opens a day: lot, how to bid, reserve, end in local time, the hash of the rules (X-7)."""
    rules = prepared.rules
    closes = datetime.fromtimestamp(prepared.closes_at_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
    return _fit(
        f"Day {prepared.day}: {prepared.lot.title}\n"
        f"Bid by replying with #{rules.hashtag} and an amount, e.g. {format_eth(rules.reserve_wei)}, the reserve.\n"
        f"Ends {closes:%H:%M:%S %Z}; a bid in the last minutes extends it.\n"
        f"Rules {prepared.rules_hash[:16]}"
    )


def result_post(prepared: AuctionPrepared, result: ResultNamed) -> str:
    """The post that names the result of a day."""
    if result.outcome is Outcome.SOLD and result.winner:
        what = f"goes to @{result.winner.bidder_handle} for {format_eth(result.winner.amount_wei)}."
    else:
        what = "found no bidder at its reserve."
    return _fit(f"Day {prepared.day}: {prepared.lot.title} {what}\nRules {prepared.rules_hash[:16]}")


def host_line(event: AnyEvent) -> str | None:
    """What the host says of a fact when no character answers; None for what is not worth a word."""
    match event:
        case AuctionPrepared():
            return f"Day {event.day}: {event.lot.title}. The auction opens in a moment."
        case AuctionOpened():
            return "The auction is open. Reply to the auction post to bid."
        case BidAccepted():
            amount, minimum = format_eth(event.amount_wei), format_eth(event.minimum_wei)
            return f"@{event.bidder_handle} bids {amount}. The next bid needs {minimum}."
        case EndExtended():
            return "A bid in the last minutes: the end has moved."
        case EndFrozen():
            return "Bidding has closed. We are checking the last bids."
        case ResultNamed(winner=winner) if winner:
            return f"Sold! @{winner.bidder_handle} wins with {format_eth(winner.amount_wei)}."
        case ResultNamed():
            return "No bid reached the reserve today."
        case _:
            return None


def log_line(event: AnyEvent) -> str:
    """A fact of the log in words, on one line, also when it carries what bidders wrote."""
    match event:
        case BidAccepted():
            amount, minimum = format_eth(event.amount_wei), format_eth(event.minimum_wei)
            return f"accepted  @{event.bidder_handle} {amount} (next {minimum})"
        case BidRefused():
            amount = f" {format_eth(event.amount_wei)}" if event.amount_wei is not None else ""
            required = f", {format_eth(event.required_wei)} is needed" if event.required_wei is not None else ""
            return f"refused   @{event.bidder_handle}{amount}: {event.reason}{required}"
        case BidWithdrawn():
            return f"withdrawn {event.post_id} ({event.cause})"
        case StandingsRevised():
            leader = event.leader
            return "revised   " + (
                f"@{leader.bidder_handle} leads with {format_eth(leader.amount_wei)}" if leader else "nobody leads"
            )
        case ResultNamed():
            winner = event.winner
            return "result    " + (
                f"@{winner.bidder_handle} wins with {format_eth(winner.amount_wei)}" if winner else str(event.outcome)
            )
        case CharacterSpoke():
            return f"host      {event.text!r}"
        case PostAttempted() | PostMade() | PostRefused():
            return f"{type(event).__name__} {event.job}"
        case _:
            fields = ((name, getattr(event, name)) for name in event.__struct_fields__)
            told = (
                f"{name}={value}" for name, value in fields if isinstance(value, str | int) and name not in _PLUMBING
            )
            return f"{type(event).__name__} {' '.join(told)}"


_PLUMBING = frozenset({"message_id", "correlation_id", "at_ms", "auction_id"})


def _fit(text: str) -> str:
    """The text within X's limit; only an overlong title can make this bite."""
    return text if len(text) <= POST_LIMIT else text[: POST_LIMIT - 1] + "…"
