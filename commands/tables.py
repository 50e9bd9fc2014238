"""How commands print tables: with colours on a terminal, in a pipe as plain columns whose lines are never broken."""

import sys

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

_PIPE_COLUMNS = 10_000


def console() -> Console:
    """Where tables are printed: standard output, as it is now."""
    found = Console(file=sys.stdout, highlight=False)
    if not found.is_terminal:
        found.width = _PIPE_COLUMNS
    return found


def table_on(console: Console, *headings: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns of `right` are numbers. Put Text in it, not str, which may hold markup."""
    table = Table(box=SIMPLE if console.is_terminal else None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    return table
