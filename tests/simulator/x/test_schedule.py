"""The schedule of faults: a function of its seed, played to its end."""

import pytest
import requests

from simulator.x.faults import Kind
from simulator.x.schedule import Order, plan_faults
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX


@pytest.mark.requirement("TST-2", "TST-3")
def test_a_schedule_follows_from_its_seed_and_has_a_selection_of_everything() -> None:
    plans = {seed: plan_faults(Order(seed=seed, duration_ms=6_000, longest_ms=400)) for seed in range(50)}
    assert plans[7] == plan_faults(Order(seed=7, duration_ms=6_000, longest_ms=400))
    assert plans[7] != plans[8]
    # A push to a webhook goes wrong for its tests only.
    assert {step.fault.kind for plan in plans.values() for step in plan} == set(Kind) - {Kind.BAD_SIGNATURE}
    for plan in plans.values():
        assert [step.at_ms for step in plan] == sorted(step.at_ms for step in plan)
        assert all(0 <= step.at_ms < 6_000 and step.fault.ms <= 400 for step in plan)
        assert len({step.fault.kind for step in plan}) < len(Kind) - 5
        held = {(step.fault.kind, step.fault.path): step.fault.rate for step in plan if step.fault.rate is not None}
        assert set(held.values()) <= {0.0}


@pytest.mark.requirement("TST-2")
def test_a_schedule_is_played_and_leaves_nothing_behind(shared_x: SimulatedX) -> None:
    x = shared_x
    steps = x.tell("schedule", seed=3, duration_ms=600)["steps"]
    assert len(steps) > 5
    until(lambda: x.ask("faults")["faults"])
    until(lambda: not x.ask("faults")["faults"])
    x.tell("schedule", seed=3, duration_ms=60_000)
    until(lambda: x.ask("faults")["faults"])
    requests.delete(f"{x.base_url}/_sim/faults", timeout=10).close()
    assert x.ask("faults")["faults"] == []
