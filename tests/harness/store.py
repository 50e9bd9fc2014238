"""The store of a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from adapters.redis import functions
from adapters.redis.client import connect
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token


@dataclass(frozen=True)
class Store:
    """An empty store in which the marathon `m` is owned by `token`."""

    url: str
    client: redis.Redis
    keys: Keys
    token: str
    lease: Lease

    def journal(self, writer: str) -> Journal:
        return Journal(self.client, self.keys, self.token, writer)


@contextmanager
def full_memory(client: redis.Redis) -> Iterator[None]:
    """The server refuses to write, as one whose memory is full."""
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


@contextmanager
def empty_store(url: str) -> Iterator[Store]:
    """The server at this URL, emptied, with its function library, the lease taken."""
    client = connect(url)
    try:
        client.flushall()
        functions.load(client)
        keys, token = Keys("m"), new_token()
        lease = Lease(client, keys, token, ttl_ms=600_000)
        assert lease.take()
        yield Store(url, client, keys, token, lease)
    finally:
        client.close()
