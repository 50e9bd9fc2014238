"""Senders, each ended with its test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.actors.settlement.sending import Clock, Driven
from tests.harness.anvil import Anvil
from tests.harness.store import Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def drive(store: Store, clock: Clock) -> Iterator[Callable[..., Driven]]:
    """Makes senders of the same store and the same time."""
    made: list[Driven] = []

    def make(*anvils: Anvil, **options: Any) -> Driven:
        made.append(Driven(store, anvils, clock, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()
