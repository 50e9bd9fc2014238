"""How the cause of a failure is told."""

import itertools

from adapters.x.errors import root_of


def chained(*names: str) -> list[Exception]:
    """Errors of which each is the cause of the one before."""
    made: list[Exception] = [ValueError(name) for name in names]
    for fault, cause in itertools.pairwise(made):
        fault.__cause__ = cause
    return made


def test_the_root_of_a_chain_is_told() -> None:
    assert root_of(chained("only")[0]) == "ValueError: only"
    assert root_of(chained("top", "middle", "bottom")[0]) == "ValueError: bottom"


def test_a_chain_that_leads_back_into_itself_ends() -> None:
    for back_to in (0, 1):
        made = chained("top", "middle", "bottom")
        made[2].__cause__ = made[back_to]
        assert root_of(made[0]) == "ValueError: bottom"
