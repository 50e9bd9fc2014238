"""The fold alone, in memory: bids in order, and bids found newest first."""

import time

from auction.controls import Controls
from auction.fold import Bid
from auction.standings import Standings
from benchmarks.lines import INCREMENT_WEI, RAISE_EVERY, RESERVE_WEI, War
from benchmarks.measuring import Measure
from messages.base import Rules, Wei
from messages.x_ids import posted_at_ms

AUCTION_POST_ID = 1_724_551_110_456_246_272
BATCH = 256  # what the ingest takes from its mailbox at once
HOUR_MS = 3_600_000


def fold(runs: int, in_order: int, newest_first: int) -> list[Measure]:
    """Bids a second, each batch folded in as it is found; bids are made outside of the time taken."""
    ordered = [in_order / _take(_bids(in_order)) for _ in range(runs)]
    backwards = [newest_first / _take(_bids(newest_first)[::-1]) for _ in range(runs)]
    return [
        Measure(name=f"the fold alone: {in_order:,} in order", unit="bids/s", runs=ordered),
        Measure(name=f"the fold alone: {newest_first:,} newest first", unit="bids/s", runs=backwards),
    ]


def _bids(count: int) -> list[Bid]:
    war = War(AUCTION_POST_ID)
    bids = []
    for number in range(count):
        amount_wei = RESERVE_WEI + number // RAISE_EVERY * INCREMENT_WEI - number % RAISE_EVERY
        bidder = number * 7 % 3_000
        bids.append(Bid(war.post_id(number), bidder, f"bidder_{bidder:05d}", Wei(amount_wei), None))
    return bids


def _take(bids: list[Bid]) -> float:
    rules = Rules(
        hashtag="AuctionDay",
        reserve_wei=Wei(RESERVE_WEI),
        increment_wei=Wei(INCREMENT_WEI),
        increment_basis_points=0,
        soft_close_ms=0,
        soft_close_cap_ms=0,
        delivery_allowance_ms=0,
        close_bound_ms=0,
        minimum_account_age_ms=0,
    )
    opened_at_ms = posted_at_ms(AUCTION_POST_ID)
    standings = Standings(rules, Controls(opened_at_ms, opened_at_ms + HOUR_MS, opened_at_ms + HOUR_MS))
    began_s = time.perf_counter()
    for begin in range(0, len(bids), BATCH):
        standings.update(bids[begin : begin + BATCH])
    return time.perf_counter() - began_s
