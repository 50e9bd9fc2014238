"""A simulated X for each test, or one that they share, and the real tweepy on it."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import tweepy

from tests.harness.x_process import SimulatedX, simulated_x


@pytest.fixture
def x(tmp_path: Path) -> Iterator[SimulatedX]:
    """An empty X without a crowd, delays or lags."""
    with simulated_x(tmp_path) as running:
        yield running


@pytest.fixture(scope="package")
def _shared() -> Iterator[SimulatedX]:
    with TemporaryDirectory(prefix="x-") as folder, simulated_x(Path(folder), keepalive_s=0.1) as running:
        yield running


@pytest.fixture
def shared_x(_shared: SimulatedX) -> SimulatedX:
    """One X for all who ask for it, without faults, with nobody on its stream; what others have posted is there."""
    _shared.rest()
    return _shared


@pytest.fixture
def client(x: SimulatedX) -> Iterator[tweepy.Client]:
    client = x.client()
    yield client
    client.session.close()
