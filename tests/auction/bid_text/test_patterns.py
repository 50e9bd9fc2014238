"""What keeps a text's meaning the same under every Python that we run on."""

import re
from pathlib import Path

import pytest

import auction

SOURCES = sorted(Path(auction.__file__).parent.rglob("*.py"))
POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]*\})\+")


@pytest.mark.requirement("BID-2")
def test_no_group_repeats_possessively_since_older_pythons_match_it_wrongly() -> None:
    assert re.search(POSSESSIVE_GROUP, "(?:ab?c)*+")
    assert [path.name for path in SOURCES if POSSESSIVE_GROUP.search(path.read_text(encoding="utf-8"))] == []
