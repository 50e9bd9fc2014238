"""What was measured, for people and for programs: one table, `build/bench.json`, and the picture (`picture`)."""

import json
import os
import platform
from pathlib import Path

import msgspec
from rich.text import Text

from benchmarks.measuring import BUILD, Measure
from commands.tables import console, table_on

FILE = BUILD / "bench.json"


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution: the values in ms at the shares of `SHARES`."""

    rate: int
    what: str
    values: list[float]


class Report(msgspec.Struct, kw_only=True):
    """All of one session. `quick` says that sizes were so small that the figures mean nothing."""

    quick: bool
    machine: dict[str, str]
    measures: list[Measure] = []
    curves: list[Curve] = []
    left_out: list[str] = []

    def write(self, path: Path = FILE) -> None:
        """Written after every part, so that what is there survives what goes wrong later."""
        path.parent.mkdir(exist_ok=True)
        fields = msgspec.to_builtins(self)
        for measure, found in zip(fields["measures"], self.measures, strict=True):
            measure |= {"median": found.median, "min": found.least, "max": found.most}
        path.write_text(json.dumps(fields, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def print(self) -> None:
        """The table on standard output, plain in a pipe; below it what is missing."""
        out = console()
        headings = ("measure", "median", "min", "max", "unit", "runs", "to reach")
        table = table_on(out, *headings, right=("median", "min", "max", "runs"))
        for found in self.measures:
            figures = (_short(found.median), _short(found.least), _short(found.most))
            table.add_row(*map(Text, (found.name, *figures, found.unit, str(len(found.runs)), found.target)))
        out.print(table)
        for word in self.left_out:
            out.print(Text(word))
        if self.quick:
            out.print(Text("quick: sizes far too small for these figures to mean anything"))


def machine() -> dict[str, str]:
    """What the figures depend on most."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _short(figure: float) -> str:
    """Three or four digits that count; counts of things whole."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.3g}"
