"""The settings that config.toml and the environment may hold, as frozen types; `load` reads them and checks them all.

The module opens files only: whether Redis or X answer is not checked here. `msgspec.structs.replace` works on the
structs, without any check.

A setting is one line: its attribute, which ends with the unit, its type, its form with the bounds, its default. Its key
in the file is the attribute without the unit, because the value has the unit: `soft_close = "5 min"`.
"""

import ipaddress
import itertools
from collections.abc import Mapping, Sequence
from datetime import date, time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UnsetType

from auction.calendar import Window, marathon_calendar
from auction.rules import RULES_VERSION
from auction.units import format_duration, format_percentage, parse_duration, parse_percentage
from config import Form, ListOf, Reading, Secret, Section, forms, read_toml
from loopback import is_loopback
from messages.base import Lot, Rules, Wei
from messages.money import format_eth, parse_eth
from messages.post_weight import weight
from messages.settlement import Terms

SHIPPED = Path(__file__).with_name("config.toml")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK = ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")
_BID_END_WEI = parse_eth("1000000 ETH")  # bids have at most six digits before the point
_SEARCH_LAG_OF_X_MS = parse_duration("10 s")  # X's recent search needs an end_time at least this long ago
_SECRETS_OF_X = ("bearer_token", "consumer_key", "consumer_secret", "access_token", "access_token_secret")


class SettingsError(Exception):
    """Raised where the settings cannot be used. `faults` are all reasons, one line each, which begins with the path."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def begins_late(windows: Sequence[Window], now_ms: int) -> str:
    """The error line for a marathon that begins at `now_ms` (UTC) when days of it are over; empty if none is over."""
    missed = sum(window.closes_at_ms <= now_ms for window in windows)
    if not missed:
        return ""
    return (
        f"marathon.first_date: {windows[0].local_date} is over by our clock, so {missed} of {len(windows)} days would "
        "be announced as not held; name a later date or, if that is meant, say --begin-late"
    )


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
_ENVIRONMENT = forms.choice("local", "staging", "production-simulation", "production")


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


class Settings(Section, frozen=True, kw_only=True):
    """All settings. `lots` holds one lot for each day, in order, and possibly spare ones."""

    environment: Annotated[str, _ENVIRONMENT] = "local"
    data_dir: Annotated[Path, forms.FOLDER] = Path("data")
    lots_dir: Annotated[Path, forms.FOLDER] = Path("lots")
    lots: Annotated[tuple[LotSettings, ...], ListOf(LotSettings)]
    marathon: MarathonSettings
    rules: RulesSettings = RulesSettings()
    settlement: SettlementSettings = SettlementSettings()
    x: XSettings = XSettings()
    redis: RedisSettings = RedisSettings()
    http: HttpSettings = HttpSettings()
    livestream: LivestreamSettings = LivestreamSettings()
    eliza: ElizaSettings = ElizaSettings()
    chain: ChainSettings = ChainSettings()
    supervision: SupervisionSettings = SupervisionSettings()

    def windows(self) -> list[Window]:
        """The window of each day. `load` has checked that such a calendar exists."""
        plan = self.marathon
        zone = ZoneInfo(plan.time_zone)
        return marathon_calendar(plan.first_date, plan.days, plan.window_start, plan.window_end, zone)

    def further_windows(self) -> list[Window]:
        """The windows after the last day, for lots whose day is not held: as many as the marathon has days, at least 7;
        none where the calendar ends before."""
        plan = self.marathon
        days, zone = plan.days + max(plan.days, 7), ZoneInfo(plan.time_zone)
        try:
            return marathon_calendar(plan.first_date, days, plan.window_start, plan.window_end, zone)[plan.days :]
        except ValueError:
            return []

    def lot_for(self, day: int) -> Lot:
        """The lot that is sold on the day (1…N). Raises ValueError where there is none."""
        lot = self._lot(day)
        return Lot(token_id=lot.token_id, title=lot.title, image=lot.image)

    def rules_for(self, day: int) -> Rules:
        """The rules of the day (1…N), with the lot's own reserve and increment. Raises ValueError like `lot_for`."""
        rules, lot = self.rules, self._lot(day)
        return Rules(
            hashtag=self.marathon.hashtag,
            reserve_wei=rules.reserve_wei if lot.reserve_wei is None else lot.reserve_wei,
            increment_wei=rules.increment_wei if lot.increment_wei is None else lot.increment_wei,
            increment_basis_points=rules.increment_percent_basis_points,
            soft_close_ms=rules.soft_close_ms,
            soft_close_cap_ms=rules.soft_close_cap_ms,
            delivery_allowance_ms=rules.delivery_allowance_ms,
            close_bound_ms=rules.close_bound_ms,
            minimum_account_age_ms=rules.minimum_account_age_ms,
            leader_may_rebid=rules.leader_may_rebid,
            minimum_followers=rules.minimum_followers,
            exempt_ids=rules.exempt_ids,
            # The account that posts the auctions may not bid in them.
            barred_ids=(*rules.barred_ids, *filter(None, [self.x.account_id])),
            rate_limit_posts=rules.rate_limit_posts,
            rate_limit_window_ms=rules.rate_limit_window_ms,
            hold_above_wei=rules.hold_above_wei,
            closing_soon_ms=rules.closing_soon_ms,
            version=RULES_VERSION,
            runner_up_basis_points=self.settlement.runner_up_share_basis_points,
        )

    def terms_for(self, rules: Rules, own_addresses: tuple[str, ...]) -> Terms:
        """The terms of a day's settlement. `own_addresses` (lower case) are no buyer's wallet."""
        terms, share = self.settlement, rules.runner_up_basis_points
        return Terms(
            reserve_wei=rules.reserve_wei,
            payment_ms=terms.payment_ms,
            acceptance_ms=terms.acceptance_ms,
            runners_up=terms.runners_up,
            runner_up_basis_points=terms.runner_up_share_basis_points if isinstance(share, UnsetType) else share,
            wallet_wait_ms=terms.wallet_wait_ms,
            offer_outlives_ms=terms.offer_outlives_ms,
            own_addresses=own_addresses,
        )

    def _lot(self, day: int) -> LotSettings:
        if not 1 <= day <= len(self.lots):
            raise ValueError(f"there is no day {day}: {len(self.lots)} lots")
        return self.lots[day - 1]


