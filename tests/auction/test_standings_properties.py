"""Properties of the core over random days: arrival does not matter, the log is enough, the audit agrees."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.audit import Auditor
from auction.controls import Controls
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.fold import fold
from auction.segments import Opened, Segment
from auction.standings import Standings
from messages.base import Refusal
from messages.codec import pack, unpack
from messages.commands import AuctionCommand, PlaceBid, RestoreBid, WithdrawBid
from messages.events import AuctionEvent, EndExtended
from tests.harness.builders import AUCTION, CLOSES_MS, OPENING, OPENS_MS, RULES, back, gone, opening_with, reply, swept

SECONDS = st.one_of(st.integers(0, 3_700), st.integers(3_200, 4_400))
TEXTS = st.sampled_from(
    ["0.05", "0.1", "0.11", "0.2", "0.21", "0.5", "1", "2", "4", "8", "no amount #AuctionDay", "0.5 ETH"]
)
REPLIES = st.builds(
    lambda second, author, text, serial: reply(second * 1000, author, text, serial),
    SECONDS,
    st.integers(1, 5),
    TEXTS,
    st.integers(1, 50),
)


Seen = PlaceBid | WithdrawBid | RestoreBid


@st.composite
def days(draw: st.DrawFn) -> list[Seen]:
    """The observations of a day in some order of arrival: bids, some twice, some deleted, before or after."""
    bids = draw(st.lists(REPLIES, max_size=25, unique_by=lambda bid: bid.post_id))
    arrivals: list[Seen] = [*bids]
    if bids:
        arrivals += draw(st.lists(st.sampled_from(bids), max_size=5))
        arrivals += [gone(bid) for bid in draw(st.lists(st.sampled_from(bids), max_size=4))]
        arrivals += [back(bid) for bid in draw(st.lists(st.sampled_from(bids), max_size=3))]
    return draw(st.permutations(arrivals))


def batches(commands: Sequence[AuctionCommand], cuts: list[int]) -> list[Sequence[AuctionCommand]]:
    edges = sorted({0, len(commands), *(cut % (len(commands) + 1) for cut in cuts)})
    return [commands[start:end] for start, end in pairwise(edges)]


CUTS = st.lists(st.integers(0, 60), max_size=6)


def observed(commands: Sequence[AuctionCommand], cuts: list[int]) -> tuple[AuctionDay, list[list[AuctionEvent]]]:
    day, log = AuctionDay(AUCTION), []
    log.append(day.decide(OPENING, OPENS_MS))
    log += [day.decide(batch, OPENS_MS) for batch in batches(commands, cuts)]
    return day, [entry for entry in log if entry]


@pytest.mark.requirement("BID-4")
@given(days(), CUTS, st.randoms(use_true_random=False))
def test_for_fixed_controls_every_order_of_arrival_gives_the_same_standing(
    commands: list[Seen], cuts: list[int], random: Random
) -> None:
    day, _ = observed(commands, cuts)
    assert day.standings is not None
    # The control that depends on arrival is the published end: fix it, and permute everything else.
    span = Controls(OPENS_MS, day.standings.controls.ends_at_ms, day.standings.controls.latest_end_ms)
    bids = list(day.standings.bids.values())
    expected = fold(RULES, span, bids)
    random.shuffle(bids)
    standings = Standings(RULES, span)
    while bids:
        size = random.randint(1, len(bids))
        standings.update(bids[:size])
        bids = bids[size:]
    assert standings.verdicts() == expected
    assert [lead.bid for lead in standings.lead_history] == [
        verdict.bid for verdict in expected if verdict.refusal is None
    ]
    assert [lead.bid for lead in day.standings.lead_history] == [lead.bid for lead in standings.lead_history]


@pytest.mark.requirement("BID-4", "LIFE-5")
@given(days(), CUTS)
def test_the_incremental_fold_equals_the_plain_one_and_a_published_end_never_shrinks(
    commands: list[Seen], cuts: list[int]
) -> None:
    day, log = observed(commands, cuts)
    assert day.standings is not None
    plain = [
        verdict.bid
        for verdict in fold(RULES, day.standings.controls, day.standings.bids.values())
        if not verdict.refusal
    ]
    assert [lead.bid for lead in day.standings.lead_history] == plain
    ends = [CLOSES_MS] + [event.ends_at_ms for entry in log for event in entry if isinstance(event, EndExtended)]
    assert ends == sorted(ends)
    assert ends[-1] == day.standings.ends_at_ms <= CLOSES_MS + RULES.soft_close_cap_ms


@pytest.mark.requirement("RED-4", "RED-5")
@given(days(), CUTS, st.integers(0, 40))
def test_the_log_alone_gives_the_same_day_and_passes_the_audit(
    commands: list[Seen], cuts: list[int], marked_at: int
) -> None:
    at = marked_at % (len(commands) + 1)
    marked = [*commands[:at], swept(OPENS_MS + 1_000_000), *commands[at:]]
    day, log = observed(marked, cuts)
    end_ms = day.standings.ends_at_ms if day.standings else 0
    log.append(day.tick(end_ms + RULES.delivery_allowance_ms))
    log.append(day.decide([swept(end_ms)], end_ms + RULES.delivery_allowance_ms))
    assert day.result is not None

    replayed = AuctionDay(AUCTION)
    replayed.replay(event for entry in log for event in entry)
    assert replayed.result == day.result
    assert replayed.standings is not None
    assert day.standings is not None
    assert replayed.standings.verdicts() == day.standings.verdicts()

    auditor = Auditor(AUCTION)
    assert [auditor.check(entry) for entry in log] == [None] * len(log)


@pytest.mark.requirement("RED-4", "BID-4")
@given(days(), CUTS, st.booleans(), st.sampled_from([0, 60_000, 600_000]))
def test_bids_that_are_packed_away_decide_the_same_day(
    commands: list[Seen], cuts: list[int], resumed: bool, window_ms: int
) -> None:
    strict = msgspec.structs.replace(RULES, rate_limit_posts=2 if window_ms else 0, rate_limit_window_ms=window_ms)
    plain, packing = AuctionDay(AUCTION), AuctionDay(AUCTION)
    for batch in [opening_with(strict), *batches(commands, cuts)]:
        assert packing.decide(batch, OPENS_MS) == plain.decide(batch, OPENS_MS)
        assert packing.standings is not None
        packing.standings.seal(bids_a_segment=2)
        if resumed:
            state, segments = packing.state(), [Segment(Opened(each.data)) for each in packing.standings.segments]
            packing = AuctionDay(AUCTION, unpack(pack(state), DayState), segments)
    assert plain.standings is not None
    assert packing.standings is not None
    assert packing.standings.verdicts() == plain.standings.verdicts()
    for told in plain.standings.verdicts():
        assert packing.verdict(told.bid.post_id) == plain.verdict(told.bid.post_id) == told
    assert packing.verdict(1) is plain.verdict(1) is None
    assert packing.standings.found == plain.standings.found
    assert packing.standings.accepted == plain.standings.accepted == len(plain.standings.lead_history)
    packed_leads = [lead for segment in packing.standings.segments for lead in segment.leads()]
    # Without the ends: below what is published they depend on when a lead was folded last, and say nothing any more.
    assert [(lead.bid, lead.minimum_wei) for lead in [*packed_leads, *packing.standings.lead_history]] == [
        (lead.bid, lead.minimum_wei) for lead in plain.standings.lead_history
    ]
    assert all(packing.knows(command.post_id) == plain.knows(command.post_id) for command in commands)
    packed = [bid for segment in packing.standings.segments for bid in segment.bids()]
    assert len(packed) + len(packing.standings.in_order()) == plain.standings.found
    assert len(packing.standings.in_order()) < 4 or resumed


@pytest.mark.requirement("BID-10", "BID-7")
@given(
    st.lists(REPLIES, min_size=8, max_size=25, unique_by=lambda bid: bid.post_id),
    st.lists(st.integers(0, 24), max_size=4),
    st.sampled_from([60_000, 3_600_000]),
)
def test_one_verdict_is_what_the_fold_of_all_bids_says(
    bids: list[PlaceBid], withdrawn: list[int], window_ms: int
) -> None:
    strict = msgspec.structs.replace(RULES, rate_limit_posts=2, rate_limit_window_ms=window_ms)
    day = AuctionDay(AUCTION)
    in_order = sorted(bids, key=lambda bid: bid.post_id)
    late: list[AuctionCommand] = [gone(bids[at % len(bids)]) for at in withdrawn]
    for batch in (opening_with(strict), *batches(in_order, list(range(25))), late):
        day.decide(batch, OPENS_MS)
        assert day.standings is not None
        day.standings.seal(bids_a_segment=2)
    assert day.standings is not None
    for told in day.standings.verdicts():
        assert day.verdict(told.bid.post_id) == told


@pytest.mark.requirement("BID-7")
def test_own_posts_of_an_opened_segment_count_against_later_finds() -> None:
    strict = msgspec.structs.replace(RULES, rate_limit_posts=2, rate_limit_window_ms=60_000)
    plain, packing = AuctionDay(AUCTION), AuctionDay(AUCTION)
    # A segment longer than the limit's window is opened for one in its middle, and then one before it is found.
    in_order: list[AuctionCommand] = [
        reply(second * 1000, author, "9") for second, author in ((10, 1), (200, 2), (300, 3), (301, 4))
    ]
    late: list[list[AuctionCommand]] = [[reply(150_000, 5, "9")], [reply(5_000, 1, "9"), reply(30_000, 1, "9")]]
    for batch in (opening_with(strict), in_order, *late):
        assert packing.decide(batch, OPENS_MS) == plain.decide(batch, OPENS_MS)
        if batch is in_order and packing.standings:
            packing.standings.seal(bids_a_segment=2)
            assert len(packing.standings.segments) == 1
    assert plain.standings is not None
    assert Refusal.RATE_LIMITED in [verdict.refusal for verdict in plain.standings.verdicts()]


@given(days(), CUTS)
def test_no_bid_after_the_close_leads(commands: list[Seen], cuts: list[int]) -> None:
    day, _ = observed(commands, cuts)
    assert day.standings is not None
    for verdict in day.standings.verdicts():
        if verdict.bid.post_id >> 22 >= (day.standings.ends_at_ms - 1_288_834_974_657):
            assert verdict.refusal in (Refusal.AFTER_CLOSE, Refusal.WITHDRAWN)
