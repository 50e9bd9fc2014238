"""Random days: the rules, the posts of bidders and the orders of operators, in any order, size of batch and repetition.

What must be true of them is asserted in `days`.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st

from auction.day import AuctionDay
from messages.base import Refusal, Rules, Wei
from messages.commands import (
    AuctionCommand,
    BarBidder,
    ExtendAuction,
    HoldBid,
    InvalidateBid,
    OperatorCommand,
    PauseAuction,
    PlaceBid,
    ReleaseBid,
    ResumeAuction,
    UnbarBidder,
    WithdrawBid,
)
from messages.events import AuctionEvent
from messages.x_ids import posted_at_ms
from tests.harness.builders import AUCTION, ETH, OPENING, OPENS_MS, RULES, back, called, gone, reply

RICH = msgspec.structs.replace(
    RULES,
    rate_limit_posts=2,
    rate_limit_window_ms=1_200_000,
    hold_above_wei=Wei(6 * ETH),
    closing_soon_ms=(1_200_000, 600_000, 60_000),
)
# The cap is reached by a few bids already, and the leader may raise himself.
SHORT = msgspec.structs.replace(RULES, soft_close_cap_ms=420_000, leader_may_rebid=True)
AMOUNTS = ["0.05", "0.1", "0.11", "0.2", "0.21", "0.5", "1", "2", "4", "8", "16"]
RISING = [str(2**power) for power in range(5, 15)]
TEXTS: dict[str, int | str | None] = {
    f"{amount} ETH #AuctionDay": int(float(amount) * 100) * 10**16 for amount in AMOUNTS
}
TEXTS |= {"no amount #AuctionDay": "NO_AMOUNT", "1,5 ETH #AuctionDay": "COMMA", "0.5 ETH": None}

MEANING = TEXTS | {f"{amount} ETH #AuctionDay": int(amount) * ETH for amount in RISING}

# Any time, the last minutes and what they bring, and some times at which many post in the very same ms.
SECONDS = st.one_of(st.integers(0, 3_700), st.integers(3_200, 5_200), st.sampled_from([600, 3_599, 3_600]))
REPLIES = st.builds(
    lambda second, author, text, serial, elsewhere, young: reply(
        second * 1000, author, text, serial, **({"replied_to": 99} if elsewhere else {}), age_days=3 if young else 400
    ),
    SECONDS,
    st.integers(1, 5),
    st.sampled_from(list(TEXTS)),
    st.integers(1, 50),
    st.sampled_from([False] * 9 + [True]),
    st.sampled_from([False] * 9 + [True]),
)
# A bid war at the close: each bid is larger than all before, so that most of them lead and extend.
WARS = st.lists(st.tuples(st.integers(60, 290), st.integers(1, 5)), min_size=4, max_size=len(RISING))
# So many s after it was made a bid of a war is missed; mostly it is not.
SHIELDED_FOR = st.sampled_from([0, 0, 0]) | st.integers(1, 310)
MISSED_AFTER = st.none() | st.integers(1, 400)  # s after the post was made that it was first missed, where that is said
CUTS = st.lists(st.integers(0, 60), max_size=6)
FREEZES = st.none() | st.integers(0, 6)


Log = list[list[AuctionEvent]]


def said(kind: Any, second: int, **fields: Any) -> Any:
    at_ms = OPENS_MS + second * 1000
    name = f"{kind.__name__}:{second}:{sorted(fields.items())}"
    return kind(message_id=name, by="alice", why="because", said_at_ms=at_ms, **fields)


def bid_war(steps: list[tuple[int, int]]) -> list[PlaceBid]:
    """One bid after the other, for each how many seconds after the one before, and by whom."""
    seconds = accumulate((step for step, _ in steps), initial=3_300)
    return [
        reply(second * 1000, author, amount, serial=51)
        for second, (_, author), amount in zip(seconds, steps, RISING, strict=False)
    ]


def happened_ms(command: AuctionCommand) -> int:
    """When that was which the command tells of; 0 where it does not say."""
    match command:
        case PlaceBid():
            return posted_at_ms(command.post_id)
        case WithdrawBid():
            return command.missed_at_ms
        case OperatorCommand():
            return command.said_at_ms
        case _:
            return 0


@st.composite
def days(draw: st.DrawFn) -> tuple[Rules, list[AuctionCommand]]:
    """The rules and all that arrives: bids (some twice, some gone) and an operator's orders, in any order."""
    fewest = draw(st.sampled_from([0, 8]))
    bids = draw(st.lists(REPLIES, min_size=fewest, max_size=25, unique_by=lambda bid: bid.post_id))
    war = bid_war(draw(WARS)) if draw(st.booleans()) else []
    bids += war
    arrivals: list[AuctionCommand] = [*bids]
    for bid in war:
        if later := draw(SHIELDED_FOR):
            arrivals.append(gone(bid, posted_at_ms(bid.post_id) + later * 1000))
    seconds, bidders = st.integers(0, 4_000), st.integers(1, 5)
    if bids:
        posts = st.sampled_from(bids)
        arrivals += draw(st.lists(posts, max_size=4))
        for bid, after_s in draw(st.lists(st.tuples(posts | st.sampled_from(bids[-3:]), MISSED_AFTER), max_size=4)):
            missed = gone(bid, posted_at_ms(bid.post_id) + after_s * 1000 if after_s else 0)
            arrivals += draw(st.sampled_from([[missed], [missed], [missed, back(bid)], [missed, gone(bid)]]))
        for kind in (InvalidateBid, HoldBid, ReleaseBid):
            arrivals += [
                said(kind, second, post_id=bid.post_id)
                for second, bid in draw(st.lists(st.tuples(seconds, posts), max_size=2))
            ]
    for second, bidder in draw(st.lists(st.tuples(seconds, bidders), max_size=2)):
        arrivals.append(
            said(BarBidder, second, bidder_id=bidder, from_ms=OPENS_MS + second * 1000, reason=Refusal.BANNED)
        )
    for second, bidder in draw(st.lists(st.tuples(seconds, bidders), max_size=1)):
        arrivals.append(said(UnbarBidder, second, bidder_id=bidder, from_ms=OPENS_MS + second * 1000))
    handles = st.sampled_from(["ann", "user1"])
    arrivals += [called(*which) for which in draw(st.lists(st.tuples(bidders, handles), max_size=2))]
    arrivals += [said(PauseAuction, second) for second in draw(st.lists(seconds, max_size=2))]
    arrivals += [said(ResumeAuction, second) for second in draw(st.lists(seconds, max_size=2))]
    for second, length in draw(st.lists(st.tuples(seconds, st.integers(1, 600)), max_size=1)):
        arrivals += [said(PauseAuction, second), said(ResumeAuction, second + length)]
    for second in draw(st.lists(st.integers(3_600, 5_000), max_size=1)):
        arrivals.append(said(ExtendAuction, second, ends_at_ms=OPENS_MS + second * 1000))
    rules = draw(st.sampled_from([RULES, RICH, SHORT]))
    return rules, sorted(arrivals, key=happened_ms) if draw(st.booleans()) else draw(st.permutations(arrivals))


def held(
    rules: Rules, arrivals: Sequence[AuctionCommand], cuts: list[int], frozen_before: int | None, is_timely: bool
) -> tuple[AuctionDay, Log]:
    """The day once everything has arrived, in batches that end at `cuts`; the end may be frozen before one of them.

    The clock goes by what arrives where that `is_timely`, and hardly at all where it is not.
    """
    prepare, confirm = OPENING
    day, log = AuctionDay(AUCTION), Log()
    log.append(day.decide([msgspec.structs.replace(prepare, rules=rules), confirm], OPENS_MS))
    now_ms = OPENS_MS
    edges = sorted({0, len(arrivals), *(cut % (len(arrivals) + 1) for cut in cuts)})
    for place, (start, end) in enumerate(pairwise(edges)):
        if place == frozen_before:
            log.append(day.tick(day.ends_at_ms + rules.delivery_allowance_ms))
        now_ms = max([now_ms + 1, *(map(happened_ms, arrivals[start:end]) if is_timely else ())])
        log.append(day.decide(arrivals[start:end], now_ms))
    return day, log
