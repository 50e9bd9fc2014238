"""The scheduler on a stage."""

from actors.scheduler.actor import Scheduler
from actors.scheduler.day_plan import DayPlan
from tests.harness.stage import HOUR_MS, Stage

DAY_MS = 24 * HOUR_MS


def scheduler(stage: Stage, plan: list[DayPlan], asked: list[str]) -> Scheduler:
    """The scheduler of these days, in place of the one before it, which crashes."""
    return stage.enter(
        "scheduler",
        lambda context: Scheduler(context, plan, stage.access, stage.clock, asked.append, ["publisher"]),
    )
