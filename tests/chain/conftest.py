"""Real nodes, each ended with its test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.chain.node import Node
from tests.chain.answering import Answering
from tests.chain.anvil import PATIENCE_S, Anvil
from tests.chain.watch import Watch, access, watched
from tests.conftest import Store


@pytest.fixture
def make_anvil(tmp_path: Path) -> Iterator[Callable[..., Anvil]]:
    started: list[Anvil] = []

    def make(**options: int) -> Anvil:
        folder = tmp_path / f"anvil-{len(started)}"
        folder.mkdir()
        started.append(Anvil(folder, **options))
        return started[-1]

    yield make
    for anvil in started:
        anvil.kill()


@pytest.fixture
def anvil(make_anvil: Callable[..., Anvil]) -> Anvil:
    return make_anvil()


@pytest.fixture
def connect() -> Iterator[Callable[..., Node]]:
    """Makes nodes from addresses and closes them."""
    made: list[Node] = []

    def make(url: str, timeout_s: float = PATIENCE_S) -> Node:
        made.append(Node(url, timeout_s))
        return made[-1]

    yield make
    for node in made:
        node.close()


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


@pytest.fixture
def answering() -> Iterator[Answering]:
    with Answering() as server:
        yield server
