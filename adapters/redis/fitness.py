"""The check of an external store before anything is written to it: whether it can be trusted with auctions.

A store that would lose acknowledged bids or cannot work is refused; one that may lose the last moments at a loss of
power is a risk that an operator is told of. The embedded server is not checked, since its options are ours.
"""

import logging
import time
from typing import Any

import redis

from adapters.redis.client import execute
from adapters.redis.errors import StoreUnavailable, UnfitStore
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader

OLDEST = (7, 0)  # functions came with 7.0
LOADING_S = 600.0
POLL_S = 0.2
log = logging.getLogger(__name__)


def look_at(client: redis.Redis, oldest: tuple[int, int] = OLDEST) -> str:
    """Check the store. Returns the risk of using it, in a sentence, empty where there is none. Waits for a server
    that still reads its files. Raises UnfitStore, in one line with the way out, and as `execute`."""
    info = _info(client)
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        raise UnfitStore(f"the store is version {version}; functions need Redis 7.0 or Valkey: run a newer one")
    if info.get("cluster_enabled"):
        raise UnfitStore(
            "the store is a cluster, which keeps one marathon's keys apart: name a server that stands alone"
        )
    if info["role"] != "master":
        primary = f"{info.get('master_host')}:{info.get('master_port')}"
        raise UnfitStore(
            f"the store is a replica, which cannot be written to: name its primary, {primary}, in redis.url"
        )
    if (policy := str(info["maxmemory_policy"])) != "noeviction":
        raise UnfitStore(
            f"the store throws keys away when its memory is full: set its maxmemory-policy to noeviction, not {policy}"
        )
    return _persistence(client, bool(info["aof_enabled"]))


def refuse_other_history(client: redis.Redis, keys: Keys, generation: str, seq: int = 0) -> None:
    """Raise UnfitStore where the store does not hold the history that was worked on here before, named by its
    `generation` and at least `seq` events long: another start would announce every auction again. An empty
    `generation` means that none was."""
    stored: bytes | None = execute(client, "GET", keys.generation)
    if generation and (stored or b"").decode(errors="replace") != generation:
        lacks = "holds another history than" if stored else "has nothing of"
        raise UnfitStore(
            f"the store {lacks} the marathon {keys.marathon_id}, which has run here: bring its data back, "
            "or `run --begin-anew` announces its auctions a second time"
        )
    if generation and (left := LogReader(client, keys).last_seq()) < seq:
        raise UnfitStore(
            f"the log of {keys.marathon_id} ends with event {left}, and had {seq} here: bring its data back, "
            "or `run --begin-anew` goes on with what is left, and may announce an auction a second time"
        )


def _info(client: redis.Redis) -> dict[str, Any]:
    give_up_s, told = time.monotonic() + LOADING_S, False
    while True:
        info: dict[str, Any] = execute(client, "INFO")
        if not info.get("loading"):
            return info
        if time.monotonic() > give_up_s:
            raise StoreUnavailable(f"the store still reads its files after {LOADING_S:g} s")
        if not told:
            log.warning("the store still reads its files: waiting for it")
            told = True
        time.sleep(POLL_S)


def _persistence(client: redis.Redis, appends: bool) -> str:
    if appends:
        sync = _setting(client, "appendfsync")
        if sync in ("always", None):
            return ""
        return f"the store syncs its append-only file {sync}: a loss of power loses the last bids; appendfsync always"
    if _setting(client, "save") == "":
        raise UnfitStore("the store keeps nothing on disk, so its restart would lose the marathon: set appendonly yes")
    return "the store keeps snapshots only: its restart loses what came after the last one; set appendonly yes"


def _setting(client: redis.Redis, name: str) -> str | None:
    """One setting of the server; None where the server does not tell it (a managed one)."""
    try:
        found: dict[str, str] = execute(client, "CONFIG GET", name)
    except (redis.ResponseError, StoreUnavailable):
        return None
    return found.get(name)
