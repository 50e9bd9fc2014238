"""The JSON of lots, bids and refusals in the feed.

Amounts are decimal strings of wei beside a string to show; ids are strings, because JavaScript's numbers are exact only
up to 2^53. An injected bid carries `"injected": true`.
"""

from typing import Any

from messages.base import Leader, Lot
from messages.events import BidAccepted, BidRefused
from messages.money import format_eth
from messages.refusals import REFUSED_BECAUSE
from messages.x_ids import posted_at_ms

Json = dict[str, Any]


def lot_of(lot: Lot) -> dict[str, str]:
    """The lot as viewers are shown it."""
    return {"token_id": str(lot.token_id), "title": lot.title, "image": lot.image}


def _money(name: str, wei: int | None) -> Json:
    if wei is None:
        return {f"{name}_wei": None, name: None}
    return {f"{name}_wei": str(int(wei)), name: format_eth(wei)}


def minimum_of(wei: int) -> Json:
    """The least amount (wei) of the next bid."""
    return _money("minimum", wei)


def _who(post_id: int, bidder_id: int, handle: str, injected: bool) -> Json:
    who = {
        "post_id": str(post_id),
        "bidder_id": str(bidder_id),
        "handle": handle,
        "posted_at_ms": posted_at_ms(post_id),
    }
    return {**who, "injected": True} if injected else who


def bid_of(bid: BidAccepted | Leader) -> Json:
    """An accepted bid, which leads or has led."""
    who = _who(bid.post_id, bid.bidder_id, bid.bidder_handle, bid.injected)
    return {**who, **_money("amount", bid.amount_wei)}


def refusal_of(event: BidRefused) -> Json:
    """A refused bid, with the reason in words."""
    return {
        **_who(event.post_id, event.bidder_id, event.bidder_handle, event.injected),
        "reason": event.reason,
        "words": REFUSED_BECAUSE[event.reason],
        **_money("amount", event.amount_wei),
        **_money("required", event.required_wei),
    }
