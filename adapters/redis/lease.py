"""The lease: which process owns the marathon. Expiry lets another take over; what keeps two from writing is
that each commit carries the token, and that the store compares it.
"""

import secrets

import redis

from adapters.redis import functions
from adapters.redis.keys import Keys


def new_token() -> str:
    """A token that no other process has or will have, not even after a failover has lost a number."""
    return secrets.token_hex(16)


class Lease:
    """The lease of one marathon as seen by the process with this token. All methods raise StoreUnavailable
    and OutcomeUnknown; each may be called again after either.
    """

    def __init__(self, client: redis.Redis, keys: Keys, token: str, ttl_ms: int) -> None:
        self._client = client
        self._key = keys.lease
        self._token = token
        self._ttl_ms = ttl_ms

    def take(self, steal: bool = False) -> bool:
        """Whether the lease is ours now, for `ttl_ms`. `steal` takes it even from a holder that lives."""
        return bool(self._call("take_lease", self._token, self._ttl_ms, "steal" if steal else ""))

    def renew(self) -> None:
        """Holds it for another `ttl_ms`. Raises NotOwner when it has ended or was taken."""
        self._call("renew_lease", self._token, self._ttl_ms)

    def release(self) -> None:
        """Gives it back, if it is still ours."""
        self._call("release_lease", self._token)

    def _call(self, function: str, *args: functions.Value) -> int:
        answer: int = functions.call(self._client, function, [self._key], args)
        return answer
