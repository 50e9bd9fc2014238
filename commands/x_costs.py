"""What a day on X costs, in requests and in money, at the most. Pure; see docs/x-costs.md.

Money is in millionths of a dollar. How many people reply is nobody's setting: costs are told for a number of replies.
"""

import msgspec

from actors.twitter.absences import LOOKS_A_LAG, NEAR_LAGS

# X's prices of 2026-08-22 (pay-per-use), in millionths of a dollar. A post or user read is paid once a UTC day.
PRICES_OF = "2026-08-22"
POST_MADE = 15_000  # without a link; with one 200,000
POST_READ = 5_000
USER_READ = 10_000
OWN_READ = 1_000  # a mention of the account

MOST_POSTS_A_SECOND = 250  # that the stream delivers
MOST_POSTS_A_MONTH = 3_000_000
_PAGE = 100
_LOOKS = 2  # prove a slice


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One day as configured; durations in ms. `longest_ms` is the window with everything that may extend it, which is
    `extension_ms`; `announcements` what is posted whatever happens, `posts_a_day` the limit that receipts have to fit
    below."""

    longest_ms: int
    extension_ms: int
    close_bound_ms: int
    sweep_interval_ms: int
    sweep_lag_ms: int
    announcements: int
    posts_a_day: int


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds for one day with so many replies: requests by endpoint, what is paid for, and the sum of it."""

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
    """More than so many X does not deliver in a day of this length."""
    return min(MOST_POSTS_A_SECOND * -(-plan.longest_ms // 1000), MOST_POSTS_A_MONTH)


def costs(plan: Plan, replies: int) -> Costs:
    """What a day with so many replies costs at the most: each by another author, each read in every way there is."""
    # One more ends at the end of the day.
    slices = -(-(plan.longest_ms + plan.close_bound_ms) // plan.sweep_interval_ms) + 1
    sweeps = _LOOKS * (slices + -(-replies // _PAGE))
    posts = max(plan.posts_a_day, plan.announcements)
    near_its_end_ms = NEAR_LAGS * plan.sweep_lag_ms + plan.extension_ms + plan.close_bound_ms
    looks = slices + -(-LOOKS_A_LAG * near_its_end_ms // plan.sweep_lag_ms)
    requests = {
        "post": posts,
        "search": sweeps,
        "mentions": sweeps,
        # While the day is open the last leaders, at its close all that ever led, and what is open each lag again.
        "lookup": looks + -(-plan.close_bound_ms // plan.sweep_lag_ms) + -(-replies // (_PAGE - 1)),
        "users": -(-replies // _PAGE) + bool(replies),  # and what those are called at the close who may be named
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
