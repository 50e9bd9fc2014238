"""Back-off and restart intensity, as arithmetic."""

import pytest

from supervision import Backoff
from supervision.backoff import Intensity

pytestmark = pytest.mark.requirement("SUP-1")


def test_the_first_failure_is_answered_at_once_then_waits_double_up_to_the_longest() -> None:
    backoff = Backoff(jitter=0.0)
    waits = [backoff.wait_s(failures) for failures in range(1, 13)]
    assert waits == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_jitter_shortens_a_wait_by_up_to_its_share_also_the_longest() -> None:
    assert Backoff(random=lambda: 0.0).wait_s(2) == 0.1
    assert Backoff(random=lambda: 1.0).wait_s(2) == pytest.approx(0.08)
    assert Backoff(random=lambda: 1.0).wait_s(50) == pytest.approx(24.0)


def test_weeks_of_failures_do_not_overflow() -> None:
    assert Backoff(jitter=0.0).wait_s(1_000_000) == 30.0


def test_more_than_the_most_within_the_window_is_too_many() -> None:
    intensity = Intensity(most=2, window_s=10.0)
    assert [intensity.exceeded(now_s) for now_s in (0.0, 5.0, 10.0)] == [False, False, True]


def test_restarts_that_are_spread_out_never_exceed() -> None:
    intensity = Intensity(most=2, window_s=10.0)
    assert not any(intensity.exceeded(now_s) for now_s in range(0, 1_000, 6))


def test_a_budget_of_none_is_exceeded_by_the_first_restart() -> None:
    assert Intensity(most=0, window_s=10.0).exceeded(0.0)
