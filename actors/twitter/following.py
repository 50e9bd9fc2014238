"""Conversations below our posts: which ones are worth following, and what a post found in one has to say.

Bids are replies to auction posts; a reply to anything else that was posted about an auction gets a verdict too.
"""

from collections.abc import Collection, Container, Mapping
from typing import Any, NamedTuple

import redis
import redis.asyncio

from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.translation import translated
from adapters.x.lacks import PARENT
from adapters.x.payload import FoundPost
from auction.downtime_policy import HOUSE
from messages.base import Phase
from messages.commands import EDITED, PlaceBid, WithdrawBid
from messages.x_ids import posted_at_ms

REPLIES_FOLLOWED_MS = 3_600_000  # so long after it was made a post about an auction that is over has its replies read
_FIELDS = (
    "post_id",
    "auction_id",
    "phase",
    "hashtag",
    "paused",
    "ends_at_ms",
    "watermark_ms",
    "leader_post_id",
    "leader_injected",
)


class OpenDay(NamedTuple):
    """An auction on X that has no result yet, as its day stands in the store. Times in UTC ms."""

    post_id: int
    auction_id: str
    phase: Phase
    hashtag: str
    is_paused_by_house: bool
    ends_at_ms: int
    watermark_ms: int
    leader_post_id: int  # 0 where nobody leads, or an injected bid, which X does not have


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


def followed_posts(client: redis.Redis, keys: Keys, days: Mapping[int, OpenDay], now_ms: int) -> dict[int, str]:
    """For each post of ours whose replies are read now (UTC ms) the auction that judges them: the auction posts of the
    open days, what else was posted about those, and for a while what was posted about others, as their results.

    Raises StoreUnavailable, OutcomeUnknown.
    """
    return _followed(days, execute(client, "HGETALL", keys.own_posts), now_ms)


async def followed_posts_async(
    client: redis.asyncio.Redis, keys: Keys, days: Mapping[int, OpenDay], now_ms: int
) -> dict[int, str]:
    """The same for an asyncio loop, with the same errors."""
    with translated():
        stored: Any = await client.hgetall(keys.own_posts)
    return _followed(days, stored, now_ms)


def forget_posts(client: redis.Redis, keys: Keys, open_now: Container[str], now_ms: int) -> None:
    """Drop the posts whose replies are not read any more (UTC ms), because all that is kept is read at each tick.
    `open_now` are the auctions without a result. Raises StoreUnavailable, OutcomeUnknown.
    """
    kept = execute(client, "HGETALL", keys.own_posts)
    over = [post for post, auction in kept.items() if not _is_read(int(post), auction.decode(), open_now, now_ms)]
    if over:
        execute(client, "HDEL", keys.own_posts, *over)


def _is_read(post_id: int, auction_id: str, open_now: Container[str], now_ms: int) -> bool:
    return auction_id in open_now or now_ms < posted_at_ms(post_id) + REPLIES_FOLLOWED_MS


def _followed(days: Mapping[int, OpenDay], own_posts: Mapping[bytes, bytes], now_ms: int) -> dict[int, str]:
    followed = {post_id: day.auction_id for post_id, day in days.items()}
    open_now = set(followed.values())
    for post_id, auction_id in ((int(post), name.decode()) for post, name in own_posts.items()):
        if _is_read(post_id, auction_id, open_now, now_ms):
            followed[post_id] = auction_id
    return followed


def _open(days: list[Any]) -> dict[int, OpenDay]:
    found = {}
    for post_id, *texts, ends_at_ms, watermark_ms, leader_post_id, leader_injected in days:
        if not post_id:
            continue
        auction_id, phase, hashtag, paused = ((text or b"").decode() for text in texts)
        if Phase(phase) in (Phase.ACTIVE, Phase.PROCESSING):
            found[int(post_id)] = OpenDay(
                int(post_id),
                auction_id,
                Phase(phase),
                hashtag,
                paused == HOUSE,
                int(ends_at_ms or 0),
                int(watermark_ms or 0),
                0 if leader_injected else int(leader_post_id or 0),
            )
    return found


def belongs_below(posts: Collection[int], found: FoundPost) -> bool:
    """Whether the post was made below one of these, or may have been: where X does not say where it was made."""
    where = (found.conversation_id, found.bid.replied_to_id)
    return any(post_id in posts for post_id in where) or where == (None, None)


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
        WithdrawBid(message_id=f"gone:{post_id}", post_id=post_id, cause=EDITED, missed_at_ms=edited_at_ms)
        for post_id in found.earlier_versions
    ]
    return [*edited, found.bid]
