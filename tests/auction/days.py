"""Random whole days with everything that can happen, held against the oracle: python -m tests.auction.days --count 5000

The test suite tries a few hundred of them (`test_days_against_the_oracle`). A day that goes wrong is made as small as
it can be and shown.
"""

import argparse
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress

from auction.audit import Auditor
from auction.day import AuctionDay
from auction.day_state import DayState
from auction.standings import Standings
from messages.base import Outcome, Refusal, Rules
from messages.codec import pack, unpack
from messages.commands import (
    AuctionCommand,
    ExtendAuction,
    NameResult,
    PauseAuction,
    PlaceBid,
    RestoreBid,
    ResumeAuction,
    VoidAuction,
    WithdrawBid,
)
from messages.events import (
    AuctionOpened,
    AuctionResumed,
    BidderRenamed,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    EndExtended,
    ResultNamed,
)
from messages.x_ids import posted_at_ms
from tests.auction import oracle
from tests.auction.script import told_leader
from tests.harness.builders import AUCTION, OPENS_MS, reply, swept
from tests.harness.random_days import CUTS, FREEZES, MEANING, Log, days, held, said


def check_day(
    made: tuple[Rules, list[AuctionCommand]], cuts: list[int], frozen_before: int | None, shuffled: int
) -> None:
    """Hold such a day, in batches of any size, and assert all that must be true of it and of its log."""
    rules, arrivals = made
    day, log = held(rules, arrivals, cuts, frozen_before, is_timely=bool(shuffled % 4))
    assert_ends_only_grow_up_to_their_cap(rules, log)
    assert_listeners_know_who_leads(day, log)
    assert_the_oracle_agrees(rules, arrivals, day, log)
    assert_arrival_does_not_matter(day, Random(shuffled))
    result = assert_one_result(rules, day, log)
    assert_nothing_changes_any_more(arrivals, day, log, result)
    assert_the_log_is_enough(day, [batch for batch in log if batch])


def assert_ends_only_grow_up_to_their_cap(rules: Rules, log: Log) -> None:
    events = [event for batch in log for event in batch]
    (opened,) = [event for event in events if isinstance(event, AuctionOpened)]
    end_ms = opened.ends_at_ms
    for place, event in enumerate(events):
        if isinstance(event, EndExtended | AuctionResumed):
            assert event.ends_at_ms >= end_ms, "a published end was taken back"
            end_ms = event.ends_at_ms
        if isinstance(event, EndExtended) and not event.by:
            assert end_ms <= oracle.latest_end(rules, events[:place], opened), "the soft close has passed its cap"


def assert_listeners_know_who_leads(day: AuctionDay, log: Log) -> None:
    leader = day.standings.leader if day.standings else None
    assert told_leader(log) == (leader.bid.post_id if leader else None)


def verdicts(day: AuctionDay) -> dict[int, str]:
    assert day.standings is not None
    return {v.bid.post_id: "ACCEPTED" if v.refusal is None else str(v.refusal) for v in day.standings.verdicts()}


