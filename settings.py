"""The settings that config.toml and the environment may hold, as frozen types; `load` reads them and checks them all.

The module opens files only: whether Redis or X answer is not checked here. `msgspec.structs.replace` works on the
structs, without any check. The settings themselves are in `setting_sections`, one a line.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from auction.calendar import Window, marathon_calendar
from auction.rules import RULES_VERSION
from auction.units import format_duration, parse_duration
from config import ListOf, Reading, Section, forms, read_toml
from loopback import is_loopback
from messages.base import Lot, Rules
from messages.post_weight import weight
from setting_sections import (
    ChainSettings,
    ElizaSettings,
    HttpSettings,
    LivestreamSettings,
    LotSettings,
    MarathonSettings,
    RedisSettings,
    RulesSettings,
    SettlementSettings,
    SupervisionSettings,
    XSettings,
)

SHIPPED = Path(__file__).with_name("config.toml")
_ENVIRONMENT = forms.choice("local", "staging", "production-simulation", "production")
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
