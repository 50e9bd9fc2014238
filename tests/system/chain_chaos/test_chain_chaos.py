"""A short run of chain chaos; `make chain-chaos` plays longer ones."""

from pathlib import Path

import pytest

from tests.harness.store import Store
from tests.system.chain_chaos.chaos import Chaos


@pytest.mark.requirement("CHN-1")
def test_what_the_log_has_in_the_end_is_what_the_chain_has_whatever_nodes_say(store: Store, tmp_path: Path) -> None:
    outcome = Chaos(1, 60, store, tmp_path).run()
    assert (outcome.missing, outcome.phantom, outcome.false) == (0, 0, 0)
    assert outcome.logs > 10
    assert outcome.revoked > 0
    assert outcome.naive_missing + outcome.naive_phantom > 0, "the run is too tame to prove anything"
