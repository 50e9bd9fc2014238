"""Durations and percentages as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auction.units import format_duration, format_percentage, parse_duration, parse_percentage


@pytest.mark.requirement("CFG-2")
@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("250 ms", 250),
        ("5 s", 5000),
        ("1.5 s", 1500),
        ("5 min", 300_000),
        ("24 h", 86_400_000),
        ("1 day", 86_400_000),
        ("30 days", 2_592_000_000),
        ("0 s", 0),
        ("5s", 5000),
    ],
)
def test_a_duration_is_read_with_its_unit(text: str, duration_ms: int) -> None:
    assert parse_duration(text) == duration_ms


@pytest.mark.requirement("CFG-2")
@pytest.mark.parametrize(
    "text", ["", "5", "5 m", "5 minutes", "-5 s", "5  s", "5 s ", "0.5 ms", "1e3 s", "٥ s", "5 S", "9" * 5000 + " s"]
)
def test_what_is_not_exactly_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_duration(text)


@pytest.mark.requirement("CFG-2")
@pytest.mark.parametrize("text", ["", "5", "% 5", "-5 %", "0.001 %", "5,5 %", "5 %%", "٥ %"])
def test_what_is_not_exactly_a_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a percentage|more than two digits"):
        parse_percentage(text)


@given(st.integers(0, 10**12))
def test_what_is_written_is_read_again(number: int) -> None:
    assert parse_duration(format_duration(number)) == number
    assert parse_percentage(format_percentage(number)) == number
