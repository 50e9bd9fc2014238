"""The lease keeper: renews the marathon's lease, and starts the embedded server again should it have died.

Losing the lease to another process ends this one at once: somebody else owns the marathon.
"""

from collections.abc import Callable

from actors.ports import StoreAccess
from adapters.redis.errors import NotOwner
from adapters.redis.lease import Lease
from supervision import Actor, Context


class LeaseKeeper(Actor):
    """`ensure_server` starts the embedded server if it is not alive; with an external store it does nothing."""

    def __init__(
        self, context: Context, store: StoreAccess, lease_ms: int, ensure_server: Callable[[], object]
    ) -> None:
        super().__init__(context)
        self._store, self._lease_ms, self._ensure_server = store, lease_ms, ensure_server
        self.tick_s = lease_ms / 1000 / 4  # type: ignore[misc]

    def setup(self) -> None:
        self._client = self._store.connect()
        self._lease = Lease(self._client, self._store.keys, self._store.token, self._lease_ms)
        self.tick()

    def teardown(self) -> None:
        self._client.close()

    def handle(self, message: object) -> object:
        return NotImplemented

    def tick(self) -> None:
        self._ensure_server()
        # Taking it again also heals a lease that ended while this process could not run, if nobody else took it.
        if not self._lease.take():
            raise NotOwner("another process has taken the lease of this marathon")
