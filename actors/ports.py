"""The ports of actors: the types of the store, the clocks and X's stream that they are given, real or simulated."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import redis

from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.recent import Recent
from adapters.x.stream import StreamEnd

# The wait (ms) after a failed request to X where X does not say how long to wait.
RETRY_X_MS = 2_000

Clock = Callable[[], int]
"""A clock in UTC ms, for timestamps and for when to do something."""

XTime = Callable[[], int | None]
"""The time (UTC ms) that X's clock has reached at least, by which days open and close; None while it is unknown."""


@dataclass(frozen=True)
class StoreAccess:
    """An actor's access to the store: a maker of connections, the key names, the lease's token, and the log entries
    that this process wrote last."""

    connect: Callable[[], redis.Redis]
    keys: Keys
    token: str
    recent: Recent = field(default_factory=Recent)

    def journal(self, client: redis.Redis, writer: str) -> Journal:
        """The journal through which this writer appends to the log, not begun yet."""
        return Journal(client, self.keys, self.token, writer, self.recent)


class Stream(Protocol):
    """The part of `PostStream` that the ingest uses; `PostStream` describes it."""

    def start(self) -> None: ...

    def stop(self, deadline_s: float = ...) -> bool: ...


MakeStream = Callable[[Callable[[bytes], None], Callable[[], None], Callable[[StreamEnd], None]], Stream]
"""Makes a stream, not started yet, from its callbacks on_raw, on_connected and on_ended."""
