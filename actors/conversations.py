"""Conversations below auction posts: which ones are worth following, and what a post found in one has to say."""

from collections.abc import Container
from typing import Any, NamedTuple

import redis
import redis.asyncio

from adapters.redis.keys import Keys
from adapters.redis.translation import translated
from adapters.x.payload import PARENT, FoundPost
from auction.catch_up import HOUSE
from auction.rules import posted_at_ms
from messages.base import Phase
from messages.commands import PlaceBid, WithdrawBid

_FIELDS = ("post_id", "auction_id", "phase", "hashtag", "paused", "ends_at_ms", "watermark_ms", "leader_post_id")


class OpenDay(NamedTuple):
    """An auction on X that has no result yet, as its day stands in the store. Times in UTC ms."""

    post_id: int
    auction_id: str
    phase: Phase
    hashtag: str
    is_paused_by_house: bool
    ends_at_ms: int
    watermark_ms: int
    leader_post_id: int  # 0 where nobody leads


def open_conversations(client: redis.Redis, keys: Keys, days: int) -> dict[int, OpenDay]:
    """The auctions on X that have no result yet, by the id of the auction post.

    Raises StoreUnavailable, OutcomeUnknown.
    """
    with translated():
        pipeline = client.pipeline(transaction=False)
        for day in range(1, days + 1):
            pipeline.hmget(keys.day(day), _FIELDS)
        return _open(pipeline.execute())


async def open_conversations_async(client: redis.asyncio.Redis, keys: Keys, days: int) -> dict[int, OpenDay]:
    """The same for an asyncio loop, with the same errors."""
    async with client.pipeline(transaction=False) as pipeline:
        for day in range(1, days + 1):
            pipeline.hmget(keys.day(day), _FIELDS)
        with translated():
            return _open(await pipeline.execute())


def _open(days: list[Any]) -> dict[int, OpenDay]:
    found = {}
    for post_id, *texts, ends_at_ms, watermark_ms, leader_post_id in days:
        if not post_id:
            continue
        auction_id, phase, hashtag, paused = (text.decode() for text in texts)
        if Phase(phase) in (Phase.ACTIVE, Phase.PROCESSING):
            found[int(post_id)] = OpenDay(
                int(post_id),
                auction_id,
                Phase(phase),
                hashtag,
                paused == HOUSE,
                int(ends_at_ms),
                int(watermark_ms),
                int(leader_post_id or 0),
            )
    return found


def belongs_below(post_id: int, found: FoundPost) -> bool:
    """Whether the post was made below this auction post, or may have been: where X does not say where it was made."""
    where = (found.conversation_id, found.bid.replied_to_id)
    return post_id in where or where == (None, None)


def is_whole(found: FoundPost, auction_posts: Container[int]) -> bool:
    """Whether this sight of a post says all that a verdict needs: one that does not is left to the sweeps.

    Whoever replies to an auction post itself replies to no other version of it.
    """
    return not found.lacks or (found.lacks == PARENT and found.bid.replied_to_id in auction_posts)


def commands_for(found: FoundPost) -> list[PlaceBid | WithdrawBid]:
    """What the queue is told of a post: the reply, and that the versions before an edit are gone (a new id each).

    Nothing of a later version of the auction post, which stands in its own conversation.
    """
    if found.conversation_id in found.earlier_versions:
        return []
    if not found.earlier_versions:
        return [found.bid]
    edited_at_ms = posted_at_ms(found.bid.post_id)
    edited = [
        WithdrawBid(message_id=f"gone:{post_id}", post_id=post_id, cause="edited", missed_at_ms=edited_at_ms)
        for post_id in found.earlier_versions
    ]
    return [*edited, found.bid]
