"""Posts: what X takes, whatever lots are called and operators write."""

import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.receipts import Receipt
from auction.wording import posts
from messages.base import Leader, Lot, Outcome, Refusal, Wei
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
from messages.post_weight import weight
from tests.harness import shown_auction
from tests.harness.builders import OPENS_MS

HANDLE = "a_handle_of_15c"
MOST = Wei(999_999 * 10**18 + 1)
LEADER = Leader(post_id=5, bidder_id=7, bidder_handle=HANDLE, amount_wei=MOST)
# What X would make a link of: two labels with a dot between, the last of letters.
LINK = re.compile(r"\w\.[^\W\d_]{2}")

MADE: dict[str, Callable[[str], str]] = {
    "auction": lambda text: posts.auction_post(_prepared(text), "America/New_York"),
    "closing": lambda text: posts.closing_post(
        _prepared(text), ClosingSoon(message_id="c", at_ms=0, left_ms=60_000, ends_at_ms=shown_auction.ENDS_MS), "UTC"
    ),
    "result": lambda text: posts.result_post(
        _prepared(text),
        ResultNamed(message_id="r", at_ms=0, auction_id="m-01", day=1, outcome=Outcome.SOLD, winner=LEADER),
    ),
    "voided": lambda text: posts.voided_post(
        DayVoided(message_id="v", at_ms=0, auction_id="m-01", day=1, why=text, by="op")
    ),
    "delayed": lambda text: posts.delayed_post(
        DayDelayed(
            message_id="d", at_ms=0, auction_id="m-01", day=1, lost_ms=60_000, closes_at_ms=shown_auction.ENDS_MS
        ),
        "UTC",
    ),
    "added": lambda text: posts.added_post(
        DayAdded(
            message_id="a", at_ms=0, auction_id="m-31", day=31, of_day=3, lot=Lot(token_id=3, title=text),
            reserve_wei=Wei(1), opens_at_ms=OPENS_MS, closes_at_ms=shown_auction.ENDS_MS,
        ),
        "UTC",
    ),
    "moved": lambda text: posts.moved_post(
        _prepared(text), EndExtended(message_id="e", at_ms=0, ends_at_ms=5, by_post_id=0, by="op", why=text), "UTC"
    ),
    "ended": lambda text: posts.ended_post(
        MarathonEnded(message_id="m", at_ms=0, sold=28, unsold=1, void=1, total_wei=MOST)
    ),
    "standing": lambda text: posts.standing_post(
        "m-31", 31, LEADER, [HANDLE] * 40, MOST, shown_auction.ENDS_MS, "America/New_York", OPENS_MS
    ),
    "receipt": lambda text: posts.receipt_post(
        31,
        Receipt(
            auction_id="m-01", post_id=5, bidder_id=7, bidder_handle=HANDLE, verdict="refused",
            reason=Refusal.BELOW_MINIMUM, amount_wei=MOST, required_wei=MOST, minimum_wei=MOST,
            ends_at_ms=shown_auction.ENDS_MS,
        ),
        "America/New_York",
        OPENS_MS,
        corrects=True,
    ),
}  # fmt: skip


def _prepared(title: str) -> AuctionPrepared:
    return msgspec.structs.replace(shown_auction.prepared(), lot=Lot(token_id=1, title=title))


@pytest.mark.requirement("X-7")
@pytest.mark.parametrize("kind", MADE)
@given(text=st.text(max_size=400) | st.from_regex(r"\A(https?://)?[a-zA-ZäΞ0-9]{1,9}(\.[a-zäc]{2,4}){1,3}/?\Z"))
def test_every_post_fits_and_costs_no_link(kind: str, text: str) -> None:
    post = MADE[kind](text)
    assert weight(post) <= 280
    assert not LINK.search(post)


@pytest.mark.requirement("X-7")
@pytest.mark.parametrize("kind", MADE)
def test_an_ordinary_post_is_not_cut(kind: str) -> None:
    assert "…" not in MADE[kind]("A harbour, at night No. 5")


