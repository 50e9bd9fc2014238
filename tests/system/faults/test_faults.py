"""A few faults of a store under bids, and a stop of each process; all of them are `make faults` and `make stalls`."""

import dataclasses
from pathlib import Path

import pytest

from tests.system.faults.faults import FAULTS
from tests.system.faults.play import house_on, play
from tests.system.faults.stalls import Stall, Victim, stall_of
from tests.system.faults.stalls import play as play_stalls
from tests.system.faults.stores import External

QUICK = {
    "embedded": ("kill -9 of the server", "memory full", "FUNCTION FLUSH", "the lease has ended"),
    "external": ("FUNCTION FLUSH", "loses its last bids", "emptied (FLUSHALL), brought back"),
}


@pytest.mark.requirement("RED-3", "BID-9")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", QUICK)
def test_whatever_the_store_does_the_house_says_so_goes_on_and_loses_no_bid(kind: str, tmp_path: Path) -> None:
    with house_on(kind, tmp_path) as (house, _):
        for fault in (fault for fault in FAULTS if fault.name in QUICK[kind]):
            outcome = play(house, dataclasses.replace(fault, lasts_s=min(fault.lasts_s, 2.0)))
            assert (outcome.wrong, outcome.lost) == ("", 0), outcome
        house.must_live()
        if isinstance(house.store, External):
            house.store.kill()
        assert house.end() == 0, f"whatever the store does, a stop is a stop: {house.words()}"


@pytest.mark.requirement("HA-1", "SUP-2")
@pytest.mark.timeout(300)
def test_whoever_is_stopped_for_longer_than_the_lease_the_result_is_right(tmp_path: Path) -> None:
    stalls = [Stall(victim, 6.0, 2.0) for victim in Victim]
    assert play_stalls(tmp_path, 3, stalls, days=1, day_s=30.0).wrong == ""


def test_one_seed_is_one_stall_and_twelve_are_every_combination() -> None:
    stalls = [stall_of(seed) for seed in range(12)]
    assert stalls == [stall_of(seed) for seed in range(12)]
    assert len({(stall.victim, stall.length_s) for stall in stalls}) == 12
