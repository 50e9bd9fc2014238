"""Computes upper bounds of the requests and the money that a day on X costs. Pure; docs/x-costs.md explains the sums.

Money is in millionths of a dollar. The number of replies is not known beforehand, so costs are given for a number.
"""

import msgspec

from actors.announcer.sales import ANSWERS_A_BUYER, REMINDERS
from actors.twitter.absences import LOOKS_A_LAG, NEAR_LAGS
from actors.twitter.completeness import SETTLING_INTERVALS

# X's prices of 2026-08-22 (pay-per-use), in millionths of a dollar. A post or user read is paid once a UTC day.
PRICES_OF = "2026-08-22"
POST_MADE = 15_000  # without a link
LINK_MADE = 200_000  # a post with a link
POST_READ = 5_000
USER_READ = 10_000
OWN_READ = 1_000  # a mention of the account

MOST_POSTS_A_SECOND = 250  # X's stream delivers no more
MOST_POSTS_A_MONTH = 3_000_000
_PAGE = 100
_LOOKS = 2  # searches that prove a slice complete
_DAY_MS = 86_400_000


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One day as configured. `longest_ms` is the window with its longest extension, `extension_ms`; `announcements` is
    the number of posts made in any case, and `posts_a_day` the limit for announcements and notices together."""

    longest_ms: int
    extension_ms: int
    close_bound_ms: int
    sweep_interval_ms: int
    sweep_lag_ms: int
    announcements: int
    posts_a_day: int


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds for a day with `replies` replies: requests by endpoint, paid posts and reads, and their price."""

    replies: int
    posts: int
    requests: dict[str, int]
    posts_read: int
    users_read: int
    micro_dollars: int

    @property
    def dollars(self) -> str:
        """The sum, rounded up to the cent."""
        cents = -(-self.micro_dollars // 10_000)
        return f"${cents // 100:,}.{cents % 100:02}"


def most_replies(plan: Plan) -> int:
    """Returns the most replies that X delivers in a day of this length."""
    return min(MOST_POSTS_A_SECOND * -(-plan.longest_ms // 1000), MOST_POSTS_A_MONTH)


def costs(plan: Plan, replies: int) -> Costs:
    """Returns the upper bounds for this number of replies, each by another author and read in every possible way."""
    # One more slice ends at the end of the day.
    slices = -(-(plan.longest_ms + plan.close_bound_ms) // plan.sweep_interval_ms) + 1
    sweeps = _LOOKS * (slices + -(-replies // _PAGE))
    posts = max(plan.posts_a_day, plan.announcements)
    near_its_end_ms = NEAR_LAGS * plan.sweep_lag_ms + plan.extension_ms + plan.close_bound_ms
    looks = slices + -(-LOOKS_A_LAG * near_its_end_ms // plan.sweep_lag_ms)
    requests = {
        "post": posts,
        "search": sweeps,
        "mentions": sweeps,
        # The last leading posts of the open day; at its close all that ever led, and missed ones each lag again.
        "lookup": looks + -(-plan.close_bound_ms // plan.sweep_lag_ms) + -(-replies // (_PAGE - 1)),
        "users": -(-replies // _PAGE) + bool(replies),  # one more for the handles at the close
    }
    paid = posts * POST_MADE + replies * (POST_READ + USER_READ + OWN_READ)
    return Costs(
        replies=replies,
        posts=posts,
        requests=requests,
        posts_read=replies,
        users_read=replies,
        micro_dollars=paid,
    )


def settlement_costs(sweep_interval_ms: int) -> Costs:
    """Returns the upper bounds for 24 h of a settlement in which one buyer is asked, is offered the lot and is reminded
    of the payment, and writes each reply that is answered and two more."""
    links = 1 + len(REMINDERS)  # the offer and the reminders
    posts = 3 + ANSWERS_A_BUYER + links  # asked, paid, final
    replies = ANSWERS_A_BUYER + 2
    looks = _LOOKS * -(-_DAY_MS // (SETTLING_INTERVALS * sweep_interval_ms))
    return Costs(
        replies=replies,
        posts=posts,
        requests={"post": posts, "search": looks, "mentions": looks},
        posts_read=replies,
        users_read=1,
        micro_dollars=(posts - links) * POST_MADE + links * LINK_MADE + replies * (POST_READ + OWN_READ) + USER_READ,
    )
