"""The sections of the settings, as frozen types, and the forms of values that are particular to this project.

A setting is one line: its attribute, which ends with the unit, its type, its form with the bounds, its default. Its key
in the file is the attribute without the unit, because the value has the unit: `soft_close = "5 min"`. `settings` puts
the sections together and checks them across sections.
"""

import ipaddress
import itertools
from collections.abc import Mapping
from datetime import date, time
from typing import Annotated

from msgspec import UnsetType

from auction.units import format_duration, format_percentage, parse_duration, parse_percentage
from config import Form, Secret, Section, forms
from messages.base import Rules, Wei
from messages.money import format_eth, parse_eth
from messages.settlement import Terms

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK = ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")
_BID_END_WEI = parse_eth("1000000 ETH")  # bids have at most six digits before the point

# ---- forms of values that are particular to this project


def _duration(least: str, most: str) -> Form:
    read = forms.bounded(parse_duration, format_duration, least, most)
    what = 'a duration with its unit, in quotes, such as "5 min"'
    return Form(str, what, read, lambda value: forms.quoted(format_duration(value)))


def _percentage(least: str, most: str) -> Form:
    read = forms.bounded(parse_percentage, format_percentage, least, most)
    what = 'a percentage, in quotes, such as "5 %"'
    return Form(str, what, read, lambda value: forms.quoted(format_percentage(value)))


def _read_amount(text: str) -> Wei:
    if not text.endswith(" ETH"):
        raise ValueError("has no unit: an amount is written as 0.1 ETH")
    amount = parse_eth(text)
    if not 0 < amount < _BID_END_WEI:
        raise ValueError("is not above 0 and below 1000000 ETH: nobody could bid")
    return amount


_AMOUNT = Form(
    str,
    'an amount with its unit, in quotes, such as "0.1 ETH"',
    _read_amount,
    lambda value: forms.quoted(format_eth(value)),
)


def _read_durations(text: str) -> tuple[int, ...]:
    read = forms.bounded(parse_duration, format_duration, "1 s", "24 h")
    found = [read(part.strip()) for part in text.split(",")] if text else []
    if sorted(set(found), reverse=True) != found:
        raise ValueError("does not go from the longest to the shortest, each once")
    return tuple(found)


def _read_ids(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")] if text else []
    if any(not (part.isascii() and part.isdigit() and 0 < int(part) < 2**63) for part in parts):
        raise ValueError("is not a list of account ids with commas between")
    return tuple(int(part) for part in parts)


_DURATIONS = Form(
    str,
    'durations with commas between, in quotes, such as "10 min, 1 min", or empty',
    _read_durations,
    lambda value: forms.quoted(", ".join(map(format_duration, value))),
)
_IDS = Form(
    str,
    "ids of X accounts with commas between, in quotes, or empty",
    _read_ids,
    lambda value: forms.quoted(", ".join(map(str, value))),
)
_NETWORKS = Form(
    str,
    'addresses or networks with commas between, in quotes, such as "10.0.0.5, 192.168.7.0/24", or empty',
    lambda text: tuple(ipaddress.ip_network(part.strip()) for part in text.split(",")) if text else (),
    lambda value: forms.quoted(", ".join(map(str, value))),
)
_NAME = forms.text(r"(?=.{1,32}\Z)[a-z0-9](-?[a-z0-9])*", "a name of up to 32 lower-case letters, digits and hyphens")
_TITLE = forms.text(r".{1,80}", "a title of 1 to 80 characters")
_IMAGE = forms.text(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,99})?", "a plain file name below lots_dir")
_HANDLE = forms.text(r"[A-Za-z0-9_]{0,15}", "a handle of up to 15 letters, digits and _, without the @")
_KEY_FILE = forms.text(r"(.{1,1000})?", "empty or the path of a key file")
_CONTRACT = forms.text(r"(0x[0-9a-fA-F]{40})?", "empty or the address of a contract, 0x and 40 hex digits")


# ---- the settings


class MarathonSettings(Section, frozen=True, kw_only=True):
    id: Annotated[str, _NAME]
    days: Annotated[int, forms.whole(1, 366)] = 30
    first_date: Annotated[date, forms.DATE]
    window_start: Annotated[time, forms.TIME] = time(15)
    window_end: Annotated[time, forms.TIME] = time(16)
    time_zone: Annotated[str, forms.ZONE] = "America/New_York"
    hashtag: Annotated[str, forms.HASHTAG]
    after_end: Annotated[str, forms.choice("stay", "end")] = "stay"


