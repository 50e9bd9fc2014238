"""The pushes of X: puts each into the queue of its auction, on the event loop, as the ingest does for the stream.

A push is on disk before X is answered 200, since X does not push it again after that. Repeated pushes are queued too:
the auction knows a post by its id. A reply without its author waits on disk for `awaiting_author`.
"""

import logging
import time
from collections.abc import Callable, Sequence

from redis.asyncio import Redis

from actors.ports import Clock
from actors.twitter.authors import lacks_author
from actors.twitter.following import commands_for, followed_posts_async, is_whole, open_conversations_async
from adapters import metrics
from adapters.http.views import Refused
from adapters.redis.keys import Keys
from adapters.redis.queue import LIMITS, DeadLetter, QueueLimits, append_async, is_full_async
from adapters.x.errors import UnreadablePost
from adapters.x.payload import FoundPost
from adapters.x.webhook import read_push
from messages.codec import pack, pack_batch
from messages.commands import PlaceBid, WithdrawBid
from messages.hints import QueueGrew

log = logging.getLogger(__name__)

SOURCE = "webhook"
# How long (s) the posts that are followed are taken for the same before the store is asked again: a push for an auction
# may be queued for so long after its result.
VIEW_S = 1.0


class Pushes:
    """Takes the pushes for one marathon that may have `days` days. For one event loop."""

    def __init__(
        self,
        client: Redis,
        keys: Keys,
        days: int,
        clock: Clock,
        tell: Callable[[str, QueueGrew], object],
        limits: QueueLimits = LIMITS,
    ) -> None:
        self._client, self._keys, self._days, self._clock, self._tell = client, keys, days, clock, tell
        self._limits = limits
        self._open: dict[int, str] = {}
        self._looked_at_s = -VIEW_S

    async def take(self, body: bytes) -> None:
        """Queue a pushed body, whose signature was checked, if it concerns an auction; it is on disk when this returns.

        Raises Refused (429) where too much waits already, StoreUnavailable, OutcomeUnknown.
        """
        try:
            pushed = read_push(body, SOURCE, self._clock())
        except UnreadablePost as fault:
            await self._keep_unreadable(fault)
            outcome = "unreadable"
        else:
            match pushed:
                case FoundPost():
                    outcome = await self._queue_reply(pushed)
                case WithdrawBid():
                    outcome = await self._queue_withdrawal(pushed)
                case None:
                    outcome = "other_kind"
        metrics.webhook_pushes.labels(outcome).inc()

    async def _queue_reply(self, found: FoundPost) -> str:
        auction_id = None if self._is_old else self._auction_of(found)
        if auction_id is None:
            # The post's auction may have opened a moment ago.
            await self._find_followed()
            auction_id = self._auction_of(found)
        if auction_id is None:
            return "not_ours"
        if not is_whole(found, self._open):
            return "incomplete"  # a sweep asks for what this push has left out
        if lacks_author(found):
            await self._append(self._keys.queue(self._keys.awaiting_author), pack(found))
            return "nameless"
        await self._queue(auction_id, commands_for(found))
        return "queued"

    async def _queue_withdrawal(self, gone: WithdrawBid) -> str:
        """Queue a deletion for every open auction that is older: X does not say what the post replied to."""
        if self._is_old:
            await self._find_followed()
        concerned = {auction_id: None for post_id, auction_id in self._open.items() if post_id < gone.post_id}
        for auction_id in concerned:
            await self._queue(auction_id, [gone])
        return "queued" if concerned else "not_ours"

    def _auction_of(self, found: FoundPost) -> str | None:
        return self._open.get(found.bid.replied_to_id or 0) or self._open.get(found.conversation_id or 0)

    @property
    def _is_old(self) -> bool:
        return time.monotonic() - self._looked_at_s >= VIEW_S

    async def _find_followed(self) -> None:
        began_s = time.monotonic()
        days = await open_conversations_async(self._client, self._keys, self._days)
        self._open = await followed_posts_async(self._client, self._keys, days, self._clock())
        self._looked_at_s = began_s

    async def _queue(self, auction_id: str, commands: Sequence[PlaceBid | WithdrawBid]) -> None:
        await self._append(self._keys.queue(auction_id), pack_batch(commands))
        self._tell(auction_id, QueueGrew())

    async def _keep_unreadable(self, fault: UnreadablePost) -> None:
        """Make an unreadable push a dead letter, for an operator: X would push a refused one again for ever."""
        log.warning("a push of X is not readable: %s", fault)
        letter = DeadLetter(
            auction_id="", entry_id="", data=fault.raw, error=str(fault), attempts=1, at_ms=self._clock()
        )
        await self._append(self._keys.dead, pack(letter))

    async def _append(self, key: str, data: bytes) -> None:
        """Append what is packed already. Raises Refused (429) where too much waits."""
        if await is_full_async(self._client, key, self._limits):
            metrics.webhook_pushes.labels("refused").inc()
            raise Refused("too much waits to be decided; push again later", "QUEUE_FULL", 429)
        await append_async(self._client, key, data)
