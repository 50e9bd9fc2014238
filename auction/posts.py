"""What is posted on X, in words. Pure; what is posted when is `notices` and the announcer.

Amounts are exact and never rounded. A post fits X's 280 characters and carries no link: X charges 13 times as much
for one that does.
"""

import re
from collections.abc import Sequence

from auction.money import format_eth
from auction.receipts import Receipt, local_date, local_time, next_words, receipt_words
from auction.words import time_left
from messages.base import Outcome, Wei
from messages.events import (
    AuctionPrepared,
    ClosingSoon,
    DayAdded,
    DayDelayed,
    DayVoided,
    EndExtended,
    Leader,
    MarathonEnded,
    ResultNamed,
)

POST_LIMIT = 280
MOST_NAMED = 5  # of those who were outbid, in one post


def auction_post(prepared: AuctionPrepared, time_zone: str) -> str:
    """The post that opens a day: lot, how to bid, reserve, end in local time, the hash of the rules (X-7)."""
    rules = prepared.rules
    return _fit(
        f"Day {prepared.day}: {prepared.lot.title}\n"
        f"Bid by replying with #{rules.hashtag} and an amount, such as {format_eth(rules.reserve_wei)}, the reserve.\n"
        f"Ends {local_time(prepared.closes_at_ms, time_zone)}; a bid in the last minutes extends it.\n"
        f"Rules {prepared.rules_hash[:16]}"
    )


def closing_post(prepared: AuctionPrepared, closing: ClosingSoon, time_zone: str) -> str:
    """The post that says how long there is left to bid."""
    left = time_left(closing.left_ms)
    ends = local_time(closing.ends_at_ms, time_zone)
    return _fit(f"Day {prepared.day}: {prepared.lot.title} closes in {left}, at {ends}.")


def result_post(prepared: AuctionPrepared, result: ResultNamed) -> str:
    """The post that names the result of a day."""
    if result.outcome is Outcome.SOLD and result.winner:
        what = f"goes to @{result.winner.bidder_handle} for {format_eth(result.winner.amount_wei)}."
    elif result.outcome is Outcome.VOID:
        what = "is not sold: the day is void."
    else:
        what = "found no bidder at its reserve."
    return _fit(f"Day {prepared.day}: {prepared.lot.title} {what}\nRules {prepared.rules_hash[:16]}")


def voided_post(voided: DayVoided) -> str:
    """The post that says that a day is not held."""
    return _fit(f"Day {voided.day} is not held: {voided.why}.")


def delayed_post(delayed: DayDelayed, time_zone: str) -> str:
    """The post that says that a day opens late, and until when it lasts for it."""
    minutes, seconds = divmod(delayed.lost_ms // 1000, 60)
    late = f"{minutes} min" if minutes else f"{seconds} s"
    ends = local_time(delayed.closes_at_ms, time_zone)
    return _fit(f"Day {delayed.day} opens {late} late, and ends at {ends} for it.")


def added_post(added: DayAdded, time_zone: str) -> str:
    """The post that says when a lot comes again whose day was not held."""
    opens = f"{local_date(added.opens_at_ms, time_zone)}, {local_time(added.opens_at_ms, time_zone)}"
    return _fit(f"{added.lot.title}, the lot of day {added.of_day}, comes again as day {added.day}: {opens}.")


def moved_post(prepared: AuctionPrepared, moved: EndExtended, time_zone: str) -> str:
    """The post that says that an end was moved, by whom else than a bid, and why."""
    ends = local_time(moved.ends_at_ms, time_zone)
    return _fit(f"Day {prepared.day}: {prepared.lot.title} now ends at {ends}: {moved.why}.")


def ended_post(ended: MarathonEnded) -> str:
    """The post that sums up the marathon."""
    sold = f"{ended.sold} sold for {format_eth(ended.total_wei)} in all"
    return _fit(f"The marathon is over: {sold}, {ended.unsold} without a bidder, {ended.void} not held.")


def standing_post(
    day: int, leader: Leader | None, outbid: Sequence[str], minimum_wei: Wei, ends_at_ms: int, time_zone: str
) -> str:
    """How a day stands, for the handles that were `outbid` since this was last said: one post for a whole bid war."""
    leads = f"@{leader.bidder_handle} leads with {format_eth(leader.amount_wei)}" if leader else "nobody leads"
    named = " ".join(f"@{handle}" for handle in outbid[:MOST_NAMED])
    more = f" and {len(outbid) - MOST_NAMED} more" if len(outbid) > MOST_NAMED else ""
    lost = f"Outbid: {named}{more}.\n" if outbid else ""
    return _fit(
        f"Day {day}: {leads} so far.\n{lost}{next_words(minimum_wei)} "
        f"Bidding ends at {local_time(ends_at_ms, time_zone)}."
    )


def receipt_post(day: int, receipt: Receipt, time_zone: str, corrects: bool = False) -> str:
    """The reply to a bidder. X refuses what was said before: his handle and the day make it another text."""
    to = f"@{receipt.bidder_handle} " if receipt.bidder_handle else ""
    return _fit(f"{to}Day {day}: {'Correction: ' if corrects else ''}{receipt_words(receipt, time_zone)}")


def weight(text: str) -> int:
    """How much of a post's 280 the text takes: most letters outside the Latin, Greek and Cyrillic scripts count twice
    (X's documentation, "Counting characters")."""
    return sum(1 if any(first <= letter <= last for first, last in _LIGHT) else 2 for letter in text)


_LIGHT = (("\u0000", "\u10ff"), ("\u2000", "\u200d"), ("\u2010", "\u201f"), ("\u2032", "\u2037"))

# What X makes a link of, with or without https:// before it: a dot between a letter or digit and a letter.
_LINK = re.compile(r"(?<=\w)\.(?=[^\W\d_])")


def _fit(text: str) -> str:
    """The text as X takes it: without links, and within the limit, which only an overlong title or reason exceeds."""
    text = _LINK.sub(". ", text)
    if weight(text) <= POST_LIMIT:
        return text
    while weight(text) > POST_LIMIT - weight("…"):
        text = text[:-1]
    return text + "…"
