"""X's outages as the reconciler sees them (LIFE-6): no auction freezes its end during an outage of X, and after one the
scheduler is told to move the ends of the open auctions by its length."""

from collections.abc import Callable
from http import HTTPStatus

import redis

from adapters.redis.client import execute
from adapters.x.errors import XUnavailable
from auction.downtime_policy import HOUSE, LEAST_OUTAGE_MS
from messages.base import Outage
from messages.commands import MakeUpFor


class XOutage:
    """The outage of X that may be under way; its beginning is stored under `key`. `tell` takes the order to make up
    for an outage. All methods raise the store's errors. Times in UTC ms."""

    def __init__(self, client: redis.Redis, key: str, tell: Callable[[MakeUpFor], None]) -> None:
        self._client, self._key, self._tell = client, key, tell
        self._from_ms = int(execute(client, "GET", key) or 0)

    def failed(self, unavailable: XUnavailable, now_ms: int) -> None:
        """Take in a failed search: where there was no answer, or a status from 500 on, X's outage has begun. An
        answer that refuses our request alone is no outage. The beginning is stored at each failure, since the house
        may just have deleted it after an earlier outage."""
        if unavailable.status is None or unavailable.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._from_ms = self._from_ms or now_ms
            execute(self._client, "SET", self._key, self._from_ms)

    def answered(self, now_ms: int) -> None:
        """Take in an answered search, which ends an outage: from LEAST_OUTAGE_MS on the house is ordered to make up
        for it."""
        if not self._from_ms:
            return
        outage = Outage(from_ms=self._from_ms, to_ms=now_ms)
        if outage.to_ms - outage.from_ms >= LEAST_OUTAGE_MS:
            message_id = f"outage:X:{outage.from_ms}"
            self._tell(MakeUpFor(message_id=message_id, by=HOUSE, why="", said_at_ms=outage.to_ms, outage=outage))
        else:
            execute(self._client, "DEL", self._key)
        self._from_ms = 0

    def forget(self) -> None:
        """Forget the outage, because without an open auction nothing asks X, and its end would not be seen."""
        if self._from_ms:
            execute(self._client, "DEL", self._key)
            self._from_ms = 0
