"""A few faults of a store under bids, and a stop of each process; all of them are `make faults` and `make stalls`."""

from pathlib import Path

import pytest

from tests.faults.faults import FAULTS
from tests.faults.play import house_on, play
from tests.faults.stalls import Stall, Victim, stall_of
from tests.faults.stalls import play as play_stall

QUICK = ("kill -9 of the server", "FUNCTION FLUSH", "the lease has ended", "memory full", "loses its last bids")


@pytest.mark.requirement("RED-3", "BID-9")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["embedded", "external"])
def test_whatever_the_store_does_the_house_says_so_goes_on_and_loses_no_bid(kind: str, tmp_path: Path) -> None:
    with house_on(kind, tmp_path) as (house, _):
        for fault in (fault for fault in FAULTS if fault.name in QUICK):
            outcome = play(house, fault)
            assert (outcome.wrong, outcome.lost) == ("", 0), outcome
        house.must_live()


@pytest.mark.requirement("HA-1", "SUP-2")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", Victim)
def test_a_process_that_is_stopped_for_longer_than_the_lease_changes_nothing(victim: Victim, tmp_path: Path) -> None:
    outcome = play_stall(tmp_path, 3, Stall(victim, 6.0, 4.0), days=1, day_s=20.0)
    assert outcome.wrong == ""


def test_one_seed_is_one_stall_and_twelve_are_every_combination() -> None:
    stalls = [stall_of(seed) for seed in range(12)]
    assert stalls == [stall_of(seed) for seed in range(12)]
    assert len({(stall.victim, stall.length_s) for stall in stalls}) == 12
