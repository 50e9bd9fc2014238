"""The budget: no request beyond a window, whatever X says about it, and a wait that grows while X is unwell."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import metrics
from adapters.x.budget import ASSUMED, Budget
from adapters.x.errors import HeldBack

T0 = 1_800_000_000_000
QUARTER_MS = 900_000


def headers(remaining: int, limit: int = 10, reset_ms: int | None = None, **more: str) -> dict[str, str]:
    found = {"x-rate-limit-limit": str(limit), "x-rate-limit-remaining": str(remaining), **more}
    return found if reset_ms is None else {**found, "x-rate-limit-reset": str(-(-reset_ms // 1000))}


def wait_ms(budget: Budget, at_ms: int, endpoint: str = "search") -> int:
    """How long the budget holds a request back; 0: it was spent."""
    try:
        budget.spend(endpoint, at_ms)
    except HeldBack as held:
        return held.retry_after_ms or 1
    return 0


def ask(budget: Budget, at_ms: int, answer: Mapping[str, str], status: int | None = 200) -> int | None:
    budget.spend("search", at_ms)
    return budget.note("search", status, answer, at_ms)


@pytest.mark.requirement("X-4")
def test_before_x_has_said_anything_the_least_that_it_may_allow_is_assumed() -> None:
    budget = Budget()
    for _ in range(ASSUMED["search"]):
        assert ask(budget, T0, {}) in (None, QUARTER_MS)
    assert wait_ms(budget, T0) == QUARTER_MS
    assert wait_ms(budget, T0, "post") == 0, "each endpoint has a window of its own"
    assert wait_ms(budget, T0 + QUARTER_MS) == 0


@pytest.mark.requirement("X-4")
def test_a_window_is_closed_until_the_reset_that_x_names_and_not_longer() -> None:
    budget = Budget()
    assert ask(budget, T0, headers(1, reset_ms=T0 + 100_000)) is None
    assert ask(budget, T0 + 1, headers(0, reset_ms=T0 + 100_000)) == 101_000 - 1
    assert wait_ms(budget, T0 + 100_999) == 1
    assert [wait_ms(budget, T0 + 101_000) for _ in range(10)] == [0] * 10
    assert wait_ms(budget, T0 + 101_000) == QUARTER_MS, "the next window is as long as a window is"


@pytest.mark.requirement("X-4")
def test_without_a_reset_the_window_is_taken_to_have_begun_with_the_first_answer() -> None:
    budget = Budget()
    budget.spend("search", T0)
    budget.note("search", 200, headers(0), T0 + 7_000)
    assert wait_ms(budget, T0 + QUARTER_MS) == 7_000
    assert wait_ms(budget, T0 + QUARTER_MS + 7_000) == 0


@pytest.mark.requirement("X-4")
def test_a_clock_that_is_off_does_not_matter_where_x_says_what_time_it_is() -> None:
    # X lives ten minutes before us: its reset is in our past.
    date = "Fri, 15 Jan 2027 07:50:00 GMT"  # T0 - 10 min
    said = headers(0, reset_ms=T0 - 600_000 + 60_000, date=date)
    assert ask(Budget(), T0, said) == 61_000


@pytest.mark.requirement("X-4")
def test_what_is_still_under_way_counts_as_not_yet_counted() -> None:
    budget = Budget({})
    budget.spend("search", T0)
    budget.spend("search", T0)
    budget.note("search", 200, headers(1, reset_ms=T0 + 60_000), T0)
    assert wait_ms(budget, T0) > 0
    budget.note("search", 200, headers(2, reset_ms=T0 + 60_000), T0)  # the answers have overtaken each other
    assert wait_ms(budget, T0) > 0


@pytest.mark.requirement("X-4")
def test_a_day_s_window_holds_for_its_day_and_names_waits_that_are_bounded() -> None:
    budget = Budget()
    day = {"x-app-limit-24hour-remaining": "0", "x-app-limit-24hour-reset": str((T0 + 80_000_000) // 1000)}
    assert ask(budget, T0, day) == QUARTER_MS
    assert wait_ms(budget, T0 + 79_000_000) == QUARTER_MS
    assert wait_ms(budget, T0 + 80_001_000) == 0


@pytest.mark.requirement("X-4")
@pytest.mark.parametrize(
    ("status", "waits"),
    [
        (503, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]),
        (429, [2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000]),
        (401, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000]),
        (402, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000]),
        (403, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000]),
        (None, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000]),
        (404, [None] * 7),
    ],
)
def test_failures_are_left_alone_for_longer_and_longer_with_jitter(status: int | None, waits: list[int | None]) -> None:
    for chance, share in ((1.0, 1.0), (0.0, 0.5)):
        budget, at_ms = Budget(chance=lambda: chance), T0  # noqa: B023
        for expected in waits:
            waited = ask(budget, at_ms, {}, status)
            assert waited == (expected and expected * share)
            if waited:
                assert wait_ms(budget, at_ms + waited - 1) == 1
            at_ms += waited or 0
        assert ask(budget, at_ms, {}) is None
        assert ask(budget, at_ms, {}, 503) == 1_000 * share, "a good answer ends the row"


@pytest.mark.requirement("X-4", "X-5")
def test_a_post_that_is_forbidden_does_not_hold_up_the_next_one() -> None:
    budget = Budget()
    budget.spend("post", T0)
    assert budget.note("post", 403, {}, T0) is None
    assert wait_ms(budget, T0, "post") == 0


@pytest.mark.requirement("X-4")
def test_a_clock_that_jumps_back_does_not_hold_requests_back_for_ever() -> None:
    budget = Budget()
    ask(budget, T0, headers(0, reset_ms=T0 + 60_000))
    assert wait_ms(budget, T0 - 10**10) <= QUARTER_MS
    assert wait_ms(budget, T0 - 10**10 + QUARTER_MS + 1_000) == 0


@pytest.mark.requirement("X-4", "OBS-1")
def test_what_is_left_is_a_number_to_be_watched() -> None:
    ask(Budget(), T0, headers(7, reset_ms=T0 + 60_000))
    shown = metrics.render().decode()
    assert 'auction_x_window_left{endpoint="search"} 7.0' in shown
    assert 'auction_x_window_limit{endpoint="search"} 10.0' in shown


class Windows:
    """X's side: fixed windows that begin with a request, counted."""

    def __init__(self, limit: int, tells_reset: bool, elsewhere: int) -> None:
        self.limit, self.tells_reset = limit, tells_reset
        self.used, self.ends_ms, self.exceeded, self.elsewhere = 0, 0, 0, elsewhere

    def take(self, at_ms: int) -> dict[str, str]:
        if at_ms >= self.ends_ms:
            self.used, self.ends_ms = self.elsewhere, at_ms + QUARTER_MS
        self.used += 1
        self.exceeded += self.used > self.limit
        return headers(max(self.limit - self.used, 0), self.limit, self.ends_ms if self.tells_reset else None)


