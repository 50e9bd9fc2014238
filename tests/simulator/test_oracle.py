"""The judge, by tables: one line, one rule."""

from typing import Any

import pytest

from messages.base import Rules, Wei
from simulator.oracle import judge

EPOCH_MS = 1288834974657
OPENED_MS = EPOCH_MS + 10**11
ENDS_MS = OPENED_MS + 1_000
AUCTION = 42
DAY_MS = 86_400_000
RULES = Rules(
    hashtag="AuctionDay",
    reserve_wei=Wei(1_000),
    increment_wei=Wei(10),
    increment_basis_points=500,
    soft_close_ms=0,
    soft_close_cap_ms=0,
    delivery_allowance_ms=0,
    close_bound_ms=0,
    minimum_account_age_ms=30 * DAY_MS,
)


def post(at_ms: int, author: str, meaning: int | str | None, **more: Any) -> dict[str, Any]:
    """A post `at_ms` after the opening that bids an amount, or is none for a reason."""
    plain: dict[str, str] | None = None
    if isinstance(meaning, str):
        plain = {"refusal": meaning}
    elif meaning is not None:
        plain = {"amount_wei": str(meaning)}
    return {
        "id": str((OPENED_MS + at_ms - EPOCH_MS) << 22),
        "author": author,
        "author_created_at_ms": OPENED_MS - 400 * DAY_MS,
        "replied_to": str(AUCTION),
        "meaning": plain,
        "deleted_at_ms": None,
        "suspended_at_ms": None,
    } | more


def judged(*posts: dict[str, Any], rules: Rules = RULES) -> tuple[str | None, str | None, int, dict[str, int]]:
    result = judge(posts, rules, {AUCTION}, OPENED_MS, ENDS_MS)
    assert result["outcome"] == ("sold" if result["winner"] else "unsold")
    return result["winner"], result["amount_wei"], result["accepted"], result["refused"]


NOBODY = (None, None, 0)
YOUNG_MS = OPENED_MS + 10 - 30 * DAY_MS


@pytest.mark.requirement("BID-1", "BID-6")
@pytest.mark.parametrize(
    ("only", "reason"),
    [
        (post(10, "ann", 1_000, deleted_at_ms=OPENED_MS + 20), "WITHDRAWN"),
        (post(10, "ann", "COMMA", deleted_at_ms=OPENED_MS + 20, replied_to="7"), "WITHDRAWN"),
        (post(10, "ann", 1_000, suspended_at_ms=OPENED_MS + 20), "WITHDRAWN"),
        (post(10, "ann", 1_000, edited_to=str((OPENED_MS + 20 - EPOCH_MS) << 22)), "WITHDRAWN"),
        (post(-1, "ann", "COMMA", replied_to="7"), "NOT_A_REPLY"),
        (post(10, "ann", 1_000, replied_to=None), "NOT_A_REPLY"),
        (post(-1, "ann", "COMMA"), "BEFORE_OPEN"),
        (post(1_000, "ann", "COMMA"), "AFTER_CLOSE"),
        (post(10, "ann", "COMMA", author_created_at_ms=OPENED_MS), "COMMA"),
        (post(10, "ann", 1, author_created_at_ms=YOUNG_MS + 1), "ACCOUNT_TOO_YOUNG"),
        (post(10, "ann", 999), "BELOW_RESERVE"),
    ],
)
def test_a_post_that_is_no_bid_has_one_reason(only: dict[str, Any], reason: str) -> None:
    assert judged(only) == (*NOBODY, {reason: 1})


@pytest.mark.requirement("BID-1")
@pytest.mark.parametrize(
    "left_out",
    [
        post(10, "ann", None),
        post(10, "ann", "NO_HASHTAG"),
        post(10, "ann", 2_000, deleted_at_ms=OPENED_MS + 20, shown=False),
        post(10, "ann", 2_000, protected_at_ms=OPENED_MS + 20, shown=False),
    ],
)
def test_what_nobody_can_count_is_left_out(left_out: dict[str, Any]) -> None:
    assert judged(left_out) == (*NOBODY, {})


@pytest.mark.requirement("BID-3", "BID-4", "BID-7")
def test_bids_are_judged_in_the_order_of_their_posts() -> None:
    ann, bob, cid = post(0, "ann", 1_000), post(1, "bob", 1_050), post(999, "cid", 1_103)
    assert judged(cid, ann, bob) == ("cid", "1103", 3, {})
    low = post(2, "dan", 1_102)
    equal = post(3, "eve", 1_050)
    again = post(4, "bob", 5_000)
    assert judged(again, equal, low, ann, bob) == ("bob", "1050", 2, {"ALREADY_LEADING": 1, "BELOW_MINIMUM": 2})
    may_rebid = Rules(**{name: getattr(RULES, name) for name in RULES.__struct_fields__} | {"leader_may_rebid": True})
    assert judged(ann, bob, again, rules=may_rebid) == ("bob", "5000", 3, {})


@pytest.mark.requirement("BID-8")
def test_a_bid_that_was_taken_back_leaves_the_others_as_if_it_had_never_been() -> None:
    ann, bob = post(0, "ann", 1_000), post(2, "bob", 1_050)
    gone = post(1, "cid", 9_000, deleted_at_ms=OPENED_MS + 5)
    assert judged(ann, gone, bob) == ("bob", "1050", 2, {"WITHDRAWN": 1})


@pytest.mark.requirement("BID-8")
@pytest.mark.parametrize(
    ("gone", "bound", "winner"),
    [
        ({"deleted_at_ms": ENDS_MS - 1}, (), "ann"),
        ({"deleted_at_ms": ENDS_MS}, (), "cid"),
        ({"suspended_at_ms": ENDS_MS + 2_500}, (), "cid"),
        ({"edited_to": str((ENDS_MS - EPOCH_MS) << 22)}, (), "cid"),
        ({"deleted_at_ms": ENDS_MS - 1}, (int(post(1, "cid", 1)["id"]),), "cid"),
        ({"deleted_at_ms": ENDS_MS + 5, "suspended_at_ms": ENDS_MS - 5}, (), "ann"),
    ],
)
def test_a_bid_binds_that_was_there_at_the_end_or_missed_too_late(
    gone: dict[str, Any], bound: tuple[int, ...], winner: str
) -> None:
    posts = [post(0, "ann", 1_000), post(1, "cid", 9_000, **gone)]
    assert judge(posts, RULES, {AUCTION}, OPENED_MS, ENDS_MS, bound)["winner"] == winner


@pytest.mark.requirement("BID-8")
def test_a_bid_stays_when_its_author_becomes_protected() -> None:
    assert judged(post(0, "ann", 1_000, protected_at_ms=OPENED_MS + 5))[0] == "ann"


@pytest.mark.requirement("BID-6")
def test_an_account_of_exactly_the_age_may_bid() -> None:
    assert judged(post(10, "ann", 1_000, author_created_at_ms=YOUNG_MS))[2] == 1


@pytest.mark.requirement("BID-3")
def test_at_least_one_wei_more_is_needed() -> None:
    free = Rules(
        **{name: getattr(RULES, name) for name in RULES.__struct_fields__}
        | {"increment_wei": Wei(0), "increment_basis_points": 0}
    )
    assert judged(post(0, "ann", 1_000), post(1, "bob", 1_000), post(2, "cid", 1_001), rules=free) == (
        "cid",
        "1001",
        2,
        {"BELOW_MINIMUM": 1},
    )