# ---- from the file to the settings


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of the file (by default the shipped config.toml), with the overrides and secrets of `environ`.

    A relative `lots_dir` is below the file's folder, a relative `data_dir` below the working directory.
    Raises SettingsError with every fault.
    """
    path = path or SHIPPED
    try:
        document = read_toml(path)
    except ValueError as error:
        raise SettingsError([f"{path}: {error}"]) from None
    reading = Reading(environ)
    settings = _completed(reading.read(Settings, document), path, reading)
    for check in (_check_calendar, _check_rules, _check_lots, _check_x, _check_http, _check_chain):
        check(settings, reading)
    if reading.faults:
        raise SettingsError(reading.faults)
    return settings


def _completed(settings: Settings, path: Path, reading: Reading) -> Settings:
    """The settings with the defaults that depend on other settings, filled in where the file sets none."""
    change: dict[str, Any] = {}
    if reading.sound("lots_dir"):
        change["lots_dir"] = path.absolute().parent / settings.lots_dir
    if settings.environment == "local" and "http.inject_enabled" not in reading.given:
        change["http"] = msgspec.structs.replace(settings.http, inject_enabled=True)
    if settings.x.mode == "live" and settings.x.base_url == "":
        change["x"] = msgspec.structs.replace(settings.x, base_url="https://api.x.com")
    return msgspec.structs.replace(settings, **change)


# ---- checks across several settings; each compares only settings that were read without a fault


def _check_calendar(settings: Settings, reading: Reading) -> None:
    if not reading.sound("marathon"):
        return
    if settings.marathon.window_start == settings.marathon.window_end:
        reading.fault("marathon.window_end", "is the same as window_start: the window would have no length, or 24 h")
        return
    try:
        windows = settings.windows()
    except ValueError as error:
        reading.fault("marathon.first_date", str(error))
        return
    if not reading.sound("rules.soft_close_cap"):
        return
    for window, following in pairwise([*windows, *settings.further_windows()[:1]]):
        room_ms = following.opens_at_ms - window.closes_at_ms
        if settings.rules.soft_close_cap_ms > room_ms:
            reading.fault(
                "rules.soft_close_cap",
                f"{format_duration(settings.rules.soft_close_cap_ms)} reaches into the next day's window: "
                f"day {window.day} ({window.local_date}) leaves {format_duration(room_ms)}",
            )
            return


def _check_rules(settings: Settings, reading: Reading) -> None:
    rules, x = settings.rules, settings.x
    if reading.sound("rules.soft_close", "rules.soft_close_cap") and rules.soft_close_ms > rules.soft_close_cap_ms:
        cap, soft_close = format_duration(rules.soft_close_cap_ms), format_duration(rules.soft_close_ms)
        reading.fault("rules.soft_close", f"{soft_close} is longer than rules.soft_close_cap, {cap}")
    needs = ("rules.delivery_allowance", "rules.close_bound", "x.search_lag", "x.sweep_lag")
    if reading.sound(*needs):
        least_ms = rules.delivery_allowance_ms + x.search_lag_ms + x.sweep_lag_ms
        if rules.close_bound_ms < least_ms:
            reading.fault(
                "rules.close_bound",
                f"{format_duration(rules.close_bound_ms)} is too short for any close: "
                f"rules.delivery_allowance, x.search_lag and x.sweep_lag together are {format_duration(least_ms)}",
            )


def _check_lots(settings: Settings, reading: Reading) -> None:
    lots, days = settings.lots, settings.marathon.days
    if reading.sound("marathon.days", "lots") and len(lots) < days:
        reading.fault("lots", f"day {len(lots) + 1} has no lot: there are {len(lots)} lots for {days} days")
    day_of: dict[int, int] = {}
    for day, lot in enumerate(lots, start=1):
        path = f"lots[{day - 1}]"
        if reading.sound(f"{path}.token_id") and day_of.setdefault(lot.token_id, day) != day:
            reading.fault(f"{path}.token_id", f"{lot.token_id} is also the lot of day {day_of[lot.token_id]}")
        image = reading.sound("lots_dir", f"{path}.image") and lot.image
        if image and not (settings.lots_dir / image).is_file():
            reading.fault(f"{path}.image", f"there is no file {image} in lots_dir, {settings.lots_dir}")


def _check_x(settings: Settings, reading: Reading) -> None:
    x = settings.x
    if not reading.sound("x.mode", "environment"):
        return
    only = {"production": "live", "production-simulation": "simulated"}.get(settings.environment, x.mode)
    if x.mode != only:
        reading.fault("x.mode", f"{x.mode} cannot be in {settings.environment}, which is always {only}")
    elif x.mode == "live":
        _check_live(x, reading)
    elif reading.sound("x.base_url"):
        host = f".{urlsplit(x.base_url).hostname}"
        if host.endswith((".x.com", ".twitter.com")):
            reading.fault("x.base_url", 'is the real X, but x.mode is "simulated"')


def _check_live(x: XSettings, reading: Reading) -> None:
    if reading.sound("x.base_url") and not x.base_url.startswith("https://"):
        reading.fault("x.base_url", "must begin with https://: credentials are sent there")
    if reading.sound("x.search_lag") and x.search_lag_ms < _SEARCH_LAG_OF_X_MS:
        reading.fault(
            "x.search_lag", f"must be at least {format_duration(_SEARCH_LAG_OF_X_MS)}, or X refuses to search"
        )
    for key in _SECRETS_OF_X:
        if reading.sound(f"x.{key}") and getattr(x, key) is None:
            name = f"AUCTION_MANAGER_X_{key.upper()}"
            reading.fault(f"x.{key}", f"is missing, but x.mode is live: set {name} or {name}_FILE")
    for key, value in (("account_id", x.account_id), ("handle", x.handle)):
        if reading.sound(f"x.{key}") and not value:
            reading.fault(f"x.{key}", "is missing, but x.mode is live: it names the account that posts")


def _check_http(settings: Settings, reading: Reading) -> None:
    http = settings.http
    listeners = (http.public_host, http.public_port), (http.private_host, http.private_port)
    if reading.sound("http") and listeners[0] == listeners[1] and http.private_port:
        reading.fault("http.private_port", f"{http.private_port} is http.public_port as well")
    if (
        reading.sound("http.public_url", "marathon.id")
        and weight(f"{http.public_url}/pay/{settings.marathon.id}-00") > 50
    ):
        says = "is too long for a post: X counts an address as short only if its host ends like example.org"
        reading.fault("http.public_url", says)
    if reading.sound("environment") and http.inject_enabled and settings.environment != "local":
        says = f"true cannot be in {settings.environment}: messages are injected only when local; remove the line"
        reading.fault("http.inject_enabled", says)
    if reading.sound("http.private_host", "http.operator_tokens"):
        host = http.private_host
        if not http.operator_tokens and not is_loopback(host):
            reading.fault("http.private_host", f"{host} can be reached by others: http.operator_tokens must be set")


def _check_chain(settings: Settings, reading: Reading) -> None:
    chain = settings.chain
    if not reading.sound("chain", "environment") or not chain.rpc_urls:
        return
    if not chain.contract:
        reading.fault("chain.contract", "is missing, but chain.rpc_urls is set: name the contract to be watched")
    wanted, keys = sum("{key}" in url for url in chain.rpc_urls), chain.keys()
    if wanted and not keys:
        name = "AUCTION_MANAGER_CHAIN_RPC_KEY"
        reading.fault("chain.rpc_key", f"is missing, but chain.rpc_urls has a {{key}}: set {name} or {name}_FILE")
    elif len(keys) > 1 and len(keys) != wanted:
        reading.fault("chain.rpc_key", f"holds {len(keys)} keys for the {wanted} addresses that have a {{key}}")
    if len(chain.rpc_urls) < 2 and (settings.environment == "production" or not chain.numbered):
        why = "in production, so that one takes over from the other" if chain.numbered else "if chain.numbered is false"
        reading.fault("chain.rpc_urls", f"needs two nodes or more {why}")
    if chain.operator_keyfile and chain.operator_key is not None:
        reading.fault("chain.operator_keyfile", "names a key, and AUCTION_MANAGER_CHAIN_OPERATOR_KEY is another one")
    if chain.operator_keyfile and chain.operator_key_password is None:
        name = "AUCTION_MANAGER_CHAIN_OPERATOR_KEY_PASSWORD"
        says = f"is missing, but chain.operator_keyfile is encrypted: set {name} or {name}_FILE"
        reading.fault("chain.operator_key_password", says)
