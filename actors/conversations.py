"""Which auction posts have replies worth following, known from the store at the start and from the log afterwards."""

import redis

from adapters.redis.keys import Keys
from messages.base import Phase


def open_conversations(client: redis.Redis, keys: Keys, days: int) -> dict[int, tuple[str, Phase]]:
    """The auctions on X that have no result yet: auction post id to (auction id, phase)."""
    pipeline = client.pipeline(transaction=False)
    for day in range(1, days + 1):
        pipeline.hmget(keys.day(day), "post_id", "auction_id", "phase")
    found = {}
    for post_id, auction_id, phase in pipeline.execute():
        if post_id and Phase(phase.decode()) in (Phase.ACTIVE, Phase.PROCESSING):
            found[int(post_id)] = (auction_id.decode(), Phase(phase.decode()))
    return found
