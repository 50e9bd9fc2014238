"""Turns a reply into a bid, and the verdict on a bid into the event that the log records.

A bid is read here from its reply alone; `standings` compares bids with each other.
"""

from collections.abc import Container

from auction.bid_text.reading import read_bid
from auction.eligibility import AuthorFacts, ineligible
from auction.fold import Bid, Lead, Verdict
from auction.standings import Standings
from messages.base import Leader, Refusal, Rules, Wei
from messages.commands import PlaceBid
from messages.events import BidAccepted, BidRefused
from messages.x_ids import posted_at_ms

# Refusals that depend on other bids, on controls or on the end. They are no flaws: a later fold may decide otherwise.
_NOT_FLAWS = frozenset(
    {
        Refusal.BEFORE_OPEN,
        Refusal.AFTER_CLOSE,
        Refusal.FOUND_TOO_LATE,
        Refusal.ALREADY_LEADING,
        Refusal.BELOW_RESERVE,
        Refusal.BELOW_MINIMUM,
        Refusal.WITHDRAWN,
        Refusal.INVALIDATED,
        Refusal.PAUSED,
        Refusal.BANNED,
        Refusal.NOT_ELIGIBLE,  # also the reason of some bans, which can be lifted; as a flaw it stands in `event.flaw`
        Refusal.RATE_LIMITED,
        Refusal.HELD,
    }
)


def read_reply(reply: PlaceBid, rules: Rules | None, auction_post_id: int | None, facts: AuthorFacts) -> Bid:
    """The bid that a reply makes: with its amount, or with the first reason why it can never lead.

    Without rules (the day is not prepared) the text is not read: the bid has neither amount nor flaw.
    """
    post_id, bidder_id, handle = reply.post_id, reply.author_id, reply.author_handle
    if rules is None:
        return Bid(post_id, bidder_id, handle, None, None)
    amount = read_bid(reply.text, rules.hashtag, reply.hashtags)
    if amount is Refusal.NO_HASHTAG:
        return Bid(post_id, bidder_id, handle, None, amount)
    flaw = None if reply.replied_to_id == auction_post_id else Refusal.NOT_A_REPLY
    if isinstance(amount, Refusal):
        return Bid(post_id, bidder_id, handle, None, flaw or amount)
    return Bid(post_id, bidder_id, handle, amount, flaw or ineligible(rules, bidder_id, facts, posted_at_ms(post_id)))


def recall(event: BidAccepted | BidRefused) -> Bid:
    """The bid as it was read when it was decided, from its event: a later version might read the text differently."""
    flaw = None
    if isinstance(event, BidRefused):
        flaw = event.flaw or (event.reason if event.reason not in _NOT_FLAWS else None)
    return Bid(event.post_id, event.bidder_id, event.bidder_handle, event.amount_wei, flaw)


def verdict_event(
    reply: PlaceBid, verdict: Verdict, standings: Standings | None, now_ms: int
) -> BidAccepted | BidRefused:
    """The event that records the verdict on a reply at `now_ms` (UTC), with minimum and end after the whole batch."""
    # Both events are written out, for speed: collecting the common fields first would double the cost.
    bid = verdict.bid
    if verdict.refusal is None:
        assert standings is not None, "no bid is accepted before the auction has opened"
        assert bid.amount_wei is not None, "no bid leads without an amount"
        return BidAccepted(
            message_id=reply.message_id,
            correlation_id=reply.correlation_id,
            at_ms=now_ms,
            post_id=reply.post_id,
            bidder_id=reply.author_id,
            bidder_handle=reply.author_handle,
            bidder_created_at_ms=reply.author_created_at_ms,
            bidder_followers=reply.author_followers,
            replied_to_id=reply.replied_to_id,
            text=reply.text,
            hashtags=reply.hashtags,
            source=reply.source,
            injected=reply.injected,
            amount_wei=bid.amount_wei,
            minimum_wei=standings.minimum_wei,
            ends_at_ms=standings.ends_at_ms,
        )
    return BidRefused(
        message_id=reply.message_id,
        correlation_id=reply.correlation_id,
        at_ms=now_ms,
        post_id=reply.post_id,
        bidder_id=reply.author_id,
        bidder_handle=reply.author_handle,
        bidder_created_at_ms=reply.author_created_at_ms,
        bidder_followers=reply.author_followers,
        replied_to_id=reply.replied_to_id,
        text=reply.text,
        hashtags=reply.hashtags,
        source=reply.source,
        injected=reply.injected,
        amount_wei=bid.amount_wei,
        reason=verdict.refusal,
        required_wei=verdict.required_wei,
        flaw=None if bid.flaw is verdict.refusal and bid.flaw not in _NOT_FLAWS else bid.flaw,
    )


def leader_of(lead: Lead, injected: Container[int]) -> Leader:
    """The lead as events carry it; `injected` are the ids of posts that tests have made up."""
    bid = lead.bid
    assert bid.amount_wei is not None, "no bid leads without an amount"
    return Leader(
        post_id=bid.post_id,
        bidder_id=bid.bidder_id,
        bidder_handle=bid.bidder_handle,
        amount_wei=Wei(bid.amount_wei),
        injected=bid.post_id in injected,
    )
