"""`check-config`: validates the settings and prints all errors at once, with exit code 1. If there are none, it prints
the marathon's calendar with the hash of each day's rules, whether X accepts the length of each day's posts, and the
most that a day on X can cost.
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
from rich.text import Text

from adapters import process_file
from adapters.wall_clock import wall_clock_ms
from auction.calendar import Window
from auction.post_budget import RESERVED
from auction.rules import rules_hash
from commands.day_posts import DayPost, posts_of
from commands.tables import console, table_on
from commands.x_costs import PRICES_OF, Costs, Plan, costs, most_replies, settlement_costs
from config import masked_toml
from messages.base import Lot
from settings import Settings, SettingsError, begins_late, load

EXAMPLE = "auction-manager check-config --config staging.toml"
REPLIES = (100, 10_000)  # a quiet day and a bid war


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: the shipped config.toml)")
    parser.add_argument("--begin-late", action="store_true", help="accept a marathon whose first days are over")
    parser.add_argument(
        "--effective", action="store_true", help="print only the effective settings; secrets are masked"
    )
    parser.add_argument("--json", action="store_true", help="print errors, calendar or settings as JSON")


def run(args: argparse.Namespace) -> int:
    try:
        settings = load(args.config, os.environ)
    except SettingsError as error:
        return _refused(error.faults, args.json)
    if args.effective:
        effective = masked_toml(settings)
        print(json.dumps(tomllib.loads(effective), indent=2) if args.json else effective.rstrip())
        return 0
    windows = settings.windows()
    posts = {window.day: list(posts_of(settings, window)) for window in windows}
    late = begins_late(windows, wall_clock_ms())
    if late and not args.begin_late and not _has_begun(settings):
        return _refused([late], args.json)
    if faults := [_too_long(day, post) for day, made in posts.items() for post in made if not post.fits]:
        return _refused(faults, args.json)
    lots = [settings.lot_for(window.day) for window in windows]
    hashes = [rules_hash(settings.rules_for(window.day)) for window in windows]
    if args.json:
        days = [_data(*day, posts[day[0].day]) for day in zip(windows, lots, hashes, strict=True)]
        its = settings.marathon
        paid = [msgspec.to_builtins(each) | {"dollars": each.dollars} for each in costs_of(settings)]
        told = {"ok": True, "marathon": its.id, "time_zone": its.time_zone, "days": days, "x_costs_a_day": paid}
        print(json.dumps(told, indent=2))
    else:
        print_calendar(windows, lots, hashes, settings.marathon.time_zone)
        print_posts(posts, lots)
        print_costs(costs_of(settings))
        if settings.chain.rpc_urls:
            most = settlement_costs(settings.x.sweep_interval_ms)
            print(f"X, a day of a settlement: at the most {most.posts} posts and {most.dollars}")
    return 0


def print_calendar(windows: Sequence[Window], lots: Sequence[Lot], hashes: Sequence[str], time_zone: str) -> None:
    """Prints a row for each day and its lot. If all days have the same rules, their hash is printed once, below."""
    zone, out, same = ZoneInfo(time_zone), console(), len(set(hashes)) == 1
    headings = ["day", "date", f"local ({time_zone})", "opens (UTC)", "closes (UTC)", "token", "lot", "rules", "notes"]
    table = table_on(out, *(name for name in headings if name != "rules" or not same), right=("day", "token"))
    for window, lot, hashed in zip(windows, lots, hashes, strict=True):
        opens, closes = _utc(window.opens_at_ms), _utc(window.closes_at_ms)
        local = f"{opens.astimezone(zone):%H:%M %Z} to {closes.astimezone(zone):%H:%M %Z}"
        cells = [window.day, window.local_date, local, _written(opens), _written(closes), lot.token_id, lot.title]
        cells += [] if same else [hashed[:16]]
        table.add_row(*(Text(str(cell)) for cell in cells), Text("; ".join(window.notes), style="yellow"))
    out.print(table)
    if same:
        out.print(f"rules of every day: {hashes[0]}")


def print_posts(posts: Mapping[int, Sequence[DayPost]], lots: Sequence[Lot]) -> None:
    """Prints the number of composed posts, and those in which a title is cut."""
    print(f"posts of {len(posts)} days composed: X takes all {sum(map(len, posts.values()))}")
    for (day, made), lot in zip(posts.items(), lots, strict=True):
        if cut := [post.what for post in made if post.cuts(lot.title)]:
            print(f"day {day}: the title is too long for the {', '.join(cut)}, and cut there")


def costs_of(settings: Settings) -> list[Costs]:
    """The most that the longest day can cost on X: with few replies, with many, and with as many as X delivers."""
    window_ms = max(window.closes_at_ms - window.opens_at_ms for window in settings.windows())
    plan = Plan(
        longest_ms=window_ms + settings.rules.soft_close_cap_ms,
        extension_ms=settings.rules.soft_close_cap_ms,
        close_bound_ms=settings.rules.close_bound_ms,
        sweep_interval_ms=settings.x.sweep_interval_ms,
        sweep_lag_ms=settings.x.sweep_lag_ms,
        announcements=RESERVED,
        posts_a_day=settings.x.posts_a_day if settings.x.receipts else 0,
    )
    return [costs(plan, replies) for replies in (*REPLIES, most_replies(plan))]


def print_costs(days: Sequence[Costs]) -> None:
    """Prints a line for each number of replies."""
    for day in days:
        reads, requests = f"{day.posts_read:,} posts and {day.users_read:,} users read", sum(day.requests.values())
        print(
            f"X, a day with {day.replies:,} replies: at the most {day.posts} posts, {reads}, "
            f"{requests:,} requests, {day.dollars}"
        )
    print(f"(prices of {PRICES_OF}, docs/x-costs.md)")


def _refused(faults: Sequence[str], as_json: bool) -> int:
    if as_json:
        print(json.dumps({"ok": False, "faults": faults}, indent=2))
    else:
        print(*faults, sep="\n", file=sys.stderr)
    return 1


def _has_begun(settings: Settings) -> bool:
    before = process_file.read(settings.data_dir)
    return before is not None and before.marathon_id == settings.marathon.id


def _too_long(day: int, post: DayPost) -> str:
    return (
        f"marathon: the {post.what} of day {day} is too long for X without any title: "
        "shorten marathon.hashtag or marathon.id, or round the reserve"
    )


def _data(window: Window, lot: Lot, hashed: str, posts: Sequence[DayPost]) -> dict[str, object]:
    return {
        "day": window.day,
        "local_date": str(window.local_date),
        "opens_at": _written(_utc(window.opens_at_ms)),
        "closes_at": _written(_utc(window.closes_at_ms)),
        "opens_at_ms": window.opens_at_ms,
        "closes_at_ms": window.closes_at_ms,
        "token_id": lot.token_id,
        "title": lot.title,
        "image": lot.image,
        "rules_hash": hashed,
        "notes": list(window.notes),
        "posts": [{"what": post.what, "text": post.text} for post in posts],
    }


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _written(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
