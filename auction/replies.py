"""From a reply to a bid, and from a bid's verdict to what is told about it.

What a reply is worth by itself is found here; how bids stand to each other is `standings`.
"""

from collections.abc import Container

from auction.bid_text.reading import read_bid
from auction.eligibility import AuthorFacts, ineligible
from auction.fold import Bid, Lead, Verdict
from auction.standings import Standings
from messages.base import Refusal, Rules, Wei
from messages.commands import PlaceBid
from messages.events import BidAccepted, BidRefused, Leader
from messages.x_ids import posted_at_ms

# No flaws of a bid: what these say depends on the other bids or on the end, and a later fold may say otherwise.
_PASSING = frozenset(
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
        Refusal.NOT_ELIGIBLE,  # also by a bar, which can be lifted; where it is a flaw, the event says so
        Refusal.RATE_LIMITED,
        Refusal.HELD,
    }
)


def read_reply(reply: PlaceBid, rules: Rules | None, auction_post_id: int | None, facts: AuthorFacts) -> Bid:
    """What is fixed about the reply: its amount, or the first reason why it can never lead.

    Without rules (the day is not prepared) nothing can be read, and nothing can lead either.
    """
    if rules is None:
        return Bid(reply.post_id, reply.author_id, reply.author_handle, None, None)
    return bid_of(reply, read_bid(reply.text, rules.hashtag, reply.hashtags), rules, auction_post_id, facts)


def bid_of(
    reply: PlaceBid, amount: Wei | Refusal, rules: Rules, auction_post_id: int | None, facts: AuthorFacts
) -> Bid:
    """As `read_reply`, once its text was read."""
    post_id, bidder_id, handle = reply.post_id, reply.author_id, reply.author_handle
    if amount is Refusal.NO_HASHTAG:
        return Bid(post_id, bidder_id, handle, None, amount)
    flaw = None if reply.replied_to_id == auction_post_id else Refusal.NOT_A_REPLY
    if isinstance(amount, Refusal):
        return Bid(post_id, bidder_id, handle, None, flaw or amount)
    return Bid(post_id, bidder_id, handle, amount, flaw or ineligible(rules, bidder_id, facts, posted_at_ms(post_id)))


def recall(event: BidAccepted | BidRefused) -> Bid:
    """The bid as it was read when it was decided: the log's word, whatever a later version would read."""
    flaw = None
    if isinstance(event, BidRefused):
        flaw = event.flaw or (event.reason if event.reason not in _PASSING else None)
    return Bid(event.post_id, event.bidder_id, event.bidder_handle, event.amount_wei, flaw)


def verdict_event(
    reply: PlaceBid, verdict: Verdict, standings: Standings | None, now_ms: int
) -> BidAccepted | BidRefused:
    """What the log says of a reply, as of now (UTC ms). Minimum and end are those after the whole batch."""
    # A day has many thousands of these: putting the common fields together first would cost as much again.
    bid = verdict.bid
    if verdict.refusal is None:
        assert standings is not None, "nothing is accepted before the auction has opened"
        assert bid.amount_wei is not None, "nothing leads without an amount"
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
        flaw=None if bid.flaw is verdict.refusal and bid.flaw not in _PASSING else bid.flaw,
    )


def leader_of(lead: Lead, injected: Container[int]) -> Leader:
    """The lead as it is told; `injected` are the posts that tests have made up."""
    bid = lead.bid
    assert bid.amount_wei is not None, "nothing leads without an amount"
    return Leader(
        post_id=bid.post_id,
        bidder_id=bid.bidder_id,
        bidder_handle=bid.bidder_handle,
        amount_wei=Wei(bid.amount_wei),
        injected=bid.post_id in injected,
    )
