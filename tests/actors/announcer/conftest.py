"""A day that has opened, whose bidders are told what becomes of their bids."""

import pytest

from tests.actors.announcer.told import Told


@pytest.fixture
def told() -> Told:
    return Told()