@pytest.mark.requirement("X-7")
def test_only_the_auction_post_carries_the_hashtag() -> None:
    # With it a receipt of ours would be a bid, and a notice another auction.
    tagged = [kind for kind, make in MADE.items() if f"#{shown_auction.RULES.hashtag}" in make("Harbour")]
    assert tagged == ["auction"]


@pytest.mark.requirement("X-7")
def test_the_auction_post_names_lot_reserve_end_and_rules() -> None:
    assert MADE["auction"]("Harbour") == (
        "Day 1: Harbour\nBid by replying with #marathon and an amount, such as 0.1 ETH, the reserve.\n"
        "Ends 04:00:00 EST; a bid in the last minutes extends it.\nRules abababababababab (m-01, 2027-01-15)"
    )


@pytest.mark.requirement("X-5", "LIFE-6")
def test_what_is_announced_reads_well() -> None:
    assert MADE["voided"]("the artist is ill") == "Day 1 is not held: the artist is ill. (m-01, 1970-01-01)"
    assert MADE["delayed"]("") == (
        "Day 1 opens 1 min late, and ends at 09:00:00 UTC on Fri 15 Jan for it. (m-01, 1970-01-01)"
    )
    assert MADE["added"]("Harbour") == (
        "Harbour, the lot of day 3, comes again as day 31: 08:00:00 UTC on Fri 15 Jan. (m-31, 1970-01-01)"
    )
    assert MADE["ended"]("").startswith("The marathon is over: 28 sold for 999999.")
    assert MADE["standing"]("").startswith(f"Day 31: @{HANDLE} leads with ")
    assert f"Outbid: {' '.join(['@' + HANDLE] * 5)} and 35 more." in MADE["standing"]("")


@pytest.mark.requirement("X-7")
@pytest.mark.parametrize("kind", ["auction", "closing", "result", "added", "moved"])
def test_a_long_title_is_cut_and_nothing_else(kind: str) -> None:
    short, long = MADE[kind]("Harbour"), MADE[kind]("港" * 200)
    before, _, after = short.partition("Harbour")
    if kind == "moved":  # the title is the reason, too
        after = after.partition("Harbour")[0]
    assert long.startswith(f"{before}港")
    assert f"…{after.removesuffix(': ')}" in long
    assert long[-20:] == short[-20:]
    assert 277 <= weight(long) <= 280


@pytest.mark.requirement("X-7")
def test_a_reason_of_any_length_is_cut_at_once() -> None:
    assert weight(MADE["voided"]("why " * 250_000)) <= 280


@pytest.mark.requirement("X-7")
def test_a_title_is_cut_between_what_people_see_as_characters() -> None:
    post = MADE["closing"]("👨‍👩‍👧‍👦" * 130)
    assert weight(post) <= 280
    assert re.search("👨‍👩‍👧‍👦[👨👩👧]?…", post)


@pytest.mark.requirement("X-7")
def test_an_end_on_another_day_names_its_date() -> None:
    prepared = msgspec.structs.replace(shown_auction.prepared(), closes_at_ms=OPENS_MS + 20 * 3_600_000)
    assert "Ends 04:00:00 UTC on Sat 16 Jan; " in posts.auction_post(prepared, "UTC")
    assert "Ends 23:00:00 EST; " in posts.auction_post(prepared, "America/New_York")
    closing = ClosingSoon(message_id="c", at_ms=prepared.closes_at_ms - 60_000, left_ms=60_000, ends_at_ms=0)
    closing = msgspec.structs.replace(closing, ends_at_ms=prepared.closes_at_ms)
    assert " closes in 1 min, at 04:00:00 UTC. " in posts.closing_post(prepared, closing, "UTC")
    told_late = msgspec.structs.replace(closing, at_ms=prepared.closes_at_ms - 7_950)
    assert " closes in 8 s, at 04:00:00 UTC. " in posts.closing_post(prepared, told_late, "UTC")


@pytest.mark.requirement("X-7")
@pytest.mark.parametrize("kind", MADE)
def test_every_post_names_its_auction_and_date_so_that_no_rehearsal_says_the_same(kind: str) -> None:
    said = MADE[kind]("Harbour")
    assert re.search(r"\((m-\d\d, )?\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?\)$", said)
