"""Amounts to wei and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.money import format_eth, parse_eth

pytestmark = pytest.mark.requirement("BID-2")


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0.1 ETH", 10**17),
        ("0.1", 10**17),
        ("0", 0),
        ("12 ETH", 12 * 10**18),
        ("1.000000000000000001 ETH", 10**18 + 1),
        ("999999999999.5", 999999999999 * 10**18 + 5 * 10**17),
    ],
)
def test_an_amount_of_the_configuration_is_read_exactly(text: str, wei: int) -> None:
    assert parse_eth(text) == wei


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "ETH",
            "0.1 eth",
            "0.1ETH",
            "0.1  ETH",
            " 0.1",
            "0.1\n",
            "0.1 ETH\n",
            ".5",
            "5.",
            "01",
            "-1",
            "+1",
            "1e3",
        ),
        *("1,5", "٥", "½", "0.0000000000000000001", "1" * 13, "1" * 5000, "0." + "1" * 5000, "NaN", "Infinity", "0x10"),
        *("1_000", "1e3", "\ud800"),
    ],
)
def test_what_is_not_plainly_an_amount_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"\Ais not an amount such as 0\.1 ETH[^\n]*\Z"):
        parse_eth(text)


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        (0, "0 ETH"),
        (1, "0.000000000000000001 ETH"),
        (10**17, "0.1 ETH"),
        (10**18, "1 ETH"),
        (123 * 10**16, "1.23 ETH"),
        (10**21, "1000 ETH"),
        (-(10**17), "-0.1 ETH"),
    ],
)
def test_an_amount_is_shown_exactly_and_as_short_as_it_can_be(wei: int, text: str) -> None:
    assert format_eth(wei) == text


@given(st.integers(0, 10**30 - 1))
def test_what_is_shown_reads_back_as_the_same_wei(wei: int) -> None:
    assert parse_eth(format_eth(wei)) == wei
