"""Three days that a scheduler is given, and whom it asks for."""

import pytest

from actors.scheduler.day_plan import DayPlan
from tests.actors.scheduler.house import DAY_MS
from tests.harness.stage import Stage, day_plan


@pytest.fixture
def asked() -> list[str]:
    """The auctions whose actors were asked for."""
    return []


@pytest.fixture
def plan(stage: Stage) -> list[DayPlan]:
    """Three days of an hour each; the first begins in a second."""
    return [day_plan(day, stage.clock() + 1_000 + (day - 1) * DAY_MS) for day in (1, 2, 3)]
