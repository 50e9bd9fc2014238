"""A simulated X for each test, or one that they share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests

from tests.harness.waiting import until
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
    requests.delete(f"{_shared.base_url}/_sim/faults", timeout=10).close()
    until(lambda: not _shared.ask("health")["stream_connected"])
    return _shared
