"""What a demo goes on with that an earlier version has begun."""

import pytest

from commands.compressed import DemoPlan


@pytest.mark.parametrize(
    ("opens_at_ms", "contract", "sells"),
    [(0, "", True), (1_800_000_000_000, "0x01", True), (1_800_000_000_000, "", False)],
)
def test_a_demo_that_has_begun_without_a_chain_goes_on_without_one(
    opens_at_ms: int, contract: str, sells: bool
) -> None:
    plan = DemoPlan(seed=1, days=1, day_seconds=5, bidders=2, first_opens_at_ms=opens_at_ms, contract=contract)
    assert plan.sells is sells
