"""Each planted bug is found by the seed that docs/simulation.md names, and noticed as the document says."""

import re

import pytest

from tests.system.simulation.planted import BEGIN, BUGS, DOCUMENT, END, row
from tests.system.simulation.run import simulate


def rows() -> dict[str, str]:
    """The rows of the document's table, by bug."""
    table = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return {line.split(" | ")[0].removeprefix("| "): line for line in table.strip().splitlines()[2:]}


def test_the_document_has_a_row_for_each_bug() -> None:
    assert rows().keys() == BUGS.keys()


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_as_the_document_says(bug: str) -> None:
    told = rows()[bug]
    seeds = int(re.split(r" \| ", told)[1])
    with BUGS[bug]():
        wrong = simulate(seeds - 1).wrong
    assert wrong, f"seed {seeds - 1} does not notice it any more: `python -m tests.system.simulation.planted`"
    assert row(bug, (seeds, wrong)) == told
