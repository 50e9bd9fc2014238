"""A process with an open day, in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bootstrap
import supervisor
from adapters.wall_clock import wall_clock_ms
from commands.compressed import DemoPlan, days_of, demo_settings
from commands.simulated import CREDENTIALS
from process import Process
from settings import Settings, load

STOP_S = 60.0


@contextmanager
def at_work(folder: Path, x_url: str, changed: Callable[[Settings], Settings]) -> Iterator[Process]:
    """A process with an open day; it is stopped at the end, and has to end in order."""
    plan = DemoPlan(seed=1, days=1, day_seconds=600, bidders=2, first_opens_at_ms=wall_clock_ms())
    settings = changed(demo_settings(load(None, {}), plan, folder, port=0))
    process = supervisor.process_of(settings, bootstrap.Dependencies(x_url, CREDENTIALS, days_of(settings, plan)))
    process.start()
    try:
        yield process
    finally:
        process.supervisor.stop()
        code = process.supervisor.wait(STOP_S)
        process.stop()
    assert code == 0
