"""docs/supervision.md says what is: the tests that it names exist, the mutations that it lists are those that run."""

import ast
import re
from pathlib import Path

import pytest

from tests.harness import ROOT
from tests.supervision.mutations import BEGIN, DOCUMENT, END, MUTATIONS, Mutation, patched

pytestmark = pytest.mark.requirement("SUP-2")


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_gotcha_has_a_test_and_every_test_that_is_named_exists() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    gotchas = {int(number): row for number, row in re.findall(r"^\| (\d+) \|(.*)$", document, re.MULTILINE)}
    assert sorted(gotchas) == list(range(1, 23))
    assert [number for number, row in gotchas.items() if "`test_" not in row] == []
    there = set().union(*(names_in(path) for path in Path(__file__).parent.glob("test_*.py")))
    assert set(re.findall(r"`(test_\w+)`", document)) - there == set()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.remedy)
def test_the_patch_that_takes_a_remedy_out_fits_and_its_tests_exist(mutation: Mutation) -> None:
    file = ROOT / mutation.file
    ast.parse(patched(file.read_text(encoding="utf-8"), mutation))
    for test in mutation.tests:
        path, _, name = test.partition("::")
        assert name in names_in(Path(__file__).parent / path)


def test_the_table_in_the_document_is_that_of_these_mutations() -> None:
    listed = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0]
    assert [line.split(" | ")[0].removeprefix("| ") for line in listed.splitlines()[2:]] == [
        mutation.remedy for mutation in MUTATIONS
    ], "make mutations writes it anew"
