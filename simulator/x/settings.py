"""All settings of the simulated X, for its command line and its control plane.

Amounts are in wei, durations in ms. Credentials are fixed constants, valid for simulated X's only.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from messages.base import Wei

ACCOUNT_ID = 1500000000000000001
BEARER_TOKEN = "simulated-bearer-token"  # noqa: S105
CONSUMER_KEY = "simulated-consumer-key"
CONSUMER_SECRET = "simulated-consumer-secret"  # noqa: S105
# As at X, the account's id stands before the dash, where tweepy reads it.
ACCESS_TOKEN = f"{ACCOUNT_ID}-simulated-access-token"
ACCESS_TOKEN_SECRET = "simulated-access-token-secret"  # noqa: S105

_Ms = Annotated[int, Meta(ge=0, le=10**11)]


class CrowdOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The crowd and its day."""

    hashtag: Annotated[
        str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_]{0,99}\Z", description="the auction hashtag, without #")
    ] = "AuctionDay"
    window_ms: Annotated[int, Meta(ge=100, le=10**9, description="time from the auction post to its close")] = 3_600_000
    after_close_ms: Annotated[_Ms, Meta(description="time after the close within which the crowd still posts")] = 60_000
    bidders: Annotated[int, Meta(ge=2, le=10_000, description="number of regular bidders")] = 12
    bids: Annotated[int, Meta(ge=0, le=200_000, description="number of posts that the crowd makes in a day")] = 60
    rush: Annotated[float, Meta(ge=0, le=0.9, description="share of the posts in the last twentieth of the window")] = (
        0.22
    )
    suspended: Annotated[
        float,
        Meta(ge=0, le=1, description="share of the withdrawn bids that are withdrawn by suspending the account"),
    ] = 0.5
    reserve_wei: Annotated[Wei, Meta(description="the reserve that the crowd assumes")] = Wei(10**17)
    increment_wei: Annotated[Wei, Meta(description="the least absolute raise that the crowd assumes")] = Wei(10**16)
    increment_basis_points: Annotated[
        int, Meta(ge=0, le=100_000, description="the least relative raise that the crowd assumes, in 1/10000")
    ] = 500
    minimum_account_age_ms: Annotated[
        _Ms, Meta(description="accounts of newcomers are younger than this, all others older")
    ] = 30 * 86_400_000
    late_ms: Annotated[_Ms, Meta(description="delay of the posts that the stream delivers late")] = 2_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this X behaves."""

    seed: Annotated[int, Meta(description="seed of everything random")] = 1
    account: Annotated[
        str, Meta(pattern=r"\A[A-Za-z0-9_]{1,15}\Z", description="the handle of the auction account")
    ] = "auction_house"
    keepalive_s: Annotated[float, Meta(gt=0, le=3600, description="time between keep-alives of a silent stream")] = 20.0
    stream_latency_ms: Annotated[_Ms, Meta(description="usual time until the stream delivers a post")] = 50
    rules_delay_ms: Annotated[_Ms, Meta(description="time until a change of the rules takes effect")] = 20_000
    index_lag_ms: Annotated[_Ms, Meta(description="time until the search finds a post")] = 2_000
    search_end_lag_ms: Annotated[
        _Ms, Meta(description="a search without end_time ends this long ago; end_time must lie back a third of it")
    ] = 30_000
    rate_window_ms: Annotated[
        int, Meta(gt=0, le=10**9, description="length of a rate window; X's limits hold for each window")
    ] = 900_000
    rate_day_ms: Annotated[int, Meta(gt=0, le=10**9, description="length of the window of a daily limit")] = 86_400_000
    timeline_lag_ms: Annotated[_Ms, Meta(description="time until the author's timeline shows a post")] = 0
    answer_ms: Annotated[_Ms, Meta(description="time within which a bidder who is asked for a wallet answers")] = 60_000
    # A manager without an open auction asks X for its time every ten minutes, so it keeps the simulated X alive.
    idle_exit_s: Annotated[
        float, Meta(gt=0, le=10**9, description="the process ends after this time without a request")
    ] = 3_600.0
