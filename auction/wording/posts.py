"""The texts of the posts on X. Pure; `actors/announcer` decides when each is posted.

Amounts are never rounded. A post fits X's limit of 280; only a title or a reason is cut for that. A post here carries
no link, since X charges 13 times as much for a post with one; `settlement_posts` has those that do. A post ends with
its auction's id and the date, since X refuses a repeated text and a rehearsal would post the same texts.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from auction.receipts import Receipt, moment, next_words, receipt_words
from auction.wording.lines import left_ms, time_left
from messages.base import Leader, Outcome, Wei
from messages.events import (
    AuctionPrepared,
    ClosingSoon,
    DayAdded,
    DayDelayed,
    DayVoided,
    EndExtended,
    MarathonEnded,
    ResultNamed,
)
from messages.money import format_eth
from messages.post_weight import POST_LIMIT, weight

MOST_NAMED = 5  # at most so many outbid bidders are named in one post
_MOST_CHARACTERS = POST_LIMIT // 2 * 11  # the longest emoji has 11 characters and a weight of 2


def auction_post(prepared: AuctionPrepared, time_zone: str) -> str:
    """The post that opens a day: lot, how to bid, reserve, end in local time, the hash of the rules (X-7)."""
    rules = prepared.rules
    reserve = format_eth(rules.reserve_wei)
    return fitted(
        f"Day {prepared.day}: ",
        prepared.lot.title,
        f"\nBid by replying with #{rules.hashtag} and an amount, such as {reserve}, the reserve.\n"
        f"Ends {moment(prepared.closes_at_ms, time_zone, prepared.at_ms)}; a bid in the last minutes extends it.\n"
        f"Rules {prepared.rules_hash[:16]} ({_reference(prepared.auction_id, prepared.at_ms)})",
    )


def closing_post(prepared: AuctionPrepared, closing: ClosingSoon, time_zone: str) -> str:
    """The post that says how long there is left to bid."""
    left = time_left(left_ms(closing))
    ends = moment(closing.ends_at_ms, time_zone, closing.at_ms)
    reference = _reference(prepared.auction_id, prepared.at_ms)
    return fitted(f"Day {prepared.day}: ", prepared.lot.title, f" closes in {left}, at {ends}. ({reference})")


def result_post(prepared: AuctionPrepared, result: ResultNamed) -> str:
    """The post that names the result of a day."""
    if result.outcome is Outcome.SOLD and result.winner:
        what = f"goes to @{result.winner.bidder_handle} for {format_eth(result.winner.amount_wei)}."
    elif result.outcome is Outcome.VOID:
        what = "is not sold: the day is void."
    else:
        what = "found no bidder at its reserve."
    reference = _reference(prepared.auction_id, prepared.at_ms)
    return fitted(
        f"Day {prepared.day}: ", prepared.lot.title, f" {what}\nRules {prepared.rules_hash[:16]} ({reference})"
    )


def voided_post(voided: DayVoided) -> str:
    """The post that says that a day is not held."""
    return fitted(f"Day {voided.day} is not held: ", voided.why, f". ({_reference(voided.auction_id, voided.at_ms)})")


def delayed_post(delayed: DayDelayed, time_zone: str) -> str:
    """The post that says that a day opens late and therefore ends later."""
    minutes, seconds = divmod(delayed.lost_ms // 1000, 60)
    late = f"{minutes} min" if minutes else f"{seconds} s"
    ends = moment(delayed.closes_at_ms, time_zone, delayed.at_ms)
    reference = _reference(delayed.auction_id, delayed.at_ms)
    return fitted(f"Day {delayed.day} opens {late} late, and ends at {ends} for it. ({reference})")


def added_post(added: DayAdded, time_zone: str) -> str:
    """The post that says on which new day a lot comes again, since its own day was not held."""
    opens = moment(added.opens_at_ms, time_zone, None)
    reference = _reference(added.auction_id, added.at_ms)
    return fitted(
        "", added.lot.title, f", the lot of day {added.of_day}, comes again as day {added.day}: {opens}. ({reference})"
    )


def moved_post(prepared: AuctionPrepared, moved: EndExtended, time_zone: str) -> str:
    """The post that says that an operator or an outage, not a bid, has moved the end, and why."""
    ends = moment(moved.ends_at_ms, time_zone, moved.at_ms)
    reference = _reference(prepared.auction_id, prepared.at_ms)
    return fitted(f"Day {prepared.day}: ", prepared.lot.title, f" now ends at {ends}: ", moved.why, f". ({reference})")


def ended_post(ended: MarathonEnded) -> str:
    """The post that sums up the marathon."""
    sold = f"{ended.sold} sold for {format_eth(ended.total_wei)} in all"
    summary = f"{sold}, {ended.unsold} without a bidder, {ended.void} not held"
    return fitted(f"The marathon is over: {summary}. ({_utc(ended.at_ms):%Y-%m-%d %H:%M} UTC)")


def standing_post(
    auction_id: str,
    day: int,
    leader: Leader | None,
    outbid: Sequence[str],
    minimum_wei: Wei,
    ends_at_ms: int,
    time_zone: str,
    now_ms: int,
) -> str:
    """The post that tells a day's standing to the handles `outbid` since the last such post: one post for many bids."""
    leads = f"@{leader.bidder_handle} leads with {format_eth(leader.amount_wei)}" if leader else "nobody leads"
    named = " ".join(f"@{handle}" for handle in outbid[:MOST_NAMED])
    more = f" and {len(outbid) - MOST_NAMED} more" if len(outbid) > MOST_NAMED else ""
    lost = f"Outbid: {named}{more}.\n" if outbid else ""
    return fitted(
        f"Day {day}: {leads} so far.\n{lost}{next_words(minimum_wei)} "
        f"Bidding ends at {moment(ends_at_ms, time_zone, now_ms)}. ({_reference(auction_id, now_ms)})"
    )


def receipt_post(day: int, receipt: Receipt, time_zone: str, now_ms: int, corrects: bool = False) -> str:
    """The reply that gives a bidder the receipt; `corrects` says that it replaces an earlier receipt."""
    to = f"@{receipt.bidder_handle} " if receipt.bidder_handle else ""
    words = receipt_words(receipt, time_zone, now_ms)
    correction = "Correction: " if corrects else ""
    return fitted(f"{to}Day {day}: {correction}{words} ({_reference(receipt.auction_id, now_ms)})")


def _reference(auction_id: str, at_ms: int) -> str:
    return f"{auction_id}, {_utc(at_ms):%Y-%m-%d}"


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)


# X makes a link, even without https:// before it, where a dot stands between a letter or digit and a letter.
_LINK = re.compile(r"(?<=\w)\.(?=[^\W\d_])")


def fitted(*parts: str, limit: int = POST_LIMIT) -> str:
    """Joins the parts into one text of at most the weight `limit`, without links. Every second part, a title or a
    reason, is cut where the text is too long, the last one first."""
    text = list(parts)
    for at in range(len(parts) - 2, 0, -2):
        end = min(len(parts[at]), _MOST_CHARACTERS)
        while weight(_unlinked(text)) > limit and end:
            end -= 1
            text[at] = parts[at][:end].rstrip() + "…"
    return _unlinked(text)


def _unlinked(parts: Iterable[str]) -> str:
    return _LINK.sub(". ", "".join(parts))
