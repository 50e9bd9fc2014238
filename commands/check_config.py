"""`check-config`: validates the settings, tells every fault at once, and prints the marathon's calendar with the hash
of each day's rules, as its auction post will name it. Exit code 1 when the settings cannot be used.
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.text import Text

from auction.calendar import Window
from auction.rules import rules_hash
from commands.tables import console, table_on
from messages.base import Lot
from settings import SettingsError, load, masked

EXAMPLE = "auction-manager check-config --config staging.toml"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings (default: the shipped config.toml)")
    parser.add_argument(
        "--effective", action="store_true", help="print the settings as they are in force, instead; secrets are masked"
    )
    parser.add_argument("--json", action="store_true", help="the faults, the calendar or the settings as JSON")


def run(args: argparse.Namespace) -> int:
    try:
        settings = load(args.config, os.environ)
    except SettingsError as error:
        if args.json:
            print(json.dumps({"ok": False, "faults": error.faults}, indent=2))
        else:
            print(*error.faults, sep="\n", file=sys.stderr)
        return 1
    if args.effective:
        effective = masked(settings)
        print(json.dumps(tomllib.loads(effective), indent=2) if args.json else effective.rstrip())
        return 0
    windows = settings.windows()
    lots = [settings.lot_for(window.day) for window in windows]
    hashes = [rules_hash(settings.rules_for(window.day)) for window in windows]
    if args.json:
        days = [_data(*day) for day in zip(windows, lots, hashes, strict=True)]
        its = settings.marathon
        print(json.dumps({"ok": True, "marathon": its.id, "time_zone": its.time_zone, "days": days}, indent=2))
    else:
        print_calendar(windows, lots, hashes, settings.marathon.time_zone)
    return 0


def print_calendar(windows: Sequence[Window], lots: Sequence[Lot], hashes: Sequence[str], time_zone: str) -> None:
    """One row for each day and its lot; rules that are the same for all days are named once, below."""
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


def _data(window: Window, lot: Lot, hashed: str) -> dict[str, object]:
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
    }


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _written(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
