"""Clients of nodes, and a server that answers nonsense, each ended with its test."""

from collections.abc import Callable, Iterator

import pytest

from adapters.chain.node import Node
from tests.adapters.chain.answering import Answering
from tests.harness.waiting import PATIENCE_S


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
def answering() -> Iterator[Answering]:
    with Answering() as server:
        yield server
