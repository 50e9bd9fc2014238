"""Random whole days with everything that can happen, held against the brute-force oracle, the replay and the audit."""

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auction.audit import Auditor
from auction.day import AuctionDay
from auction.record import DayState
from auction.rules import posted_at_ms
from messages.base import Outcome, Phase, Refusal, Rules, Wei
from messages.codec import pack, unpack
from messages.commands import (
    AuctionCommand,
    BarBidder,
    ExtendAuction,
    HoldBid,
    InvalidateBid,
    PauseAuction,
    PlaceBid,
    ReleaseBid,
    ResumeAuction,
    UnbarBidder,
    WithdrawBid,
)
from messages.events import AuctionResumed, BidAccepted, BidRefused, EndExtended, ResultNamed
from tests.auction import oracle
from tests.auction.builders import AUCTION, ETH, OPENING, OPENS_MS, RULES, gone, reply, swept
from tests.auction.script import told_leader

RICH = msgspec.structs.replace(
    RULES,
    rate_limit_posts=3,
    rate_limit_window_ms=600_000,
    hold_above_wei=Wei(6 * ETH),
    closing_soon_ms=(1_200_000, 600_000, 60_000),
)
AMOUNTS = ["0.05", "0.1", "0.11", "0.2", "0.21", "0.5", "1", "2", "4", "8", "16"]
TEXTS = {f"{amount} ETH #AuctionDay": int(float(amount) * 100) * 10**16 for amount in AMOUNTS}
TEXTS |= {"no amount #AuctionDay": "NO_AMOUNT", "1,5 ETH #AuctionDay": "COMMA", "0.5 ETH": None}

SECONDS = st.one_of(st.integers(0, 3_700), st.integers(3_200, 5_200))
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


def said(kind: Any, second: int, **fields: Any) -> Any:
    at_ms = OPENS_MS + second * 1000
    name = f"{kind.__name__}:{second}:{sorted(fields.items())}"
    return kind(message_id=name, by="alice", why="because", said_at_ms=at_ms, **fields)


@st.composite
def days(draw: st.DrawFn) -> tuple[Rules, list[AuctionCommand]]:
    """The rules and all that arrives: bids (some twice, some gone) and an operator's orders, in any order."""
    bids = draw(st.lists(REPLIES, max_size=25, unique_by=lambda bid: bid.post_id))
    arrivals: list[AuctionCommand] = [*bids]
    seconds, bidders = st.integers(0, 4_000), st.integers(1, 5)
    if bids:
        posts = st.sampled_from(bids)
        arrivals += draw(st.lists(posts, max_size=4))
        arrivals += [gone(bid) for bid in draw(st.lists(posts, max_size=3))]
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
    arrivals += [said(PauseAuction, second) for second in draw(st.lists(seconds, max_size=2))]
    arrivals += [said(ResumeAuction, second) for second in draw(st.lists(seconds, max_size=2))]
    for second in draw(st.lists(st.integers(3_600, 5_000), max_size=1)):
        arrivals.append(said(ExtendAuction, second, ends_at_ms=OPENS_MS + second * 1000))
    return draw(st.sampled_from([RULES, RICH])), draw(st.permutations(arrivals))


CUTS = st.lists(st.integers(0, 60), max_size=6)


@pytest.mark.requirement("BID-4", "BID-7", "BID-8", "LIFE-5", "LIFE-8", "RED-4", "RED-5")
@settings(max_examples=300)
@given(days(), CUTS, st.integers(0, 60))
def test_a_day_comes_to_what_the_oracle_says(
    made: tuple[Rules, list[AuctionCommand]], cuts: list[int], frozen_after: int
) -> None:
    rules, arrivals = made
    prepare, confirm = OPENING
    prepare = msgspec.structs.replace(prepare, rules=rules)
    day, log = AuctionDay(AUCTION), []
    log.append(day.decide([prepare, confirm], OPENS_MS))
    edges = sorted({0, len(arrivals), *(cut % (len(arrivals) + 1) for cut in cuts)})
    freeze_at = frozen_after % (len(edges) + 1)
    for place, (start, end) in enumerate(pairwise(edges)):
        if place == freeze_at and day.standings:
            log.append(day.tick(day.standings.ends_at_ms + rules.delivery_allowance_ms))
        log.append(day.decide(arrivals[start:end], OPENS_MS + place))

    # What was published only ever grew, and stays below its caps.
    ends = [e.ends_at_ms for entry in log for e in entry if isinstance(e, EndExtended | AuctionResumed)]
    assert ends == sorted(ends)

    # Whoever only listens knows who leads.
    leader = day.standings.leader if day.standings else None
    assert told_leader(log) == (leader.bid.post_id if leader else None)

    events = [event for entry in log for event in entry]
    seen = [command for command in arrivals if isinstance(command, PlaceBid)]
    withdrawn = [command for command in arrivals if isinstance(command, WithdrawBid)]
    meaning = {bid.post_id: TEXTS[bid.text] for bid in seen}
    assert day.standings is not None
    found = {v.bid.post_id: "ACCEPTED" if v.refusal is None else str(v.refusal) for v in day.standings.verdicts()}
    facts_hold = {bid.author_id: bid for bid in seen}  # the oracle asks each post's own age: skip mixed authors
    mixed = {
        bid.author_id
        for bid in seen
        if (bid.author_created_at_ms or 0) // 86_400_000
        != (facts_hold[bid.author_id].author_created_at_ms or 0) // 86_400_000
    }
    if not mixed:
        assert found == oracle.verdicts(rules, events, seen, withdrawn, meaning)
    assert [link.bid.post_id for link in day.standings.chain] == [p for p in sorted(found) if found[p] == "ACCEPTED"]
    assert day.standings.held == {post for post, verdict in found.items() if verdict == "HELD"}

    # The end: exactly one result, and nothing changes after it.
    if day.standings.controls.paused:
        log.append(day.decide([said(ResumeAuction, 4_000)], OPENS_MS + 99))
    end_ms = day.standings.ends_at_ms
    log.append(day.tick(end_ms + rules.delivery_allowance_ms))
    log.append(day.decide([swept(end_ms)], end_ms + rules.delivery_allowance_ms))
    log.append(day.tick(end_ms + rules.close_bound_ms))
    results = [event for entry in log for event in entry if isinstance(event, ResultNamed)]
    assert len(results) == 1
    assert day.phase is Phase.COMPLETED
    winner = results[0].winner
    assert (winner is None) == (results[0].outcome is Outcome.UNSOLD)
    if winner:
        assert posted_at_ms(winner.post_id) < end_ms
    chain = list(day.standings.chain)
    log.append(
        day.decide([reply(1_000, 9, "100000"), *withdrawn, said(ExtendAuction, 5_100, ends_at_ms=1 << 60)], end_ms)
    )
    assert day.standings.chain == chain
    assert day.result == results[0]

    # The log alone gives the same day, from its beginning and from a checkpoint, and passes the audit.
    log = [entry for entry in log if entry]
    replayed, auditor = AuctionDay(AUCTION), Auditor(AUCTION)
    replayed.replay(event for entry in log for event in entry)
    assert replayed.state() == day.state()
    resumed = AuctionDay(AUCTION, unpack(pack(AuctionDay(AUCTION).state()), DayState))
    for entry in log:
        resumed.replay(entry)
        resumed = AuctionDay(AUCTION, unpack(pack(resumed.state()), DayState))
        assert auditor.check(entry) is None
    assert resumed.state() == day.state()
    assert all(isinstance(e, BidAccepted | BidRefused) for entry in log[-1:] for e in entry if hasattr(e, "text"))
