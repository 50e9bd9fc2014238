"""The settings of a compressed day: what is posted on it can be told apart."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.wording.posts import closing_post
from commands.compressed import DemoPlan, demo_settings
from messages.events import ClosingSoon
from settings import load
from tests.harness.builders import opened_day

SHIPPED = load(None, {})
ENDS_MS = 1_800_000_000_000


@pytest.mark.requirement("X-5")
@given(
    st.floats(1, 600), st.sampled_from([SHIPPED.rules.closing_soon_ms, (70_000, 61_000, 60_000), (900_000, 899_999)])
)
def test_no_two_closing_posts_of_a_day_have_the_same_text(day_seconds: float, distances: tuple[int, ...]) -> None:
    rules = msgspec.structs.replace(SHIPPED.rules, closing_soon_ms=distances)
    plan = DemoPlan(seed=1, days=1, day_seconds=day_seconds, bidders=2, first_opens_at_ms=0)
    settings = demo_settings(msgspec.structs.replace(SHIPPED, rules=rules), plan, Path("unused"), 0)
    prepared = opened_day().prepared
    assert prepared
    told = [
        closing_post(prepared, ClosingSoon(message_id="c", at_ms=0, left_ms=ms, ends_at_ms=ENDS_MS), "UTC")
        for ms in settings.rules.closing_soon_ms
    ]
    assert len(set(told)) == len(told)
    assert not any(" in 0 s" in text for text in told)
