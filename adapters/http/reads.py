"""The API's reads of the store: auctions, bid histories and receipts as JSON."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from redis.asyncio import Redis

from adapters.http.views import Json, NotFound, Reads, Refused
from adapters.redis.keys import Keys
from adapters.redis.view import SUM
from adapters.wall_clock import wall_clock_ms
from messages.money import format_eth

_NUMBERS = {"day", "opens_at_ms", "ends_at_ms", "watermark_ms", "accepted", "refused", "pay_by_ms", "offer_until_ms"}
_FLAGS = {"leader_injected", "paused", "provisional"}

Receipts = Callable[[str, Sequence[int]], Awaitable[list[Json]]]
"""The receipts of these posts of an auction as of now, in their order; None for a post without a verdict."""


class StoreReads:
    """Reads auctions and bids of a marathon of so many `days` at most. The client's time-outs bound every wait."""

    def __init__(
        self, client: Redis, keys: Keys, days: int, receipts: Receipts, clock: Callable[[], int] = wall_clock_ms
    ) -> None:
        self._client, self._keys, self._days, self._clock = client, keys, days, clock
        self._receipts = receipts
        self._own_bid = re.compile(rb"(%b-[0-9]{2,}):([0-9]{1,20})" % keys.marathon_id.encode())

    def reads(self) -> Reads:
        """The reads in the form that the server takes."""
        return Reads(self.current, self.auctions, self.auction, self.bids, self.user_bids, self.receipt)

    async def current(self) -> Json:
        """The auction on stage, with the server's time. Raises NotFound before the first."""
        fields = await self._client.hgetall(self._keys.current)
        if not fields:
            raise NotFound("no auction has been on stage yet")
        return {**_shown(fields), "server_time_ms": self._clock()}

    async def auctions(self) -> Json:
        """Every day that has begun, in order."""
        async with self._client.pipeline(transaction=False) as pipeline:
            for day in range(1, self._days + 1):
                pipeline.hgetall(self._keys.day(day))
            days = await pipeline.execute()
        return {"auctions": [_shown(fields) for fields in days if fields]}

    async def auction(self, auction_id: str) -> Json:
        """One day that has begun. Raises NotFound."""
        marathon_id, _, day = auction_id.rpartition("-")
        fields = {}
        if marathon_id == self._keys.marathon_id and day.isdigit() and 1 <= int(day) <= self._days:
            fields = await self._client.hgetall(self._keys.day(int(day)))
        if fields.get(b"auction_id") != auction_id.encode():
            raise NotFound("there is no such auction, or it has not begun")
        return _shown(fields)

    async def bids(self, auction_id: str, after: str | None, limit: int) -> Json:
        """A page of the auction's bid history, oldest first. Raises NotFound, Refused."""
        await self.auction(auction_id)
        if after is not None and not re.fullmatch(r"[0-9]{1,19}", after):
            raise _no_position()
        members, more = await self._page(self._keys.bids(auction_id), after.zfill(20) if after else None, limit)
        bids = await self._receipts(auction_id, [int(member) for member in members])
        return {"auction_id": auction_id, "bids": bids, "next": str(int(members[-1])) if more else None}

    async def user_bids(self, user_id: int, after: str | None, limit: int) -> Json:
        """A page of a user's bids over all auctions of this marathon, in the order in which they were decided.

        The list is shared by all marathons: bids of others take up places on a page, unseen. Raises Refused.
        """
        if after is not None and not re.fullmatch(r"[0-9]{1,15}", after):
            raise _no_position()
        start = int(after or 0)
        found: Any = await self._client.lrange(self._keys.user_bids(user_id), start, start + limit)
        posts = [own.groups() for entry in found[:limit] if (own := self._own_bid.fullmatch(entry))]
        bids = []
        for auction_id, of_auction in groupby(posts, key=lambda post: post[0].decode()):
            bids += await self._receipts(auction_id, [int(post_id) for _, post_id in of_auction])
        return {"user_id": str(user_id), "bids": bids, "next": str(start + limit) if len(found) > limit else None}

    async def receipt(self, auction_id: str, post_id: int) -> Json:
        """The receipt of a post as of now. Raises NotFound."""
        await self.auction(auction_id)
        [receipt] = await self._receipts(auction_id, [post_id])
        if receipt is None:
            raise NotFound("this auction has no verdict on such a post: it may not have been found yet")
        return receipt

    async def _page(self, key: str, after: str | None, limit: int) -> tuple[list[str], bool]:
        """The members after the member `after`, and whether there are more. Late bids shift its rank."""
        start = 0
        if after is not None:
            rank: Any = await self._client.zrank(key, after)
            if rank is None:
                raise _no_position()
            start = rank + 1
        # One more than asked tells whether there is a next page, another one stands in for `after` itself, which a
        # late bid may have shifted into the page meanwhile.
        members: Any = await self._client.zrange(key, start, start + limit + 1)
        found = [member.decode() for member in members]
        if after in found:
            found = found[found.index(after) + 1 :]
        return found[:limit], len(found) > limit


def _no_position() -> Refused:
    return Refused("`after` must be the `next` of the page before", "BAD_POSITION")


def _shown(fields: Mapping[Any, Any]) -> dict[str, Json]:
    """A hash of flat strings as JSON: empty is null, times and counts are numbers, ids and amounts stay strings."""
    view: dict[str, Json] = {}
    for key, value in fields.items():
        name, text = key.decode(), value.decode()
        if name == SUM:
            continue
        if name in _FLAGS:
            view[name] = bool(text)
        elif not text:
            view[name] = None
        else:
            view[name] = int(text) if name in _NUMBERS else text
        if name.endswith("_wei"):
            view[name.removesuffix("_wei")] = format_eth(int(text)) if text else None
    return view
