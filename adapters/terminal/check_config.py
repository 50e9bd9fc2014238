"""The calendar of a marathon as `check-config` prints it. What is right or wrong is `settings.load`'s to say."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Protocol, TextIO
from zoneinfo import ZoneInfo

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from messages.base import Lot

# Wide enough that a line in a pipe is never broken: each day stays one line, whatever its notes.
_PIPE_COLUMNS = 500


class Day(Protocol):
    """What is shown of a day: `auction.calendar.Window` has it."""

    @property
    def day(self) -> int: ...
    @property
    def local_date(self) -> date: ...
    @property
    def opens_at_ms(self) -> int: ...
    @property
    def closes_at_ms(self) -> int: ...
    @property
    def notes(self) -> tuple[str, ...]: ...


def print_calendar(days: Sequence[Day], lots: Sequence[Lot], time_zone: str, out: TextIO, *, as_json: bool) -> None:
    """One row for each day and its lot: the table, or with `as_json` one JSON array of objects."""
    if as_json:
        rows = [_data(day, lot) for day, lot in zip(days, lots, strict=True)]
        out.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    zone = ZoneInfo(time_zone)
    console = Console(file=out, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_COLUMNS
    table = Table(box=SIMPLE if console.is_terminal else None, pad_edge=False)
    for heading in ("day", "date", f"local ({time_zone})", "opens (UTC)", "closes (UTC)", "token", "lot", "notes"):
        table.add_column(heading, justify="right" if heading in ("day", "token") else "left")
    for day, lot in zip(days, lots, strict=True):
        opens, closes = _utc(day.opens_at_ms), _utc(day.closes_at_ms)
        local = f"{opens.astimezone(zone):%H:%M %Z} to {closes.astimezone(zone):%H:%M %Z}"
        cells = (day.day, day.local_date, local, _written(opens), _written(closes), lot.token_id, lot.title)
        # Text, not markup: a title may hold brackets.
        table.add_row(*(Text(str(cell)) for cell in cells), Text("; ".join(day.notes), style="yellow"))
    console.print(table)


def _data(day: Day, lot: Lot) -> dict[str, object]:
    return {
        "day": day.day,
        "local_date": str(day.local_date),
        "opens_at": _written(_utc(day.opens_at_ms)),
        "closes_at": _written(_utc(day.closes_at_ms)),
        "opens_at_ms": day.opens_at_ms,
        "closes_at_ms": day.closes_at_ms,
        "token_id": lot.token_id,
        "title": lot.title,
        "image": lot.image,
        "notes": list(day.notes),
    }


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC)


def _written(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"
