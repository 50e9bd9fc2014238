"""What tests of several rooms share: a real store on an embedded server, a stage for actors on it, a real EVM node."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings

from adapters import alarms
from adapters.redis.embedded import EmbeddedServer
from tests.harness.anvil import Anvil
from tests.harness.stage import Clock, Stage
from tests.harness.store import Store, empty_store

# How long an example takes says more about the machine than about the code; how many are tried does not depend on it.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell that runs tests in the background has them ignore SIGINT, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """No alarm of one test sounds in another one."""
    yield
    for name in alarms.sounding():
        alarms.clear(name)


@pytest.fixture(scope="session")
def _server() -> Iterator[EmbeddedServer]:
    with TemporaryDirectory(prefix="store-") as folder:
        server = EmbeddedServer(Path(folder))
        try:
            server.ensure()
            yield server
        finally:
            server.stop()


@pytest.fixture
def store(_server: EmbeddedServer) -> Iterator[Store]:
    """An empty store; one server serves the whole session."""
    with empty_store(_server.url) as store:
        yield store


@pytest.fixture
def stage(store: Store) -> Iterator[Stage]:
    """An empty stage; its time is the present, and stands still."""
    stage = Stage(store, Clock())
    yield stage
    stage.close()


@pytest.fixture
def make_anvil(tmp_path: Path) -> Iterator[Callable[..., Anvil]]:
    """Starts nodes, each in a folder of its own, and ends them."""
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
