"""The fold computes the verdict on every bid from the controls and the bids in the order of their post ids.

`fold` is the plain definition of an auction's result. `standings` computes the same result incrementally, and tests
compare the two. Nothing here reads a clock or writes the log; `day` decides when something happens.
"""

from collections.abc import Iterable

import msgspec

from auction.controls import Controls, own_posts_before
from auction.rules import minimum_bid
from messages.base import Refusal, Rules, Wei
from messages.x_ids import posted_at_ms


class Bid(msgspec.Struct, array_like=True, gc=False):
    """A bid as read from its reply. `flaw` is the reason why it can never lead, whatever other bids do; a bid with a
    flaw may have no amount."""

    post_id: int
    bidder_id: int
    bidder_handle: str
    amount_wei: Wei | None
    flaw: Refusal | None
    withdrawn: bool = False


class Lead(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An entry of the lead history: an accepted bid, the end after it (UTC ms), and the minimum of the next bid."""

    bid: Bid
    ends_at_ms: int
    minimum_wei: Wei


class Verdict(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The verdict on a bid: accepted if `refusal` is None. `required_wei` is the least amount that would have led, set
    where the amount was too low."""

    bid: Bid
    refusal: Refusal | None
    required_wei: Wei | None = None


def fold(rules: Rules, controls: Controls, bids: Iterable[Bid]) -> list[Verdict]:
    """The verdicts on all bids, in the order of their post ids: the plain definition of an auction's result."""
    in_order = sorted(bids, key=lambda bid: bid.post_id)
    own_posts: dict[int, list[int]] = {}
    for bid in in_order:
        own_posts.setdefault(bid.bidder_id, []).append(bid.post_id)
    leader: Lead | None = None
    verdicts = []
    for bid in in_order:
        verdict = judge(rules, controls, leader, bid, own_posts[bid.bidder_id])
        if verdict.refusal is None:
            leader = lead_after(rules, controls, leader, bid)
        verdicts.append(verdict)
    return verdicts


def judge(rules: Rules, controls: Controls, leader: Lead | None, bid: Bid, own_posts: list[int]) -> Verdict:
    """The verdict on a bid while `leader` leads. `own_posts` are the ids of the same bidder's posts, ascending."""
    if bid.withdrawn:
        return Verdict(bid, Refusal.WITHDRAWN)
    if controls.invalidated and bid.post_id in controls.invalidated:
        return Verdict(bid, Refusal.INVALIDATED)
    if bid.flaw is Refusal.NOT_A_REPLY:
        return Verdict(bid, bid.flaw)
    at_ms = posted_at_ms(bid.post_id)
    if at_ms < controls.opened_at_ms:
        return Verdict(bid, Refusal.BEFORE_OPEN)
    if at_ms >= effective_end(controls, leader):
        return Verdict(bid, Refusal.AFTER_CLOSE)
    if controls.pauses and controls.in_pause(at_ms):
        return Verdict(bid, Refusal.PAUSED)
    if bid.flaw is not None or bid.amount_wei is None:
        return Verdict(bid, bid.flaw)
    if controls.bans and (reason := controls.banned(bid.bidder_id, at_ms)):
        return Verdict(bid, reason)
    if rules.rate_limit_posts:
        before = own_posts_before(own_posts, bid.post_id, rules.rate_limit_window_ms)
        if before >= rules.rate_limit_posts:
            return Verdict(bid, Refusal.RATE_LIMITED)
    if is_held(rules, controls, bid):
        return Verdict(bid, Refusal.HELD)
    if leader and leader.bid.bidder_id == bid.bidder_id and not rules.leader_may_rebid:
        return Verdict(bid, Refusal.ALREADY_LEADING)
    required = leader.minimum_wei if leader else rules.reserve_wei
    if bid.amount_wei < required:
        return Verdict(bid, Refusal.BELOW_MINIMUM if leader else Refusal.BELOW_RESERVE, required)
    return Verdict(bid, None)


def is_held(rules: Rules, controls: Controls, bid: Bid) -> bool:
    """Whether the bid waits for an operator's release: it was held by order, or is above `hold_above_wei` (BID-7)."""
    if bid.post_id in controls.held:
        return True
    if not rules.hold_above_wei or bid.amount_wei is None or bid.amount_wei <= rules.hold_above_wei:
        return False
    return bid.post_id not in controls.released


def effective_end(controls: Controls, leader: Lead | None) -> int:
    """The end (exclusive, UTC ms) while `leader` leads: as last extended, never before the published end. All code that
    needs the end calls this function."""
    return max(leader.ends_at_ms, controls.ends_at_ms) if leader else controls.ends_at_ms


def lead_after(rules: Rules, controls: Controls, leader: Lead | None, bid: Bid) -> Lead:
    """The next entry of the lead history: `bid`, accepted after `leader`."""
    ends_at_ms = effective_end(controls, leader)
    # Only a change of leader extends the end, and never past the cap (LIFE-5).
    if not controls.frozen and (leader is None or leader.bid.bidder_id != bid.bidder_id):
        extended_ms = controls.after(posted_at_ms(bid.post_id), rules.soft_close_ms)
        ends_at_ms = max(ends_at_ms, min(extended_ms, controls.latest_end_ms))
    return Lead(bid, ends_at_ms, minimum_bid(rules, bid.amount_wei))
