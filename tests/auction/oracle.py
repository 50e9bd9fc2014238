"""The judge of the properties: what a day must come to, by brute force, from its observations and its logged controls.

It shares no code with `auction/`: every question about a bid is answered by looking through everything again.
"""

from collections.abc import Sequence
from typing import Any

from messages.base import Rules
from messages.commands import PlaceBid
from messages.events import (
    AnyEvent,
    AuctionOpened,
    AuctionPaused,
    AuctionResumed,
    BidAccepted,
    BidderBarred,
    BidderUnbarred,
    BidHeld,
    BidInvalidated,
    BidReleased,
    BidRestored,
    BidWithdrawn,
    EndExtended,
    EndFrozen,
    StandingsRevised,
    StrikeGiven,
    StrikeLifted,
)

TAKING_OUT = AuctionPaused, BidderBarred, BidHeld, BidInvalidated

EPOCH_MS = 1288834974657


def time_of(post_id: int) -> int:
    return (post_id >> 22) + EPOCH_MS


def verdicts(
    rules: Rules,
    log: Sequence[AnyEvent],
    seen: Sequence[PlaceBid],
    meaning: dict[int, Any],
) -> dict[int, str]:
    """For each post its verdict: "ACCEPTED" or a reason. `meaning` says for each post what its text is worth:
    an amount, a reason, or None where it carries no hashtag. Of what was said in `gone` of a post, the last holds."""
    (opened,) = [event for event in log if isinstance(event, AuctionOpened)]
    frozen = [event.ends_at_ms for event in log if isinstance(event, EndFrozen)]
    floor = frozen[0] if frozen else opened.ends_at_ms
    for event in log:
        if isinstance(event, EndExtended | AuctionResumed):
            floor = max(floor, event.ends_at_ms)
    invalid = {event.post_id for event in log if isinstance(event, BidInvalidated)}
    withdrawn = taken_back(rules, log)
    posts = sorted(
        {bid.post_id: bid for bid in seen if meaning[bid.post_id] is not None}.values(), key=lambda b: b.post_id
    )

    said: dict[int, str] = {}
    leader: PlaceBid | None = None
    leading = 0
    end = floor
    for bid in posts:
        worth, at = meaning[bid.post_id], time_of(bid.post_id)
        needed: int = rules.reserve_wei
        if leader:
            needed = leading + max(rules.increment_wei, -(-leading * rules.increment_basis_points // 10_000), 1)
        if bid.post_id in withdrawn:
            verdict = "WITHDRAWN"
        elif bid.post_id in invalid:
            verdict = "INVALIDATED"
        elif bid.replied_to_id != opened.post_id:
            verdict = "NOT_A_REPLY"
        elif at < opened.opened_at_ms:
            verdict = "BEFORE_OPEN"
        elif at >= end:
            verdict = "AFTER_CLOSE"
        elif any(start <= at < stop for start, stop in pauses(log)):
            verdict = "PAUSED"
        elif isinstance(worth, str):
            verdict = worth
        elif bid.author_created_at_ms is not None and at - bid.author_created_at_ms < rules.minimum_account_age_ms:
            verdict = "ACCOUNT_TOO_YOUNG"
        elif banned(log, bid.author_id, at):
            verdict = "BANNED"
        elif rules.rate_limit_posts and rules.rate_limit_posts <= len(
            [
                own
                for own in posts
                if own.author_id == bid.author_id
                and own.post_id < bid.post_id
                and own.post_id >= bid.post_id - (rules.rate_limit_window_ms << 22)
            ]
        ):
            verdict = "RATE_LIMITED"
        elif held(rules, log, bid.post_id, worth):
            verdict = "HELD"
        elif leader and leader.author_id == bid.author_id and not rules.leader_may_rebid:
            verdict = "ALREADY_LEADING"
        elif worth < needed:
            verdict = "BELOW_MINIMUM" if leader else "BELOW_RESERVE"
        else:
            verdict = "ACCEPTED"
            if not frozen and (leader is None or leader.author_id != bid.author_id):
                end = max(end, min(running(log, at, rules.soft_close_ms), latest_end(rules, log, opened)))
            leader, leading = bid, worth
        said[bid.post_id] = verdict
    return said


def published_end(log: Sequence[AnyEvent]) -> int:
    """The end as everybody knows it from this log; 0 before there is one."""
    return max((e.ends_at_ms for e in log if isinstance(e, AuctionOpened | EndExtended | AuctionResumed)), default=0)


def taken_back(rules: Rules, log: Sequence[AnyEvent]) -> set[int]:
    """The posts whose bids count no more."""
    found: set[int] = set()
    for place, event in enumerate(log):
        if isinstance(event, BidWithdrawn) and not binding(rules, log[:place], event):
            found.add(event.post_id)
        elif isinstance(event, BidRestored):
            found.discard(event.post_id)
    return found


def binding(rules: Rules, before: Sequence[AnyEvent], gone: BidWithdrawn) -> bool:
    """Whether the bid counts all the same: its post was missed only after the end, or it is known to be gone so late
    that nobody could answer for a whole soft close any more."""
    missed = gone.missed_at_ms or gone.at_ms
    known = max(missed, gone.at_ms)
    return is_over(before, missed) or answered(rules, before, known) > latest(rules, before)


def is_over(before: Sequence[AnyEvent], at: int) -> bool:
    frozen = any(isinstance(event, EndFrozen) for event in before)
    is_open = any(isinstance(event, AuctionOpened) for event in before)
    return frozen or (is_open and stopped_at(before) is None and at >= published_end(before))


def stopped_at(before: Sequence[AnyEvent]) -> int | None:
    """When the pause has begun that still lasts."""
    return next((begin for begin, stop in pauses(before) if stop == 1 << 62), None)


def answered(rules: Rules, before: Sequence[AnyEvent], known: int) -> int:
    """When a whole soft close of running time has passed since something was known."""
    begin = stopped_at(before)
    return running(before, known if begin is None else min(known, begin), rules.soft_close_ms)


def latest(rules: Rules, before: Sequence[AnyEvent]) -> int:
    """How far the day can go, by itself or because an operator has said so."""
    opened = [event for event in before if isinstance(event, AuctionOpened)]
    return max(latest_end(rules, before, opened[0]), published_end(before)) if opened else 1 << 62


def ends_by_lost_leads(rules: Rules, log: Sequence[AnyEvent]) -> list[tuple[int, int]]:
    """Where in the log a lead was lost to no new bid in such a way that the end moves, and to where.

    By a withdrawal (all those that were decided together count as one), by a bid that was found again, or by an order
    while bidding goes on.
    """
    found = []
    told: int | None = None  # the post that leads, as far as the log has said
    for place, event in enumerate(log):
        before, known = log[:place], event.at_ms
        if isinstance(event, BidAccepted):
            told = event.post_id
        elif isinstance(event, StandingsRevised):
            told = event.leader.post_id if event.leader else None
        elif isinstance(event, BidWithdrawn) and event.post_id == told and not binding(rules, before, event):
            found += moved(rules, log, place, max(known, event.missed_at_ms))
        elif isinstance(event, BidRestored) or (isinstance(event, TAKING_OUT) and known < published_end(before)):
            told_next = [e for e in log[place + 1 :] if not (isinstance(e, StrikeLifted) or by_loss(e))][:1]
            for e in told_next:
                if told and isinstance(e, StandingsRevised) and (e.leader is None or e.leader.post_id != told):
                    found += moved(rules, log, place, known)
    return found


def by_loss(event: AnyEvent) -> bool:
    return isinstance(event, EndExtended) and event.lead_lost


def moved(rules: Rules, log: Sequence[AnyEvent], place: int, known: int) -> list[tuple[int, int]]:
    """Behind what happened at this place of the log, and what goes with it, the end that follows, if it moves."""
    after = place + 1
    while after < len(log) and isinstance(log[after], BidWithdrawn | StrikeGiven | StrikeLifted):
        after += 1
    before = log[:after]
    opened = next(event for event in before if isinstance(event, AuctionOpened))
    end = min(answered(rules, before, known), latest_end(rules, before, opened))
    is_frozen = any(isinstance(event, EndFrozen) for event in before)
    return [(after, end)] if end > published_end(before) and not is_frozen else []


def pauses(log: Sequence[AnyEvent]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for event in log:
        if isinstance(event, AuctionPaused):
            found.append((event.from_ms, 1 << 62))
        elif isinstance(event, AuctionResumed):
            found[-1] = (found[-1][0], event.until_ms)
    return found


def running(log: Sequence[AnyEvent], start: int, length: int) -> int:
    """When so much time has passed that was not paused."""
    end = start + length
    for begin, stop in pauses(log):
        if stop < 1 << 62 and begin < end and stop > start:
            end += stop - max(begin, start)
    return end


def latest_end(rules: Rules, log: Sequence[AnyEvent], opened: AuctionOpened) -> int:
    paused = sum(stop - begin for begin, stop in pauses(log) if stop < 1 << 62)
    return opened.ends_at_ms + rules.soft_close_cap_ms + paused


def banned(log: Sequence[AnyEvent], bidder: int, at: int) -> bool:
    """Each ban lasts until the next unban after it was said."""
    intervals: list[list[int]] = []
    for event in log:
        if isinstance(event, BidderBarred) and event.bidder_id == bidder:
            intervals.append([event.from_ms, 1 << 62])
        elif isinstance(event, BidderUnbarred) and event.bidder_id == bidder:
            for interval in intervals:
                if interval[1] == 1 << 62:
                    interval[1] = max(event.from_ms, interval[0])
    return any(begin <= at < stop for begin, stop in intervals)


def held(rules: Rules, log: Sequence[AnyEvent], post_id: int, amount: int) -> bool:
    last = [type(event) for event in log if isinstance(event, BidHeld | BidReleased) and event.post_id == post_id][-1:]
    if last:
        return last == [BidHeld]
    return bool(rules.hold_above_wei) and amount > rules.hold_above_wei
