"""The logs of the sale contract, decoded."""

import pytest

from adapters.chain.sale_events import (
    COUNT,
    TOPICS,
    Offered,
    OperatorChanged,
    Revoked,
    SaleEvent,
    Sold,
    Withdrawn,
    decode,
)

pytestmark = pytest.mark.requirement("CHN-6")

AUCTION, WALLET, PAYER = "0x" + "a1" * 32, "0x" + "b2" * 20, "0x" + "c3" * 20
TOPIC = {kind: topic for topic, kind in TOPICS.items()}


def words(*values: int | str) -> str:
    return "0x" + "".join(f"{value:064x}" if isinstance(value, int) else value[2:].rjust(64, "0") for value in values)


ROWS: list[tuple[SaleEvent, tuple[str, ...], str]] = [
    (Offered(AUCTION, 7, 1, 1, WALLET, 10**18, 2_000), (AUCTION, words(7)), words(1, 1, WALLET, 10**18, 2_000)),
    (Revoked(AUCTION, 7, 2, 1), (AUCTION, words(7)), words(2, 1)),
    (Sold(AUCTION, 7, 3, 2, WALLET, PAYER, 10**18), (AUCTION, words(7)), words(3, 2, WALLET, PAYER, 10**18)),
    (Withdrawn(4, WALLET, 10**20), (), words(4, WALLET, 10**20)),
    (OperatorChanged(5, WALLET), (), words(5, WALLET)),
]


@pytest.mark.parametrize(("event", "topics", "data"), ROWS)
def test_an_event_says_what_the_contract_said(event: SaleEvent, topics: tuple[str, ...], data: str) -> None:
    assert decode((TOPIC[type(event)], *topics), data) == event


@pytest.mark.parametrize(("event", "topics", "data"), ROWS)
def test_a_log_of_another_form_is_no_event(event: SaleEvent, topics: tuple[str, ...], data: str) -> None:
    topic = TOPIC[type(event)]
    others = [(topic, *topics, AUCTION), ("0x" + "00" * 32, *topics), ()]
    assert [decode(other, data) for other in others] == [None, None, None]
    assert [decode((topic, *topics), other) for other in (data[:-2], f"{data}00", data + "00" * 32, "0x")] == [None] * 4


def test_the_topics_are_those_that_the_compiler_makes() -> None:
    assert TOPIC[Revoked] == "0x4c6347483b7f50c364c88d459a3e3fbe150e6e7f4d262cce0356dde6558b9b2d"
    assert COUNT == "0x06661abd"