class RulesSettings(Section, frozen=True, kw_only=True):
    reserve_wei: Annotated[Wei, _AMOUNT] = Wei(10**17)
    increment_wei: Annotated[Wei, _AMOUNT] = Wei(10**16)
    increment_percent_basis_points: Annotated[int, _percentage("0 %", "100 %")] = parse_percentage("5 %")
    soft_close_ms: Annotated[int, _duration("0 s", "6 h")] = parse_duration("5 min")
    soft_close_cap_ms: Annotated[int, _duration("0 s", "24 h")] = parse_duration("60 min")
    delivery_allowance_ms: Annotated[int, _duration("0 s", "10 min")] = parse_duration("30 s")
    close_bound_ms: Annotated[int, _duration("1 s", "24 h")] = parse_duration("30 min")
    minimum_account_age_ms: Annotated[int, _duration("0 s", "3650 days")] = parse_duration("30 days")
    leader_may_rebid: Annotated[bool, forms.FLAG] = False
    minimum_followers: Annotated[int, forms.whole(0, 10**9)] = 0
    exempt_ids: Annotated[tuple[int, ...], _IDS] = ()
    barred_ids: Annotated[tuple[int, ...], _IDS] = ()
    rate_limit_posts: Annotated[int, forms.whole(0, 10_000)] = 10
    rate_limit_window_ms: Annotated[int, _duration("1 s", "24 h")] = parse_duration("1 min")
    hold_above_wei: Annotated[Wei, _AMOUNT] = parse_eth("1000 ETH")
    downtime_allowance_ms: Annotated[int, _duration("0 s", "24 h")] = parse_duration("2 min")
    strikes: Annotated[int, forms.whole(1, 100)] = 2
    closing_soon_ms: Annotated[tuple[int, ...], _DURATIONS] = (1_200_000, 600_000, 60_000)


class SettlementSettings(Section, frozen=True, kw_only=True):
    runner_up_share_basis_points: Annotated[int, _percentage("0 %", "100 %")] = parse_percentage("80 %")
    payment_ms: Annotated[int, _duration("1 s", "30 days")] = parse_duration("24 h")
    acceptance_ms: Annotated[int, _duration("1 s", "30 days")] = parse_duration("12 h")
    runners_up: Annotated[int, forms.whole(0, 100)] = 2
    wallet_wait_ms: Annotated[int, _duration("0 s", "24 h")] = parse_duration("10 min")
    offer_outlives_ms: Annotated[int, _duration("1 s", "30 days")] = parse_duration("24 h")

    def terms(self, rules: Rules, own_addresses: tuple[str, ...]) -> Terms:
        """The terms of a day's settlement. `own_addresses` (lower case) are no buyer's wallet."""
        share = rules.runner_up_basis_points
        return Terms(
            reserve_wei=rules.reserve_wei,
            payment_ms=self.payment_ms,
            acceptance_ms=self.acceptance_ms,
            runners_up=self.runners_up,
            runner_up_basis_points=self.runner_up_share_basis_points if isinstance(share, UnsetType) else share,
            wallet_wait_ms=self.wallet_wait_ms,
            offer_outlives_ms=self.offer_outlives_ms,
            own_addresses=own_addresses,
        )


class LotSettings(Section, frozen=True, kw_only=True):
    """The lot of one day; its `reserve_wei` and `increment_wei`, where set, replace those of `RulesSettings`."""

    token_id: Annotated[int, forms.whole(0, 2**63 - 1)]
    title: Annotated[str, _TITLE]
    image: Annotated[str, _IMAGE] = ""
    reserve_wei: Annotated[Wei | None, _AMOUNT] = None
    increment_wei: Annotated[Wei | None, _AMOUNT] = None


class XSettings(Section, frozen=True, kw_only=True):
    """`base_url` is empty where the command starts the simulator and so knows its address."""

    mode: Annotated[str, forms.choice("simulated", "live")] = "simulated"
    base_url: Annotated[str, forms.url("http", "https")] = ""
    account_id: Annotated[int, forms.whole(0, 2**63 - 1)] = 0
    handle: Annotated[str, _HANDLE] = ""
    search_lag_ms: Annotated[int, _duration("0 s", "10 min")] = parse_duration("30 s")
    sweep_interval_ms: Annotated[int, _duration("5 s", "1 h")] = parse_duration("2 min")
    sweep_lag_ms: Annotated[int, _duration("1 s", "1 h")] = parse_duration("1 min")
    request_timeout_ms: Annotated[int, _duration("100 ms", "2 min")] = parse_duration("10 s")
    ingest_process: Annotated[bool, forms.FLAG] = False
    receipts: Annotated[bool, forms.FLAG] = True
    posts_a_day: Annotated[int, forms.whole(0, 10_000)] = 100
    standing_interval_ms: Annotated[int, _duration("1 s", "1 h")] = parse_duration("1 min")
    bearer_token: Annotated[Secret | None, forms.CREDENTIAL] = None
    consumer_key: Annotated[Secret | None, forms.CREDENTIAL] = None
    consumer_secret: Annotated[Secret | None, forms.CREDENTIAL] = None
    access_token: Annotated[Secret | None, forms.CREDENTIAL] = None
    access_token_secret: Annotated[Secret | None, forms.CREDENTIAL] = None


