"""Which tests prove which requirement, and what is unproven: `make requirements`."""

import re
import sys
from collections import defaultdict

import pytest
from rich.console import Console
from rich.table import Table

from tests.harness import ROOT

DOCUMENT = ROOT / "docs" / "requirements.md"


def requirements() -> dict[str, str]:
    """Every id of the document, with the first words of what it says."""
    found = re.findall(r"^- \*\*([A-Z]+-\d+)\*\* (.+)$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {number: text.split(".")[0] for number, text in found}


class Collector:
    """Takes down what each test says that it proves."""

    def __init__(self) -> None:
        self.proofs: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("requirement"):
                for number in mark.args:
                    self.proofs[number].add(item.nodeid.split("[")[0])


def main() -> int:
    collector = Collector()
    pytest.main(["--collect-only", "-p", "no:terminal"], plugins=[collector])
    table = Table("id", "what", "tests")
    known = requirements()
    for number, text in known.items():
        tests = len(collector.proofs[number])
        table.add_row(number, text, str(tests) if tests else "unproven", style="" if tests else "dim")
    Console().print(table)
    unknown = sorted(set(collector.proofs) - set(known))
    if unknown:
        print(f"tests name requirements that do not exist: {', '.join(unknown)}", file=sys.stderr)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
