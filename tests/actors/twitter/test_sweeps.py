"""What looks prove: never because of one look, never across a post that came up late, and a page at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.twitter.completeness import KEPT_LOOKS, PAGES_A_LOOK, Ask, Look, Sweep, packed, unpacked
from messages.x_ids import X_EPOCH_MS, posted_at_ms

LAG_MS = 60
SEARCH_LAG_MS = 30
POSTS_A_PAGE = 2
T0 = 1_800_000_000_000


def made_at(ms: int, number: int = 0) -> int:
    """The id of a post made so many ms after T0."""
    return ((T0 + ms - X_EPOCH_MS) << 22) + number


def look(sweep: Sweep, now: int, to: int, seen: Iterable[int]) -> int | None:
    """Whatever is due at this time is asked, each look is one page; up to when it is proven now."""
    posts = [made_at(ms) for ms in seen]
    while ask := sweep.next(T0 + now, T0 + to):
        sweep.read(ask, posts, None, T0 + now)
    return sweep.proven_ms - T0 or None


def due(sweep: Sweep, now: int, to: int) -> Ask:
    """What is to be asked next, where there is something."""
    ask = sweep.next(T0 + now, T0 + to)
    assert ask is not None
    return ask


# Each turn: when, up to when the search knows, which posts (by their times) it shows, and what is proven then.
Turn = tuple[int, int, list[int], int | None]
STORIES: dict[str, list[Turn]] = {
    "two equal looks, a lag apart": [(100, 70, [10, 20], None), (160, 70, [10, 20], 70)],
    "nobody replied": [(100, 70, [], None), (160, 130, [], 70), (220, 190, [], 130)],
    "too early to prove anything": [(100, 70, [10], None), (159, 70, [10], None), (160, 70, [10], 70)],
    "newer posts change nothing before": [(100, 70, [10], None), (160, 130, [10, 70, 90], 70)],
    "one came up late": [(100, 70, [10], None), (160, 70, [10, 20], None), (220, 70, [10, 20], 70)],
    "one is gone": [(100, 70, [10, 20], None), (160, 70, [10], None), (220, 70, [10], 70)],
    "late, at the last ms of the slice": [(100, 70, [], None), (160, 70, [69], None)],
    "at the end of the slice, which is exclusive": [(100, 70, [], None), (160, 70, [70], 70)],
    "seen early and late, not in between": [(100, 70, [10], None), (160, 70, [], None), (220, 70, [10], None)],
    "a later slice is proven with the one before it": [
        (100, 50, [10], None), (120, 90, [10, 60], None), (160, 90, [10, 20, 60], None), (180, 90, [10, 20, 60], None),
        (220, 90, [10, 20, 60], 90),
    ],
}  # fmt: skip


@pytest.mark.requirement("X-3", "BID-5")
@pytest.mark.parametrize("story", STORIES)
def test_what_looks_prove(story: str) -> None:
    sweep = Sweep(LAG_MS, T0)
    for now, to, seen, proven in STORIES[story]:
        assert look(sweep, now, to, seen) == proven, f"the look at {now}"


@pytest.mark.requirement("X-3")
def test_a_restart_goes_on_from_what_is_proven() -> None:
    sweep = Sweep(LAG_MS, T0 + 70)
    assert sweep.next(T0 + 100, T0 + 70) is None
    assert sweep.next(T0 + 100, T0 + 90) == Ask(T0 + 70, T0 + 90)


def restarted(sweep: Sweep, watermark: int, now: int) -> Sweep:
    """The sweep of a process that goes on after this one."""
    after = Sweep(LAG_MS, T0 + watermark)
    after.go_on(sweep.looks(T0 + now), T0, T0 + now)
    return after


@pytest.mark.requirement("X-3", "SUP-3")
def test_a_restart_looks_once_more_at_what_was_looked_at_and_proves_it_with_that() -> None:
    sweep = Sweep(LAG_MS, T0)
    look(sweep, 40, 40, [20])
    look(sweep, 80, 80, [20])
    sweep = restarted(sweep, 0, 85)
    assert look(sweep, 99, 80, [20]) is None, "the lag has not passed"
    assert look(sweep, 100, 80, [20]) == 40
    sweep = restarted(sweep, 0, 105)
    assert look(sweep, 140, 80, [20]) is None, "beyond the watermark nothing stays proven"
    assert look(sweep, 160, 80, [20]) == 80
    sweep.forget_before(T0 + 40)
    assert [each.from_ms - T0 for each in sweep.looks(T0 + 200)] == [40]


@pytest.mark.requirement("X-3", "SUP-3", "RED-4")
@pytest.mark.parametrize(
    "wrong",
    {
        "before the post": Look(T0 - 1, T0 + 40, T0 + 50, ""),
        "a gap behind the watermark": Look(T0 + 11, T0 + 40, T0 + 50, ""),
        "of a time that had not come": Look(T0, T0 + 40, T0 + 39, ""),
        "made later than now": Look(T0, T0 + 40, T0 + 101, ""),
    }.items(),
    ids=str,
)
def test_a_restart_goes_on_from_no_look_that_leaves_a_gap_or_cannot_have_been_made(wrong: tuple[str, Look]) -> None:
    sweep = Sweep(LAG_MS, T0 + 10)
    sweep.go_on([wrong[1], Look(T0 + 40, T0 + 60, T0 + 60, "")], T0, T0 + 100)
    assert sweep.next(T0 + 200, T0 + 90) == Ask(T0 + 10, T0 + 90)


@pytest.mark.requirement("X-3", "SUP-3", "RED-4")
@pytest.mark.parametrize("from_ms", [0, 20])
def test_a_restart_goes_on_from_no_look_that_overlaps_the_one_before_it(from_ms: int) -> None:
    first = Sweep(LAG_MS, T0)
    look(first, 40, 40, [20])
    sweep, [kept] = Sweep(LAG_MS, T0), first.looks(T0 + 40)
    sweep.go_on([kept, Look(T0 + from_ms, T0 + 80, T0 + 80, "")], T0, T0 + 100)
    assert sweep.next(T0 + 100, T0 + 80) == Ask(T0, T0 + 40)
    sweep.read(Ask(T0, T0 + 40), [made_at(20)], None, T0 + 100)
    assert sweep.proven_ms == T0 + 40, "nobody has looked at what follows"
    assert sweep.next(T0 + 100, T0 + 80) == Ask(T0 + 40, T0 + 80)


@pytest.mark.requirement("X-3", "SUP-3")
def test_a_look_at_a_slice_that_the_watermark_has_passed_meanwhile_is_broken_off() -> None:
    sweep = Sweep(LAG_MS, T0)
    look(sweep, 40, 40, [20])
    sweep = restarted(sweep, 0, 100)
    sweep.read(due(sweep, 100, 100), [made_at(20)], "more", T0 + 100)
    sweep.forget_before(T0 + 40)  # a mark of the process before was still in the queue
    assert sweep.next(T0 + 100, T0 + 100) == Ask(T0 + 40, T0 + 100)
    assert look(sweep, 100, 100, []) is None
    assert look(sweep, 160, 100, []) == 100


@pytest.mark.requirement("X-3", "SUP-3")
def test_a_restart_begins_within_a_slice_that_the_watermark_has_passed_in_part_and_goes_on_in_as_long_slices() -> None:
    sweep = Sweep(LAG_MS, T0 + 10)
    sweep.go_on([Look(T0, T0 + 5, T0 + 50, ""), Look(T0, T0 + 40, T0 + 50, "")], T0, T0 + 50)
    assert sweep.next(T0 + 110, T0 + 900) == Ask(T0, T0 + 40)
    assert sweep.next(T0 + 109, T0 + 900) == Ask(T0 + 40, T0 + 120)
    assert sweep.proven_ms == T0 + 10


@pytest.mark.requirement("X-3")
def test_a_slice_that_was_proven_before_it_was_cut_anew_is_not_proven_by_one_look() -> None:
    sweep = Sweep(LAG_MS, T0)
    look(sweep, 0, 30, [])
    look(sweep, 1, 50, [])
    assert sweep.next(T0 + LAG_MS, T0 + 50) == Ask(T0, T0 + 30)
    sweep.read(Ask(T0 + 30, T0 + 50), [], None, T0 + LAG_MS)  # the later slice is proven first
    assert sweep.cut(Ask(T0, T0 + 30), 10)
    look(sweep, 70, 50, [])
    assert [each.to_ms - T0 for each in sweep.looks(T0 + 70)] == [10, 30, 50]
    assert look(sweep, 129, 50, []) is None
    assert look(sweep, 130, 50, [40]) == 30, "a post has come up in the later slice"


@pytest.mark.requirement("X-3", "RED-4")
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_of_stored_looks_is_changed_unseen(place: int, change: int) -> None:
    looks = {"search": [Look(T0, T0 + 40, T0 + 50, "ab")], "mentions": []}
    stored = bytearray(packed(looks))
    assert unpacked(bytes(stored)) == looks
    stored[place % len(stored)] ^= change
    with pytest.raises(ValueError, match="checksum"):
        unpacked(bytes(stored))


@pytest.mark.requirement("X-3")
def test_so_many_looks_outlive_a_restart_and_no_more() -> None:
    sweep = Sweep(LAG_MS, T0)
    for to in range(1, KEPT_LOOKS + 10):
        look(sweep, to, to, [])
    assert len(sweep.looks(T0 + 1_000)) == KEPT_LOOKS
    assert len(sweep.looks(T0 + 7)) == 7


@pytest.mark.requirement("X-3")
def test_a_slice_with_too_many_pages_is_halved_until_it_is_one_millisecond() -> None:
    sweep, asked = Sweep(LAG_MS, T0), []
    for _ in range(4 * PAGES_A_LOOK):
        ask = due(sweep, 0, 5)
        asked.append((ask.from_ms - T0, ask.to_ms - T0, ask.token))
        sweep.read(ask, [], f"page {len(asked)}", T0)
    assert asked[::PAGES_A_LOOK] == [(0, 5, None), (0, 2, None), (0, 1, None), (0, 1, f"page {3 * PAGES_A_LOOK}")]


@pytest.mark.requirement("X-3")
def test_what_was_read_of_a_slice_with_too_many_pages_shows_how_long_the_next_one_may_be() -> None:
    sweep = Sweep(LAG_MS, T0)
    for page in range(PAGES_A_LOOK):  # of 8,000 ms, the newest 800 fill all pages that are allowed
        newest = 8_000 - 80 * page
        posts = [made_at(at_ms) for at_ms in range(newest - 80, newest)]
        sweep.read(due(sweep, 9_000, 8_000), posts, f"page {page}", T0 + 9_000)
    assert sweep.next(T0 + 9_000, T0 + 8_000) == Ask(T0, T0 + 600)


@pytest.mark.requirement("X-3")
def test_a_slice_with_too_large_a_page_is_halved_until_it_is_one_millisecond_and_grows_again() -> None:
    sweep, asked = Sweep(LAG_MS, T0), []
    sweep.read(due(sweep, 0, 5), [made_at(4)], "more", T0)
    while sweep.cut(ask := due(sweep, 0, 5)):
        asked.append((ask.from_ms - T0, ask.to_ms - T0, ask.token))
    assert asked == [(0, 5, "more"), (0, 2, None)]
    assert sweep.next(T0, T0 + 5) == Ask(T0, T0 + 1), "what cannot be halved is asked again as it is"
    assert look(sweep, 0, 5, [4]) is None
    assert look(sweep, LAG_MS, 5, [4]) == 5
    assert sweep.next(T0 + LAG_MS, T0 + 100) == Ask(T0 + 5, T0 + 13)


@pytest.mark.requirement("X-3", "BID-5")
def test_a_second_look_with_too_many_pages_begins_anew_with_half_of_the_slice_and_leaves_no_gap() -> None:
    sweep = Sweep(LAG_MS, T0)
    look(sweep, 0, 40, [])
    look(sweep, 10, 80, [])
    for _ in range(PAGES_A_LOOK):
        sweep.read(due(sweep, 60, 80), [], "more", T0 + 60)
    assert sweep.next(T0 + 60, T0 + 80) == Ask(T0, T0 + 20)
    assert look(sweep, 60, 80, []) is None
    assert look(sweep, 120, 80, []) == 80


@pytest.mark.requirement("X-3")
def test_a_look_whose_next_page_is_not_to_be_had_begins_again() -> None:
    sweep = Sweep(LAG_MS, T0)
    sweep.read(due(sweep, 0, 5), [made_at(4)], "more", T0)
    assert due(sweep, 0, 5).token == "more"
    sweep.begin_again()
    assert due(sweep, 0, 5).token is None
    look(sweep, 0, 5, [])
    assert look(sweep, LAG_MS, 5, []) == 5, "what was seen in the look that was not ended is not held against the next"


# ---- a search that shows posts late and takes them away, page by page, beside the plain definition of what is proven


@dataclass(frozen=True)
class Visible:
    """A post that the search shows from `up_ms` on, until it is gone."""

    post_id: int
    up_ms: int
    gone_ms: int


@dataclass
class Search:
    """X's search, and all whole looks that were made at it: begun, ended, from, to, seen."""

    posts: list[Visible]
    looks: list[tuple[int, int, int, int, frozenset[int]]] = field(default_factory=list)
    pages: int = 0
    _begun_ms: int = 0
    _seen: set[int] = field(default_factory=set)

    def answer(self, sweep: Sweep, ask: Ask, now_ms: int) -> None:
        if ask.token is None:
            self._begun_ms, self._seen, self.pages = now_ms, set(), 0
        below = int(ask.token or 2**63)
        hits = sorted(
            (
                post.post_id
                for post in self.posts
                if ask.from_ms <= posted_at_ms(post.post_id) < ask.to_ms
                and post.post_id < below
                and post.up_ms <= now_ms < post.gone_ms
            ),
            reverse=True,
        )
        page, self.pages = hits[:POSTS_A_PAGE], self.pages + 1
        assert self.pages <= PAGES_A_LOOK or ask.to_ms - ask.from_ms == 1
        self._seen.update(page)
        token = str(page[-1]) if len(hits) > len(page) else None
        if token is None:
            self.looks.append((self._begun_ms, now_ms, ask.from_ms - T0, ask.to_ms - T0, frozenset(self._seen)))
        sweep.read(ask, page, token, T0 + now_ms)

    def proves(self, from_ms: int, to_ms: int) -> bool:
        """Whether slices without a gap were each seen equal in two looks that follow each other, a lag apart."""
        reached = {from_ms}
        for slice_from, slice_end in sorted({look[2:4] for look in self.looks}):
            looks = [look for look in self.looks if look[2:4] == (slice_from, slice_end)]
            is_proven = any(b[0] >= a[1] + LAG_MS and a[4] == b[4] for a, b in pairwise(looks))
            if slice_from in reached and is_proven:
                reached.add(slice_end)
        return max(reached) >= to_ms


