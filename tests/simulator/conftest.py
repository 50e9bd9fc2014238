"""An empty simulated X for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.x_process import SimulatedX, simulated_x


@pytest.fixture
def x(tmp_path: Path) -> Iterator[SimulatedX]:
    """An X without a crowd, delays or lags."""
    with simulated_x(tmp_path) as running:
        yield running
