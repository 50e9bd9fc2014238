"""The lease: which process owns the marathon. It expires, so that another process can take over. Two can never
write, because each commit carries the lease's token, which the store compares.
"""

import secrets

import redis

from adapters.redis import functions
from adapters.redis.client import execute
from adapters.redis.keys import Keys


def new_token() -> str:
    """A token that no other process has or will have, not even after a failover that lost data."""
    return secrets.token_hex(16)


class Lease:
    """The lease of one marathon as seen by the process with this token. All methods raise StoreUnavailable and
    OutcomeUnknown; each may be called again after either."""

    def __init__(self, client: redis.Redis, keys: Keys, token: str, ttl_ms: int) -> None:
        self._client, self._keys, self._token, self._ttl_ms = client, keys, token, ttl_ms

    def take(self, steal: bool = False) -> bool:
        """Take the lease for `ttl_ms`, with `steal` even from a live holder. Returns whether it is ours now."""
        steals = "steal" if steal else ""
        keys = [self._keys.lease, self._keys.owner]
        return bool(functions.call(self._client, "take_lease", keys, [self._token, self._ttl_ms, steals]))

    def keep(self) -> int:
        """Renew the lease for another `ttl_ms`, also where it has ended or the store's memory is full. Returns the seq
        of the newest event. Raises NotOwner where another process has had it, HistoryLost."""
        keys = [self._keys.lease, self._keys.owner, self._keys.seq]
        seq: int = functions.call(self._client, "keep_lease", keys, [self._token, self._ttl_ms])
        return seq

    def try_write(self) -> None:
        """Make a write that changes nothing, to find out whether the store accepts writes. Raises as `execute`."""
        execute(self._client, "SETRANGE", self._keys.owner, 0, "")

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        functions.call(self._client, "release_lease", [self._keys.lease], [self._token])
