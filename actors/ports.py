"""What actors are given from outside: the store and the clock; simulated ones come in here too."""

from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.recent import Recent

# How long to leave X alone after it could not be reached and did not say when to come again, in ms.
RETRY_X_MS = 2_000

Clock = Callable[[], int]
"""The time in UTC ms, for what is written down and for when to do something."""

XTime = Callable[[], int | None]
"""The UTC ms that X's clock has reached at least, for what the time decides; None while nobody knows."""


@dataclass(frozen=True)
class StoreAccess:
    """How an actor reaches the store: a connection of its own, the keys' names, the token of the lease, and what of the
    log was written here a moment ago."""

    connect: Callable[[], redis.Redis]
    keys: Keys
    token: str
    recent: Recent = field(default_factory=Recent)

    def journal(self, client: redis.Redis, writer: str) -> Journal:
        """The writer's hold on its chain of the log, not begun yet."""
        return Journal(client, self.keys, self.token, writer, self.recent)