# Each request: how long after the one before it is asked for, how long it takes to X, and its answer back to us.
REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 900, 200_000, 899_000]),
        st.integers(0, 3_000),
        st.integers(0, 3_000),
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.requirement("X-4")
@given(requests=REQUESTS, limit=st.integers(3, 12), tells_reset=st.booleans())
def test_no_request_ever_exceeds_a_window_of_x(
    requests: list[tuple[int, int, int]], limit: int, tells_reset: bool
) -> None:
    budget, x, now_ms = Budget({"search": 3}), Windows(limit, tells_reset, elsewhere=0), T0
    # What happens, in order of time: a request is asked for, reaches X, is answered.
    due: list[tuple[int, int, str, Any]] = []
    for number, (after_ms, there_ms, back_ms) in enumerate(requests):
        now_ms += after_ms
        due.append((now_ms, number, "ask", (there_ms, back_ms)))
    serial = len(due)
    while due:
        due.sort()
        at_ms, _, what, given_ = due.pop(0)
        serial += 1
        if what == "ask":
            # Who is held back asks again as soon as he may: right behind the end of a window.
            waited = wait_ms(budget, at_ms)
            again = (at_ms + waited, serial, "ask", given_)
            due.append(again if waited else (at_ms + given_[0], serial, "reach", given_[1]))
        elif what == "reach":
            due.append((at_ms + given_, serial, "answer", x.take(at_ms)))
        elif what == "answer":
            budget.note("search", 200, given_, at_ms)
    assert x.exceeded == 0
