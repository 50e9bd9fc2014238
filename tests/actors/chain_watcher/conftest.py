"""Chain watchers, each ended with its test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.actors.chain_watcher.watch import Watch, access, watched
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S


@pytest.fixture
def watch(store: Store) -> Iterator[Callable[..., Watch]]:
    """Makes watchers of the contract on the store and ends them; they differ in what is said of `watched`."""
    made: list[Watch] = []

    def make(url: str, timeout_s: float = PATIENCE_S, **what: Any) -> Watch:
        made.append(Watch(access(store), url, watched(**what), timeout_s))
        return made[-1]

    yield make
    for each in made:
        each.stop()
