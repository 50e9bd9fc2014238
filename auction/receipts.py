"""The receipt of a bid: what is true of it, and the words for that. One vocabulary for the API, a reply on X, the
overlay and the host (BID-10).

A receipt is made from a day's standing, or from an event and what was last heard of the day (`notices`). The words of
the reasons are `messages.refusals`; what else is posted is `posts`.
"""

from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from auction.fold import Verdict
from auction.record import DayRecord
from messages.base import Refusal, Wei
from messages.events import BidAccepted, BidRefused
from messages.money import format_eth
from messages.refusals import REFUSED_BECAUSE
from messages.x_ids import posted_at_ms


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of a bid, and what the next one needs.

    `leading` is leads now or, once the receipt is final, has won. `final` says that nothing can change it any more: the
    result is named. `required_wei` is what this bid needed, where money was the reason; `minimum_wei` what the next one
    needs, and `ends_at_ms` (UTC) when bidding ends, None before that is known. `injected` says that a test has made the
    bid up.
    """

    auction_id: str
    post_id: int
    bidder_id: int
    bidder_handle: str
    verdict: Literal["accepted", "refused"]
    leading: bool = False
    final: bool = False
    reason: Refusal | None = None
    amount_wei: Wei | None = None
    required_wei: Wei | None = None
    minimum_wei: Wei | None = None
    ends_at_ms: int | None = None
    injected: bool = False


def receipt_of(day: DayRecord, verdict: Verdict) -> Receipt:
    """The receipt of a bid of this day, as of now."""
    bid, standings, result = verdict.bid, day.standings, day.result
    if result:
        leads = result.winner is not None and result.winner.post_id == bid.post_id
    else:
        leads = bool(standings and standings.leader and standings.leader.bid.post_id == bid.post_id)
    return Receipt(
        auction_id=day.auction_id,
        post_id=bid.post_id,
        bidder_id=bid.bidder_id,
        bidder_handle=bid.bidder_handle,
        verdict="refused" if verdict.refusal else "accepted",
        leading=leads,
        final=result is not None,
        reason=verdict.refusal,
        amount_wei=bid.amount_wei,
        required_wei=verdict.required_wei,
        minimum_wei=standings.minimum_wei if standings else None,
        ends_at_ms=day.ends_at_ms if day.controls else None,
        injected=bid.post_id in day.injected,
    )


def accepted(event: BidAccepted, auction_id: str) -> Receipt:
    """The receipt of a bid that has just taken the lead."""
    return Receipt(
        auction_id=auction_id,
        post_id=event.post_id,
        bidder_id=event.bidder_id,
        bidder_handle=event.bidder_handle,
        verdict="accepted",
        leading=True,
        amount_wei=event.amount_wei,
        minimum_wei=event.minimum_wei,
        ends_at_ms=event.ends_at_ms,
    )


def refused(event: BidRefused, auction_id: str, minimum_wei: Wei | None, ends_at_ms: int | None) -> Receipt:
    """The receipt of a reply that was just refused, and what the next bid needs."""
    return Receipt(
        auction_id=auction_id,
        post_id=event.post_id,
        bidder_id=event.bidder_id,
        bidder_handle=event.bidder_handle,
        verdict="refused",
        final=event.reason is Refusal.FOUND_TOO_LATE,
        reason=event.reason,
        amount_wei=event.amount_wei,
        required_wei=event.required_wei,
        minimum_wei=minimum_wei,
        ends_at_ms=ends_at_ms,
    )


def receipt_words(receipt: Receipt, time_zone: str, now_ms: int | None = None) -> str:
    """The whole receipt: the verdict and, while bids still count, what the next one needs and until when (`moment`)."""
    words = [verdict_words(receipt, "Your test bid" if receipt.injected else "Your bid")]
    if not receipt.final:
        if receipt.minimum_wei is not None:
            words.append(next_words(receipt.minimum_wei))
        if receipt.ends_at_ms is not None:
            words.append(f"Bidding ends at {moment(receipt.ends_at_ms, time_zone, now_ms)}.")
    return " ".join(words)


def receipt_json(receipt: Receipt, time_zone: str) -> dict[str, Any]:
    """The receipt as the API shows it, its words included: ids and wei as strings, each amount also to be shown."""
    shown: dict[str, Any] = {
        "auction_id": receipt.auction_id,
        "post_id": str(receipt.post_id),
        "posted_at_ms": posted_at_ms(receipt.post_id),
        "bidder_id": str(receipt.bidder_id),
        "bidder_handle": receipt.bidder_handle,
        "verdict": receipt.verdict,
        "leading": receipt.leading,
        "final": receipt.final,
        "reason": receipt.reason,
        "injected": receipt.injected,
        "ends_at_ms": receipt.ends_at_ms,
        "words": receipt_words(receipt, time_zone),
    }
    for name in ("amount", "required", "minimum"):
        wei: Wei | None = getattr(receipt, f"{name}_wei")
        shown[f"{name}_wei"] = None if wei is None else str(int(wei))
        shown[name] = None if wei is None else format_eth(wei)
    return shown


def verdict_words(receipt: Receipt, whose: str = "Your bid") -> str:
    """The verdict in one sentence; `whose` begins it ("Your bid", "@ada's bid")."""
    bid = whose if receipt.amount_wei is None else f"{whose} of {format_eth(receipt.amount_wei)}"
    if receipt.verdict == "refused":
        why = REFUSED_BECAUSE[receipt.reason] if receipt.reason else "the standing has changed"
        needed = f", at least {format_eth(receipt.required_wei)} was needed" if receipt.required_wei else ""
        return f"{bid} does not count: {why}{needed}."
    if receipt.final:
        return f"{bid} has won." if receipt.leading else f"{bid} counted and did not win."
    return f"{bid} leads so far." if receipt.leading else f"{bid} counts and has been outbid."


def next_words(minimum_wei: Wei) -> str:
    """What the next bid needs."""
    return f"The next bid needs {format_eth(minimum_wei)}."


def moment(at_ms: int, time_zone: str, now_ms: int | None) -> str:
    """A time as bidders are told it `now_ms`: with its date where that is another day or, with None, not known."""
    if now_ms is not None and local_date(now_ms, time_zone) == local_date(at_ms, time_zone):
        return local_time(at_ms, time_zone)
    return f"{local_time(at_ms, time_zone)} on {local_date(at_ms, time_zone)}"


def local_time(at_ms: int, time_zone: str) -> str:
    """A time of day as bidders are told it, such as "16:00:00 EST"."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
    return f"{at:%H:%M:%S %Z}"


def local_date(at_ms: int, time_zone: str) -> str:
    """A date as bidders are told it, such as "Mon 1 Mar"."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
    return f"{at:%a} {at.day} {at:%b}"
