"""A supervisor that is always ended with the test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from supervision import Backoff, Group, Supervisor
from tests.harness.waiting import PATIENCE_S

QUICK = Backoff(first_s=0.001, longest_s=0.01)


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    """Makes supervisors without the last resort and with quick back-off; ends them after the test."""
    supervisors: list[Supervisor] = []

    def make(*groups: Group, **options: Any) -> Supervisor:
        options = {"backoff": QUICK, "last_resort_s": None, **options}
        supervisors.append(Supervisor(groups, **options))
        return supervisors[-1]

    yield make
    for supervisor in supervisors:
        supervisor.stop()
    for supervisor in supervisors:
        assert supervisor.wait(PATIENCE_S) is not None
