"""Everything that can be set about the simulated X, once: the command line and the control plane both read it here.

Amounts are in wei, durations in ms. Credentials are fixed: they open nothing but this process.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from messages.base import Wei

ACCOUNT_ID = 1500000000000000001
BEARER_TOKEN = "simulated-bearer-token"  # noqa: S105
CONSUMER_KEY = "simulated-consumer-key"
CONSUMER_SECRET = "simulated-consumer-secret"  # noqa: S105
# tweepy reads the account's id from the part before the dash, as X makes it.
ACCESS_TOKEN = f"{ACCOUNT_ID}-simulated-access-token"
ACCESS_TOKEN_SECRET = "simulated-access-token-secret"  # noqa: S105

_Ms = Annotated[int, Meta(ge=0, le=10**11)]


class CrowdOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The crowd's day: who comes, how much is bid, for how long."""

    hashtag: Annotated[
        str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_]{0,99}\Z", description="the auction hashtag, without #")
    ] = "AuctionDay"
    window_ms: Annotated[int, Meta(ge=100, le=10**9, description="how long after the auction post its close is")] = (
        3_600_000
    )
    after_close_ms: Annotated[_Ms, Meta(description="how long after the close posts still come, at most")] = 60_000
    bidders: Annotated[int, Meta(ge=2, le=10_000, description="how many regular bidders there are")] = 12
    bids: Annotated[int, Meta(ge=0, le=200_000, description="how many posts the crowd makes in a day")] = 60
    rush: Annotated[
        float, Meta(ge=0, le=0.9, description="which share of the posts comes in the last twentieth of the window")
    ] = 0.22
    suspended: Annotated[
        float,
        Meta(ge=0, le=1, description="which share of the bids that are taken back go with their account"),
    ] = 0.5
    reserve_wei: Annotated[Wei, Meta(description="the reserve that the crowd knows of")] = Wei(10**17)
    increment_wei: Annotated[Wei, Meta(description="the least absolute raise that it knows of")] = Wei(10**16)
    increment_basis_points: Annotated[
        int, Meta(ge=0, le=100_000, description="the least relative raise that it knows of, in 1/10000")
    ] = 500
    minimum_account_age_ms: Annotated[
        _Ms, Meta(description="newcomers' accounts are younger than this, all others' older")
    ] = 30 * 86_400_000
    late_ms: Annotated[_Ms, Meta(description="how late the stream delivers what it delivers late")] = 2_000


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this X behaves."""

    seed: Annotated[int, Meta(description="everything random follows from it")] = 1
    account: Annotated[
        str, Meta(pattern=r"\A[A-Za-z0-9_]{1,15}\Z", description="the handle of the auction account")
    ] = "auction_house"
    keepalive_s: Annotated[float, Meta(gt=0, le=3600, description="the stream says at least CR LF this often")] = 20.0
    stream_latency_ms: Annotated[_Ms, Meta(description="how long the stream usually takes to deliver a post")] = 50
    rules_delay_ms: Annotated[_Ms, Meta(description="how long a change of the rules takes to have effect")] = 20_000
    index_lag_ms: Annotated[_Ms, Meta(description="how long a post takes until the search finds it")] = 2_000
    search_end_lag_ms: Annotated[
        _Ms, Meta(description="a search without end_time ends this long ago; end_time must be a third of it ago")
    ] = 30_000
    rate_window_ms: Annotated[
        int, Meta(gt=0, le=10**9, description="how long a rate window is; X's limits hold for each")
    ] = 900_000
    rate_day_ms: Annotated[int, Meta(gt=0, le=10**9, description="how long the window of a limit by the day is")] = (
        86_400_000
    )
    timeline_lag_ms: Annotated[_Ms, Meta(description="how long a post takes until its author's timeline shows it")] = 0
    # A house in which no auction is open asks X for its time every ten minutes: far less than this.
    idle_exit_s: Annotated[
        float, Meta(gt=0, le=10**9, description="ends by itself after so long without a request")
    ] = 3_600.0
