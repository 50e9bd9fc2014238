"""Conversations below auction posts: which ones are worth following, and what a post found in one has to say."""

import redis

from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.x.payload import FoundPost
from messages.base import Phase
from messages.commands import PlaceBid, WithdrawBid


def open_conversations(client: redis.Redis, keys: Keys, days: int) -> dict[int, tuple[str, Phase]]:
    """The auctions on X that have no result yet, as the store has them: auction post id to (auction id, phase).

    Raises StoreUnavailable, OutcomeUnknown.
    """
    found = {}
    for day in range(1, days + 1):
        post_id, auction_id, phase = execute(client, "HMGET", keys.day(day), "post_id", "auction_id", "phase")
        if post_id and Phase(phase.decode()) in (Phase.ACTIVE, Phase.PROCESSING):
            found[int(post_id)] = (auction_id.decode(), Phase(phase.decode()))
    return found


def commands_for(found: FoundPost) -> list[PlaceBid | WithdrawBid]:
    """What the queue is told of a post: the reply, and that the versions before an edit are gone (a new id each)."""
    edited = [
        WithdrawBid(message_id=f"gone:{post_id}", post_id=post_id, cause="edited") for post_id in found.earlier_versions
    ]
    return [*edited, found.bid]
