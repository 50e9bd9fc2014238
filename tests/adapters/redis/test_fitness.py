"""A store that cannot be trusted with auctions is refused before anything is written, in one line with the way out."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.redis import fitness
from adapters.redis.client import connect, execute
from adapters.redis.errors import UnfitStore
from tests.harness.store import Store
from tests.harness.store_servers import answers, server_of
from tests.harness.waiting import until

pytestmark = pytest.mark.requirement("RED-3", "CFG-3")

REFUSED = {
    "a replica": ({"replicaof": "127.0.0.1 1"}, "name its primary, 127.0.0.1:1, in redis.url"),
    "evicts": ({"maxmemory_policy": "allkeys-lru"}, "maxmemory-policy to noeviction, not allkeys-lru"),
    "a cluster": ({"cluster_enabled": "yes"}, "name a server that stands alone"),
    "keeps nothing": ({"appendonly": "no"}, "set appendonly yes"),
}
RISKS = {
    "syncs later": ({"appendfsync": "everysec"}, "appendfsync always"),
    "snapshots only": ({"appendonly": "no", "save": "60 1"}, "set appendonly yes"),
    "ours": ({}, ""),
}


def told_of(options: dict[str, str], oldest: tuple[int, int] = fitness.OLDEST) -> str:
    """What is said of a server with these options."""
    with TemporaryDirectory(prefix="fit-") as name, server_of(Path(name), **options) as (_, url):
        until(lambda: answers(url))
        client = connect(url)
        try:
            return fitness.look_at(client, oldest)
        finally:
            client.close()


@pytest.mark.parametrize("case", REFUSED)
def test_a_store_that_would_lose_bids_or_cannot_work_is_refused_with_the_way_out(case: str) -> None:
    options, words = REFUSED[case]
    with pytest.raises(UnfitStore) as refused:
        told_of(options)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("case", RISKS)
def test_a_store_that_may_lose_its_last_moments_is_a_risk_that_is_told(case: str) -> None:
    options, words = RISKS[case]
    told = told_of(options)
    assert words in told
    assert bool(told) == bool(words)


def test_a_store_that_is_too_old_for_functions_is_refused() -> None:
    with pytest.raises(UnfitStore, match="run a newer one"):
        told_of({}, oldest=(99, 0))


# ---- a store that lacks what has happened here


@pytest.mark.parametrize(("holds", "words"), [(None, "has nothing of"), (b"other", "holds another history than")])
def test_a_store_that_lacks_what_has_happened_here_is_refused(store: Store, holds: bytes | None, words: str) -> None:
    if holds:
        execute(store.client, "SET", store.keys.generation, holds)
    with pytest.raises(UnfitStore, match=words) as refused:
        fitness.refuse_other_history(store.client, store.keys, "the history of before")
    assert "--begin-anew" in str(refused.value)
    fitness.refuse_other_history(store.client, store.keys, "")
    execute(store.client, "SET", store.keys.generation, "the history of before")
    fitness.refuse_other_history(store.client, store.keys, "the history of before")


@pytest.mark.requirement("RED-3")
def test_a_log_that_is_shorter_than_it_was_here_is_refused_in_one_line(store: Store) -> None:
    store.client.set(store.keys.generation, "g")
    store.client.set(store.keys.seq, 3)
    fitness.refuse_other_history(store.client, store.keys, "g", 3)
    with pytest.raises(UnfitStore, match="ends with event 3, and had 4 here: bring its data back") as refused:
        fitness.refuse_other_history(store.client, store.keys, "g", 4)
    assert "\n" not in str(refused.value)
