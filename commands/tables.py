"""Prints tables: with colours on a terminal, and in a pipe as plain columns without line breaks."""

import sys

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

_PIPE_COLUMNS = 10_000


def console() -> Console:
    """Returns a console that prints to the current standard output."""
    found = Console(file=sys.stdout, highlight=False)
    if not found.is_terminal:
        found.width = _PIPE_COLUMNS
    return found


def table_on(console: Console, *headings: str, right: tuple[str, ...] = ()) -> Table:
    """Returns an empty table; the columns of `right` are right-aligned. Cells must be Text: a str may have markup."""
    table = Table(box=SIMPLE if console.is_terminal else None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    return table
