"""A stop is an orderly end, whatever a neighbour does meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

import bootstrap
from adapters.redis.embedded import EmbeddedServer
from process import Process
from settings import Settings, load
from tests.harness.hostile import Hostile, Mood
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x
from tests.system.at_work import at_work

replace = msgspec.structs.replace


@pytest.fixture
def x(tmp_path: Path) -> Iterator[SimulatedX]:
    with simulated_x(tmp_path) as running:
        yield running


@contextmanager
def in_front(upstream: int | Path) -> Iterator[Hostile]:
    """A neighbour that is honest yet."""
    made = Hostile(upstream, drip_s=0.05).start()
    yield made
    made.stop()


def is_busy(process: Process, *names: str) -> bool:
    """Whether one of these has been at something for a while."""
    return any(child.name in names and child.busy_ms > 200 for child in process.supervisor.tree())


@pytest.mark.requirement("SUP-1")
@pytest.mark.parametrize("mood", [Mood.DRIP, Mood.SILENT])
def test_a_stop_while_x_keeps_somebody_waiting(mood: Mood, x: SimulatedX, tmp_path: Path) -> None:
    def changed(settings: Settings) -> Settings:
        patient, soon = replace(settings.x, request_timeout_ms=60_000), replace(settings.supervision, shutdown_ms=300)
        return replace(settings, x=patient, supervision=soon)

    with (
        in_front(int(x.base_url.rpartition(":")[2])) as neighbour,
        at_work(tmp_path / "data", neighbour.url, changed) as process,
    ):
        neighbour.turn(mood)
        until(lambda: is_busy(process, bootstrap.RECONCILER, bootstrap.ANNOUNCER))


@pytest.mark.requirement("SUP-1")
@pytest.mark.parametrize("mood", [Mood.DRIP, Mood.SILENT])
def test_a_stop_while_the_store_keeps_everybody_waiting(mood: Mood, x: SimulatedX, tmp_path: Path) -> None:
    shipped = load(None, {})
    share = shipped.supervision.shutdown_ms / shipped.redis.socket_timeout_ms

    server = EmbeddedServer(tmp_path)
    server.ensure()
    with in_front(server.socket) as neighbour:

        def changed(settings: Settings) -> Settings:
            store = replace(settings.redis, url=f"redis://127.0.0.1:{neighbour.port}", socket_timeout_ms=1_000)
            return replace(
                settings, redis=store, supervision=replace(settings.supervision, shutdown_ms=round(share * 1_000))
            )

        with at_work(tmp_path / "data", x.base_url, changed) as process:
            neighbour.turn(mood)
            until(lambda: is_busy(process, bootstrap.KEEPER, bootstrap.SCHEDULER))
    server.stop()
