"""Some hundreds of random days; `python -m tests.auction.days` holds as many as one likes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messages.base import Rules
from messages.commands import AuctionCommand
from tests.auction.days import check_day
from tests.harness.random_days import CUTS, FREEZES, days


@pytest.mark.requirement("BID-4", "BID-5", "BID-7", "BID-8", "BID-9", "LIFE-5", "LIFE-8", "RED-4", "RED-5")
@settings(max_examples=300)
@given(days(), CUTS, FREEZES, st.integers(0, 1 << 30))
def test_a_day_comes_to_what_the_oracle_says(
    made: tuple[Rules, list[AuctionCommand]], cuts: list[int], frozen_before: int | None, shuffled: int
) -> None:
    check_day(made, cuts, frozen_before, shuffled)
