"""What a day on X costs: sums that can be checked by hand."""

import pytest

from commands.x_costs import Costs, Plan, costs, most_replies, settlement_costs

HOUR_MS = 3_600_000
PLAN = Plan(
    longest_ms=2 * HOUR_MS,
    extension_ms=HOUR_MS,
    close_bound_ms=HOUR_MS // 2,
    sweep_interval_ms=120_000,
    sweep_lag_ms=60_000,
    announcements=10,
    posts_a_day=100,
)


@pytest.mark.requirement("X-5", "CFG-2")
def test_a_bid_war_is_paid_by_the_reply() -> None:
    assert costs(PLAN, 0) == Costs(
        replies=0,
        posts=100,
        requests={"post": 100, "search": 152, "mentions": 152, "lookup": 706, "users": 0},
        posts_read=0,
        users_read=0,
        micro_dollars=1_500_000,
    )
    war = costs(PLAN, 1_001)
    assert war.requests == {"post": 100, "search": 174, "mentions": 174, "lookup": 717, "users": 12}
    assert war.micro_dollars == 1_500_000 + 1_001 * 16_000


@pytest.mark.requirement("X-5")
def test_announcements_are_made_whatever_the_limit_is_and_money_is_rounded_up() -> None:
    none = Plan(**{name: getattr(PLAN, name) for name in Plan.__struct_fields__} | {"posts_a_day": 0})
    assert (costs(none, 0).posts, costs(none, 0).dollars) == (10, "$0.15")
    assert costs(none, 1).dollars == "$0.17"
    assert costs(none, 100_000).dollars == "$1,600.15"


@pytest.mark.requirement("X-4")
def test_more_than_x_delivers_nobody_has_to_pay_for() -> None:
    assert most_replies(PLAN) == 250 * 7_200
    long = Plan(**{name: getattr(PLAN, name) for name in Plan.__struct_fields__} | {"longest_ms": 86_400_000})
    assert most_replies(long) == 3_000_000


@pytest.mark.requirement("X-5", "CHN-5")
def test_a_settlement_is_paid_by_its_links() -> None:
    assert settlement_costs(120_000) == Costs(
        replies=12,
        posts=16,
        requests={"post": 16, "search": 288, "mentions": 288},
        posts_read=12,
        users_read=1,
        micro_dollars=13 * 15_000 + 3 * 200_000 + 12 * 6_000 + 10_000,
    )
    assert settlement_costs(120_000).dollars == "$0.88"
