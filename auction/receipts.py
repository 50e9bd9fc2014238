"""A receipt tells a bidder the verdict on a bid, as data and in words: the same words in the API, in a reply on X, on
the stage and from the host (BID-10).

A receipt is made from a day's standing or, by `actors/announcer/notices`, from an event. `messages.refusals` has the
words of the refusals, `wording/posts` the other posts.
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
    """The verdict on a bid, and what the next bid needs.

    `leading` means that the bid leads now or, once the receipt is final, has won. `final` means that the result is
    named and nothing can change the receipt any more. `required_wei` is the least amount that would have led, where the
    bid was too low. `minimum_wei`, the least amount of the next bid, and `ends_at_ms` (UTC), when bidding ends, are
    None while unknown. `injected` means that a test has made the bid up.
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
    """The receipt of a bid, from the day's current standing."""
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
    """The receipt of a reply that was just refused; `minimum_wei` and `ends_at_ms` are those of the day now."""
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
    """The receipt in words: the verdict and, until the receipt is final, the least next bid and the end (`moment`)."""
    words = [verdict_words(receipt, "Your test bid" if receipt.injected else "Your bid")]
    if not receipt.final:
        if receipt.minimum_wei is not None:
            words.append(next_words(receipt.minimum_wei))
        if receipt.ends_at_ms is not None:
            words.append(f"Bidding ends at {moment(receipt.ends_at_ms, time_zone, now_ms)}.")
    return " ".join(words)


def receipt_json(receipt: Receipt, time_zone: str) -> dict[str, Any]:
    """The receipt as JSON for the API: ids and wei as decimal strings, each amount also in ETH, and the words."""
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
    """The verdict in one sentence, which begins with `whose` ("Your bid", "@ada's bid")."""
    bid = whose if receipt.amount_wei is None else f"{whose} of {format_eth(receipt.amount_wei)}"
    if receipt.verdict == "refused":
        why = REFUSED_BECAUSE[receipt.reason] if receipt.reason else "the standing has changed"
        needed = f", at least {format_eth(receipt.required_wei)} was needed" if receipt.required_wei else ""
        return f"{bid} does not count: {why}{needed}."
    if receipt.final:
        return f"{bid} has won." if receipt.leading else f"{bid} counted and did not win."
    return f"{bid} leads so far." if receipt.leading else f"{bid} counts and has been outbid."


def next_words(minimum_wei: Wei) -> str:
    """The sentence that names the least amount of the next bid."""
    return f"The next bid needs {format_eth(minimum_wei)}."


def moment(at_ms: int, time_zone: str, now_ms: int | None) -> str:
    """The local time `at_ms` as written for bidders at `now_ms`; with its date if `now_ms` is None or another day."""
    if now_ms is not None and local_date(now_ms, time_zone) == local_date(at_ms, time_zone):
        return local_time(at_ms, time_zone)
    return f"{local_time(at_ms, time_zone)} on {local_date(at_ms, time_zone)}"


def local_time(at_ms: int, time_zone: str) -> str:
    """The local time of day as written for bidders, such as "16:00:00 EST"."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
    return f"{at:%H:%M:%S %Z}"


def local_date(at_ms: int, time_zone: str) -> str:
    """The local date as written for bidders, such as "Mon 1 Mar"."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(time_zone))
    return f"{at:%a} {at.day} {at:%b}"
