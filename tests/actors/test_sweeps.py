"""When a sweep proves something: never because of one look, never across a post that came up late."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.sweeps import Sweep
from auction.rules import SNOWFLAKE_EPOCH_MS

LAG_MS = 60
T0 = 1_800_000_000_000


def made_at(ms: int) -> int:
    """The id of a post made so many ms after T0."""
    return (T0 + ms - SNOWFLAKE_EPOCH_MS) << 22


# Each pass: when, up to when, which posts (by their times) it saw, and the time that it proves (None: nothing).
Pass = tuple[int, int, list[int], int | None]
STORIES: dict[str, list[Pass]] = {
    "two equal passes, a lag apart": [(100, 70, [10, 20], None), (160, 130, [10, 20], 70)],
    "nobody replied": [(100, 70, [], None), (160, 130, [], 70), (220, 190, [], 130)],
    "too early to prove anything": [(100, 70, [10], None), (159, 129, [10], None), (160, 130, [10], 70)],
    "frequent passes wait for the lag": [(100, 70, [], None), (130, 100, [], None), (165, 135, [], 70)],
    "newer posts change nothing before": [(100, 70, [10], None), (160, 130, [10, 70, 90], 70)],
    "one came up late": [(100, 70, [10], None), (160, 130, [10, 20], None), (220, 190, [10, 20], 130)],
    "one is gone": [(100, 70, [10, 20], None), (160, 130, [10], None), (220, 190, [10], 130)],
    "late, at the last ms of the slice": [(100, 70, [], None), (160, 130, [69], None)],
    "at the end of the slice, which is exclusive": [(100, 70, [], None), (160, 130, [70], 70)],
    "seen early and late, not in between": [(100, 70, [10], None), (160, 130, [], None), (220, 190, [10], None)],
    "the clock went back": [(100, 70, [], None), (160, 130, [], 70), (90, 60, [], None), (220, 190, [], 130)],
}  # fmt: skip


@pytest.mark.requirement("X-3", "BID-5")
@pytest.mark.parametrize("story", STORIES)
def test_what_passes_prove(story: str) -> None:
    sweep = Sweep(LAG_MS)
    for passed_at, swept_to, seen, proven in STORIES[story]:
        told = sweep.record(T0 + passed_at, T0 + swept_to, [made_at(ms) for ms in seen])
        assert told == (None if proven is None else T0 + proven), f"the pass at {passed_at}"


@dataclass(frozen=True)
class Visible:
    """A post that the search shows from `up_ms` on, until it is gone."""

    at_ms: int
    up_ms: int
    gone_ms: int


POSTS = st.lists(
    st.builds(
        lambda at_ms, late_ms, life_ms: Visible(at_ms, at_ms + late_ms, at_ms + late_ms + life_ms),
        st.integers(0, 400),
        st.integers(0, 200),
        st.integers(1, 2_000),
    ),
    max_size=8,
    unique_by=lambda post: post.at_ms,
)
PASSES = st.lists(st.integers(1, 90), min_size=1, max_size=15)
SEARCH_LAG_MS = 30


@pytest.mark.requirement("X-3", "BID-5")
@settings(deadline=None)
@given(posts=POSTS, gaps=PASSES)
def test_a_mark_is_never_given_across_a_post_that_only_the_later_pass_has_seen(
    posts: list[Visible], gaps: list[int]
) -> None:
    sweep, passes, now_ms, last = Sweep(LAG_MS), [], 0, 0
    for gap in gaps:
        now_ms += gap
        to_ms = now_ms - SEARCH_LAG_MS
        seen = {post.at_ms for post in posts if post.up_ms <= now_ms < post.gone_ms and post.at_ms < to_ms}
        passes.append((now_ms, to_ms, seen))
        before = sweep.proven_ms - T0
        proven = sweep.record(T0 + now_ms, T0 + to_ms, map(made_at, seen))
        if proven is None:
            continue
        earlier = next(each for each in passes if T0 + each[1] == proven)
        assert earlier[0] <= now_ms - LAG_MS
        # What was proven before stays proven, whatever has gone since.
        assert {at for at in seen if before <= at < earlier[1]} == {at for at in earlier[2] if before <= at}
        assert sweep.proven_ms == proven > last
        last = proven


@pytest.mark.requirement("BID-5")
@settings(deadline=None)
@given(posts=POSTS, gaps=PASSES)
def test_once_nothing_comes_up_any_more_everything_is_proven_soon(posts: list[Visible], gaps: list[int]) -> None:
    sweep, now_ms = Sweep(LAG_MS), 0
    for gap in gaps:
        now_ms += gap
        seen = [post.at_ms for post in posts if post.up_ms <= now_ms < post.gone_ms and post.at_ms < now_ms]
        sweep.record(T0 + now_ms, T0 + now_ms, map(made_at, seen))
    quiet_ms = max([now_ms, *(post.gone_ms for post in posts)])
    for number in range(1, 5):
        sweep.record(T0 + quiet_ms + number * LAG_MS, T0 + quiet_ms + number * LAG_MS, [])
    assert sweep.proven_ms >= T0 + quiet_ms + LAG_MS
