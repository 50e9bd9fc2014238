"""The posts of ours whose replies are read, and the commands that a reply becomes.

Bids are replies to auction posts; a reply to any other post of ours about an auction gets a verdict too. While a
settlement is on, the buyer names a wallet in a reply.
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
from messages.settlement import Stage
from messages.x_ids import posted_at_ms

REPLIES_FOLLOWED_MS = 3_600_000  # how long replies to a post are read once its auction is over, from the post's time on
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
    "settlement",
)
_OVER = ("", Stage.FINAL, Stage.UNSOLD)  # of a settlement's stages: no reply matters to it, or there is none


class OpenDay(NamedTuple):
    """An auction on X whose bids are not all decided or whose settlement is on, as the view of its day in the store
    shows it. Times in UTC ms."""

    post_id: int
    auction_id: str
    phase: Phase
    hashtag: str
    is_paused_by_house: bool
    ends_at_ms: int
    watermark_ms: int
    leader_post_id: int  # 0 where no bid leads, or an injected one, which is no post on X

    @property
    def is_being_settled(self) -> bool:
        """Whether the result is named, and replies only tell what the buyer says."""
        return self.phase is Phase.COMPLETED


def open_conversations(client: redis.Redis, keys: Keys, days: int) -> dict[int, OpenDay]:
    """The auctions on X that have no result yet or are being settled, by the id of the auction post.

    Raises StoreUnavailable, OutcomeUnknown.
    """
    with translated():
        pipeline = client.pipeline(transaction=False)
        for day in range(1, days + 1):
            pipeline.hmget(keys.day(day), _FIELDS)
        return _open(pipeline.execute())


async def open_conversations_async(client: redis.asyncio.Redis, keys: Keys, days: int) -> dict[int, OpenDay]:
    """`open_conversations` for an asyncio loop, with the same errors."""
    async with client.pipeline(transaction=False) as pipeline:
        for day in range(1, days + 1):
            pipeline.hmget(keys.day(day), _FIELDS)
        with translated():
            return _open(await pipeline.execute())


def followed_posts(client: redis.Redis, keys: Keys, days: Mapping[int, OpenDay], now_ms: int) -> dict[int, str]:
    """The posts of ours whose replies are read at `now_ms` (UTC ms), each with the auction that decides these: all
    posts about the open `days`, and for REPLIES_FOLLOWED_MS those about auctions that are over, such as results.

    Raises StoreUnavailable, OutcomeUnknown.
    """
    return _followed(days, execute(client, "HGETALL", keys.own_posts), now_ms)


async def followed_posts_async(
    client: redis.asyncio.Redis, keys: Keys, days: Mapping[int, OpenDay], now_ms: int
) -> dict[int, str]:
    """`followed_posts` for an asyncio loop, with the same errors."""
    with translated():
        stored: Any = await client.hgetall(keys.own_posts)
    return _followed(days, stored, now_ms)


def forget_posts(client: redis.Redis, keys: Keys, open_now: Container[str], now_ms: int) -> None:
    """Delete from the store our posts whose replies are not read any more at `now_ms` (UTC ms), because each tick
    reads all that are stored. `open_now` are the auctions without a result and those being settled.

    Raises StoreUnavailable, OutcomeUnknown.
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
    own = {int(post): auction.decode() for post, auction in own_posts.items()}
    return followed | {post: auction for post, auction in own.items() if _is_read(post, auction, open_now, now_ms)}


def _open(days: list[Any]) -> dict[int, OpenDay]:
    found = {}
    for post_id, *texts, ends_at_ms, watermark_ms, leader_post_id, leader_injected, settlement in days:
        if not post_id:
            continue
        auction_id, phase, hashtag, paused = ((text or b"").decode() for text in texts)
        has_buyer = (settlement or b"").decode() not in _OVER
        if Phase(phase) in (Phase.ACTIVE, Phase.PROCESSING) or has_buyer:
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
    """Whether the post replies to one of `posts` or stands in its conversation; also true where X says nothing of
    either."""
    where = (found.conversation_id, found.bid.replied_to_id)
    return any(post_id in posts for post_id in where) or where == (None, None)


def is_whole(found: FoundPost, auction_posts: Container[int]) -> bool:
    """Whether X has shown all of this post that a verdict needs; the sweeps look up any other.

    A reply to one of the `auction_posts` themselves cannot be a reply to another version of the auction post.
    """
    return not found.lacks or (found.lacks == PARENT and found.bid.replied_to_id in auction_posts)


def commands_for(found: FoundPost) -> list[PlaceBid | WithdrawBid]:
    """The commands for a found post: its bid, and a withdrawal of each version before an edit (each version has an
    id of its own). None for a later version of an auction post, which stands in its own conversation."""
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
