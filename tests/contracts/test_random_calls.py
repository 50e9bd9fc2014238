"""Random calls on the sale contract, compared with the model; `make contract-calls` plays more of them."""

import pytest

from tests.contracts.random_calls import OFTEN, play
from tests.harness.anvil import Anvil


@pytest.mark.requirement("CHN-6")
def test_random_calls_come_to_what_the_model_foretells(node: Anvil) -> None:
    outcomes = play(node, calls=300, seed=1)
    assert {function for function, reason in outcomes if reason is None} == set(OFTEN)
    assert {function for function, reason in outcomes if reason is not None} == set(OFTEN) - {"setApprovalForAll"}