def assert_the_oracle_agrees(rules: Rules, arrivals: Sequence[AuctionCommand], day: AuctionDay, log: Log) -> None:
    seen = [command for command in arrivals if isinstance(command, PlaceBid)]
    found = verdicts(day)
    events = [event for batch in log for event in batch]
    lost = [(at, e.ends_at_ms) for at, e in enumerate(events) if oracle.by_loss(e) and isinstance(e, EndExtended)]
    assert lost == oracle.ends_by_lost_leads(rules, events)
    for place, event in enumerate(events):
        if isinstance(event, BidWithdrawn):
            assert event.binds == oracle.binding(rules, events[:place], event)
    looked = {command.post_id: command for command in arrivals if isinstance(command, WithdrawBid | RestoreBid)}
    heard = {event.post_id: event for event in events if isinstance(event, BidWithdrawn | BidRestored)}
    gone = {post for post, last in looked.items() if isinstance(last, WithdrawBid)}
    assert gone == {post for post, last in heard.items() if isinstance(last, BidWithdrawn)}
    # A day goes by an author's age as first seen, the oracle by that of each post: those with two ages are left out.
    ages: dict[int, set[int]] = {}
    for bid in seen:
        ages.setdefault(bid.author_id, set()).add((bid.author_created_at_ms or 0) // 86_400_000)
    if all(len(days) == 1 for days in ages.values()):
        meaning = {bid.post_id: MEANING[bid.text] for bid in seen}
        assert found == oracle.verdicts(rules, events, seen, meaning)
    assert day.standings is not None
    assert [lead.bid.post_id for lead in day.standings.lead_history] == [
        p for p in sorted(found) if found[p] == "ACCEPTED"
    ]
    assert day.standings.held == {post for post, verdict in found.items() if verdict == "HELD"}
    assert all(posted_at_ms(post) < day.ends_at_ms for post in found if found[post] == "ACCEPTED")


def assert_arrival_does_not_matter(day: AuctionDay, random: Random) -> None:
    """The same bids in another order, in batches of any size, under the controls as they are now."""
    assert day.standings is not None
    bids = [verdict.bid for verdict in day.standings.verdicts()]
    again = Standings(day.standings.rules, deepcopy(day.standings.controls))
    random.shuffle(bids)
    while bids:
        size = random.randint(1, len(bids))
        again.update(bids[:size])
        bids = bids[size:]
    assert again.verdicts() == day.standings.verdicts()
    assert [lead.bid for lead in again.lead_history] == [lead.bid for lead in day.standings.lead_history]
    assert again.ends_at_ms == day.ends_at_ms


def assert_one_result(rules: Rules, day: AuctionDay, log: Log) -> ResultNamed:
    """Whatever stands in the way of a result goes away, and there is exactly one: the leader's, or nobody's."""
    if day.controls and day.controls.paused:
        log.append(day.decide([said(ResumeAuction, 9_000)], OPENS_MS + 99))
    end_ms = day.ends_at_ms
    log.append(day.tick(end_ms + rules.delivery_allowance_ms))
    log.append(day.decide([swept(end_ms)], end_ms + rules.delivery_allowance_ms))
    log.append(day.tick(end_ms + rules.close_bound_ms))
    (result,) = [event for batch in log for event in batch if isinstance(event, ResultNamed)]
    accepted = [post for post, verdict in sorted(verdicts(day).items()) if verdict == "ACCEPTED"]
    assert (result.winner.post_id if result.winner else None) == (accepted[-1] if accepted else None)
    if winner := result.winner:
        renamed = [event for batch in log for event in batch if isinstance(event, BidderRenamed)]
        handles = [event.handle for event in renamed if event.bidder_id == winner.bidder_id]
        assert winner.bidder_handle == [f"user{winner.bidder_id}", *handles][-1]
    assert result.outcome is (Outcome.SOLD if accepted else Outcome.UNSOLD)
    return result


def assert_nothing_changes_any_more(
    arrivals: Sequence[AuctionCommand], day: AuctionDay, log: Log, result: ResultNamed
) -> None:
    """Everything arrives once more, and a high bid and every way to move an end or a result with it."""
    before = deepcopy((verdicts(day), day.ends_at_ms, day.phase))
    orders = [said(kind, 5_100) for kind in (PauseAuction, ResumeAuction, VoidAuction, NameResult)]
    late = [reply(1_000, 9, "100000", serial=99), *arrivals, said(ExtendAuction, 5_100, ends_at_ms=1 << 60), *orders]
    events = day.decide(late, day.ends_at_ms)
    assert all(isinstance(event, BidRefused | BidWithdrawn) for event in events)
    assert {e.reason for e in events if isinstance(e, BidRefused)} == {Refusal.FOUND_TOO_LATE}
    assert (verdicts(day), day.ends_at_ms, day.phase) == before
    assert day.result == result
    log.append(events)


def assert_the_log_is_enough(day: AuctionDay, log: Log) -> None:
    """It gives the same day, from its beginning and from a checkpoint behind every batch, and passes the audit."""
    replayed, auditor = AuctionDay(AUCTION), Auditor(AUCTION)
    replayed.replay(event for batch in log for event in batch)
    assert what_matters(replayed) == what_matters(day)
    resumed = AuctionDay(AUCTION)
    for batch in log:
        resumed.replay(batch)
        resumed = AuctionDay(AUCTION, unpack(pack(resumed.state()), DayState))
        assert auditor.check(batch) is None
    assert what_matters(resumed) == what_matters(day)


def what_matters(day: AuctionDay) -> DayState:
    """The state of a day. Where its end stood after an earlier leader depends on what was published by then; below what
    is published now it says nothing any more."""
    state = day.state()
    assert state.controls
    assert all(lead.ends_at_ms <= state.controls.ends_at_ms for lead in state.lead_history)
    return msgspec.structs.replace(
        state, lead_history=[msgspec.structs.replace(lead, ends_at_ms=0) for lead in state.lead_history]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5_000, help="how many days")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    console = Console()
    held_days = bids = wrong_at = 0

    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Holding days", total=arguments.count)

        @hypothesis.seed(arguments.seed)
        @settings(
            max_examples=arguments.count,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        @given(days(), CUTS, FREEZES, st.integers(0, 1 << 30))
        def hold(made: Any, cuts: list[int], frozen_before: int | None, shuffled: int) -> None:
            nonlocal held_days, bids, wrong_at
            try:
                check_day(made, cuts, frozen_before, shuffled)
            except Exception:
                wrong_at = wrong_at or held_days + 1
                raise
            finally:
                if not wrong_at:  # what comes after is only making it smaller
                    held_days, bids = held_days + 1, bids + sum(isinstance(c, PlaceBid) for c in made[1])
                    progress.update(bar, completed=held_days)

        try:
            hold()
        except Exception:
            progress.stop()
            console.print_exception(max_frames=4)
    what = f"day {wrong_at:,} is wrong" if wrong_at else "all as the oracle has them"
    console.print(f"{held_days:,} days of seed {arguments.seed} with {bids:,} posts: {what}", highlight=False)
    return 1 if wrong_at else 0


if __name__ == "__main__":
    raise SystemExit(main())