class RedisSettings(Section, frozen=True, kw_only=True):
    """An empty `url` means the embedded server."""

    url: Annotated[str, forms.url("redis", "rediss", "unix")] = ""
    socket_timeout_ms: Annotated[int, _duration("100 ms", "1 min")] = parse_duration("5 s")
    lease_ms: Annotated[int, _duration("500 ms", "5 min")] = parse_duration("5 s")
    password: Annotated[Secret | None, forms.CREDENTIAL] = None


class HttpSettings(Section, frozen=True, kw_only=True):
    """Port 0 means any free port. `operator_tokens` maps each operator's name, which the log records, to a token.
    `public_url` is how others reach the public pages. X-Forwarded-For is believed from `proxies`; seats and connections
    are kept free for the addresses in `kept_for`."""

    public_url: Annotated[str, forms.url("http", "https")] = ""
    public_host: Annotated[str, forms.HOST] = "127.0.0.1"
    public_port: Annotated[int, forms.PORT] = 8080
    private_host: Annotated[str, forms.HOST] = "127.0.0.1"
    private_port: Annotated[int, forms.PORT] = 8081
    proxies: Annotated[tuple[Network, ...], _NETWORKS] = ()
    kept_for: Annotated[tuple[Network, ...], _NETWORKS] = LOOPBACK
    inject_enabled: Annotated[bool, forms.FLAG] = False
    operator_tokens: Annotated[Mapping[str, Secret], forms.TOKENS] = {}


class LivestreamSettings(Section, frozen=True, kw_only=True):
    timer_interval_ms: Annotated[int, _duration("100 ms", "1 min")] = parse_duration("1 s")
    heartbeat_ms: Annotated[int, _duration("500 ms", "1 min")] = parse_duration("5 s")
    max_viewers: Annotated[int, forms.whole(1, 100_000)] = 2000


class ElizaSettings(Section, frozen=True, kw_only=True):
    """An empty `url` means canned lines only."""

    url: Annotated[str, forms.url("http", "https")] = ""
    reply_deadline_ms: Annotated[int, _duration("100 ms", "29 s")] = parse_duration("5 s")
    api_key: Annotated[Secret | None, forms.CREDENTIAL] = None


class ChainSettings(Section, frozen=True, kw_only=True):
    """Without `rpc_urls` no chain is watched. In them `{key}` stands for the secret `rpc_key`, which may hold several
    keys, separated by commas, in the order of the addresses that need one.

    The operator's key is a secret itself, or in an encrypted key file with a secret password; without either of them
    nothing is sent. Only the command that deploys the sale contract uses `deployer_key`.
    """

    rpc_urls: Annotated[tuple[str, ...], forms.urls("http", "https")] = ()
    chain_id: Annotated[int, forms.whole(1, 2**63 - 1)] = 360
    contract: Annotated[str, _CONTRACT] = ""
    numbered: Annotated[bool, forms.FLAG] = True
    poll_ms: Annotated[int, _duration("100 ms", "5 min")] = parse_duration("2 s")
    rpc_key: Annotated[Secret | None, forms.CREDENTIAL] = None
    deployer_key: Annotated[Secret | None, forms.PRIVATE_KEY] = None
    operator_keyfile: Annotated[str, _KEY_FILE] = ""
    l1_fee_cap_wei: Annotated[Wei, _AMOUNT] = parse_eth("0.001 ETH")
    operator_key: Annotated[Secret | None, forms.CREDENTIAL] = None
    operator_key_password: Annotated[Secret | None, forms.CREDENTIAL] = None

    def keys(self) -> list[str]:
        """The keys of the nodes, in the order of their addresses; a single one is that of every node."""
        return self.rpc_key.reveal().split(",") if self.rpc_key else []

    def addresses(self) -> list[Secret]:
        """The URLs of the nodes with their keys filled in; empty where no chain is watched."""
        keys = self.keys()
        following = itertools.cycle(keys) if len(keys) == 1 else iter(keys)
        return [Secret(url.replace("{key}", next(following, "")) if "{key}" in url else url) for url in self.rpc_urls]


class SupervisionSettings(Section, frozen=True, kw_only=True):
    hang_ms: Annotated[int, _duration("1 s", "10 min")] = parse_duration("30 s")
    shutdown_ms: Annotated[int, _duration("100 ms", "5 min")] = parse_duration("20 s")
