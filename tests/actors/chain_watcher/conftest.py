"""Chain watchers and lying nodes, each ended with its test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.harness.anvil import Anvil
from tests.harness.chain_watch import Watch, access, watched
from tests.harness.lying_node import Lies, LyingNode
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S


@pytest.fixture
def watch(store: Store) -> Iterator[Callable[..., Watch]]:
    """Makes watchers of the contract on the store and ends them; they differ in what is said of `watched`."""
    made: list[Watch] = []

    def make(*urls: str, timeout_s: float = PATIENCE_S, **what: Any) -> Watch:
        made.append(Watch(access(store), urls, watched(**what), timeout_s))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def liar(anvil: Anvil) -> Iterator[Callable[..., LyingNode]]:
    """Makes nodes before the real one that tell these lies."""
    with ExitStack() as ending:
        yield lambda **lies: ending.enter_context(LyingNode(anvil.url, lies=Lies(**lies)))