POSTS = st.lists(
    st.builds(
        lambda at_ms, number, late_ms, life_ms: Visible(
            made_at(at_ms, number), at_ms + late_ms, at_ms + late_ms + life_ms
        ),
        st.one_of(st.integers(0, 400), st.integers(100, 103)),
        st.integers(0, 100),
        st.one_of(st.just(0), st.integers(0, 200)),
        st.integers(200, 20_000),
    ),
    max_size=80,
    unique_by=lambda post: post.post_id,
)
# Before each request: how long it takes until the next one, and what becomes of it.
REQUESTS = st.lists(
    st.tuples(st.integers(0, 15), st.sampled_from(["answered", "answered", "failed", "too large", "restarted"])),
    min_size=1,
    max_size=120,
)


@pytest.mark.requirement("X-3", "BID-5")
@settings(deadline=None)
@given(posts=POSTS, requests=REQUESTS)
def test_a_time_is_proven_only_by_two_equal_looks_at_every_slice_before_it(
    posts: list[Visible], requests: list[tuple[int, str]]
) -> None:
    sweep, search, now_ms, last_ms, watermark_ms = Sweep(LAG_MS, T0), Search(posts), 0, 0, 0
    for gap_ms, outcome in requests:
        now_ms += gap_ms
        if outcome == "restarted":
            sweep, last_ms = restarted(sweep, watermark_ms, now_ms), watermark_ms
            continue
        ask = sweep.next(T0 + now_ms, T0 + now_ms - SEARCH_LAG_MS)
        assert ask == sweep.next(T0 + now_ms, T0 + now_ms - SEARCH_LAG_MS), "what is next follows from the state"
        if ask is None:
            continue
        if outcome == "failed":
            sweep.begin_again()
            continue
        if outcome == "too large" and sweep.cut(ask):
            continue
        search.answer(sweep, ask, now_ms)
        proven_ms = sweep.proven_ms - T0
        assert last_ms <= proven_ms <= sweep.reached_ms - T0
        assert search.proves(0, proven_ms)
        if proven_ms > last_ms:  # the watermark follows a proof later
            watermark_ms, last_ms = last_ms, proven_ms
            sweep.forget_before(T0 + watermark_ms)


@pytest.mark.requirement("X-3", "BID-5")
@settings(deadline=None)
@given(posts=POSTS, requests=REQUESTS)
def test_once_nothing_changes_everything_is_proven_soon_in_few_requests(
    posts: list[Visible], requests: list[tuple[int, str]]
) -> None:
    sweep, search, now_ms = Sweep(LAG_MS, T0), Search(posts), 0
    for gap_ms, _ in requests:
        now_ms += gap_ms
        if ask := sweep.next(T0 + now_ms, T0 + now_ms - SEARCH_LAG_MS):
            search.answer(sweep, ask, now_ms)
    now_ms = end_ms = max([now_ms, *(post.gone_ms for post in posts)])
    search, asked = Search([Visible(post.post_id, 0, 2**40) for post in posts]), 0
    while sweep.proven_ms < T0 + end_ms:
        now_ms += 1
        while ask := sweep.next(T0 + now_ms, T0 + end_ms):
            search.answer(sweep, ask, now_ms)
            asked += 1
        assert now_ms <= end_ms + 5 * LAG_MS
    assert asked <= 3 * (len(posts) + 10 * PAGES_A_LOOK)
