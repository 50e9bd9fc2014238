"""The layout of a marathon's keys: tells which version the store holds, and converts an older one to the present one.

1  No version is stored. The house's orders for all marathons of the store wait in `queue:house`; at first a user's bids
   were a sorted set.
2  Every key but a user's bids belongs to one marathon; a day's view has a checksum, and an empty queue has a key.
"""

import logging

import redis

from adapters.redis.client import execute
from adapters.redis.errors import WrongLayout
from adapters.redis.keys import Keys
from adapters.redis.translation import translated
from adapters.redis.view import SUM, sum_of

VERSION = 2
HOUSE_QUEUE_OF_1 = "queue:house"

log = logging.getLogger(__name__)


def refuse_newer(client: redis.Redis, keys: Keys) -> int:
    """The version of this marathon's keys; 0 where it has none yet. Raises WrongLayout for an unknown version."""
    stored = execute(client, "GET", keys.version)
    if stored is None:
        return min(1, int(execute(client, "EXISTS", keys.log)))
    if not stored.isdigit() or int(stored) > VERSION:
        raise WrongLayout(
            f"{keys.version} is {stored!r:.40}: the store was written by a newer version of this program, "
            f"which knows more than layout {VERSION}; start that one"
        )
    return int(stored)


def bring_up_to_date(client: redis.Redis, keys: Keys) -> None:
    """Convert what an older version has written. For the holder of the lease, before anybody else reads or writes.

    The version is stored last, so that an interrupted conversion is made again. Raises WrongLayout, and changes nothing
    then.
    """
    version = refuse_newer(client, keys)
    if version == 1:
        _take_over_orders(client, keys)
        _turn_users_bids_into_lists(client)
        _seal_views(client, keys)
        log.warning("the store was converted from layout 1 to %s", VERSION)
    if version != VERSION:
        for reader in ("house", keys.awaiting_author):
            make_empty(client, keys.queue(reader))
        execute(client, "SET", keys.version, VERSION)


def make_empty(client: redis.Redis, queue: str) -> None:
    """Make an empty queue, unless there is a queue: as if all that was in it had been taken out."""
    if not execute(client, "EXISTS", queue):
        execute(client, "XGROUP CREATE", queue, "made", "$", "MKSTREAM")
        execute(client, "XGROUP DESTROY", queue, "made")


def _take_over_orders(client: redis.Redis, keys: Keys) -> None:
    if not execute(client, "XLEN", HOUSE_QUEUE_OF_1):
        return
    if others := _others_of_1(client, keys):
        raise WrongLayout(
            f"{HOUSE_QUEUE_OF_1} holds orders that may be for {' or '.join(others)} too: "
            "let the version before this one carry them out first"
        )
    execute(client, "RENAMENX", HOUSE_QUEUE_OF_1, keys.queue("house"))


def _others_of_1(client: redis.Redis, keys: Keys) -> list[str]:
    """The other marathons of the store that read the same queue."""
    found = (key.decode().removeprefix("log:") for key in client.scan_iter("log:*", count=1_000))
    others = (Keys(marathon_id) for marathon_id in found if marathon_id != keys.marathon_id)
    return sorted(other.marathon_id for other in others if not execute(client, "EXISTS", other.version))


def _turn_users_bids_into_lists(client: redis.Redis) -> None:
    with translated():
        for key in client.scan_iter("users:*:bids", count=1_000, _type="zset"):
            bids = client.zrange(key, 0, -1)
            with client.pipeline(transaction=True) as pipeline:
                pipeline.delete(key).rpush(key, *bids)  # type: ignore[attr-defined]
                pipeline.execute()


def _seal_views(client: redis.Redis, keys: Keys) -> None:
    for key in (*client.scan_iter(keys.day_pattern, count=1_000, _type="hash"), keys.current):
        fields: dict[bytes, bytes] = execute(client, "HGETALL", key)
        if fields:
            execute(client, "HSET", key, SUM, sum_of(fields))
