"""X's own outages, as the reconciler meets them: while X is away no auction takes its end for final, and when it is
back the house is told how long it was, which the days make up for (LIFE-6).
"""

from collections.abc import Callable
from http import HTTPStatus

import redis

from adapters.redis.client import execute
from adapters.x.errors import XUnavailable
from auction.downtime_policy import HOUSE, LEAST_OUTAGE_MS
from messages.base import Outage
from messages.commands import MakeUpFor


class XOutage:
    """The outage that may be under way, which stands in the store under `key`. `tell` takes the order to make up for
    one. All methods raise the store's errors. Times in UTC ms."""

    def __init__(self, client: redis.Redis, key: str, tell: Callable[[MakeUpFor], None]) -> None:
        self._client, self._key, self._tell = client, key, tell
        self._from_ms = int(execute(client, "GET", key) or 0)

    def failed(self, unavailable: XUnavailable, now_ms: int) -> None:
        """A search has failed. If it is X that is down, for everybody, its outage has begun; an answer that refuses us
        alone is none. Said again with each failure: the house may just be done with an outage before this one.
        """
        if unavailable.status is None or unavailable.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._from_ms = self._from_ms or now_ms
            execute(self._client, "SET", self._key, self._from_ms)

    def answered(self, now_ms: int) -> None:
        """A search was answered: X is there."""
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
        """Nobody can tell when X is back when nothing is asked of it."""
        if self._from_ms:
            execute(self._client, "DEL", self._key)
            self._from_ms = 0
