"""Runs of the simulation that belong to every test run, and what the simulation itself has to be: repeatable, awake."""

import os
import subprocess
import sys

import pytest

from actors.auction.actor import Auction
from tests.system.simulation import planted
from tests.system.simulation.many import replay_line, told
from tests.system.simulation.run import simulate

CHUNKS = [range(first, first + 8) for first in range(0, 32, 8)]


@pytest.mark.requirement("TST-3", "BID-4", "BID-5", "BID-8", "BID-9", "SUP-2", "X-3", "X-5")
@pytest.mark.parametrize("seeds", CHUNKS, ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}")
def test_whatever_goes_wrong_the_marathon_comes_to_what_was_posted(seeds: range) -> None:
    for seed in seeds:
        outcome = simulate(seed)
        assert not outcome.wrong, told(outcome)


@pytest.mark.requirement("TST-3", "BID-4")
def test_a_marathon_without_faults_comes_to_what_was_posted() -> None:
    for seed in range(4):
        outcome = simulate(seed, calm=True)
        assert not outcome.wrong, told(outcome)
        assert outcome.virtual_s < 60


@pytest.mark.requirement("TST-3")
def test_the_same_seed_gives_the_same_run_in_any_process() -> None:
    here = simulate(11).fingerprint
    assert simulate(11).fingerprint == here
    assert simulate(12).fingerprint != here
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "tests.system.simulation", "--seed", "11"]
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
        assert run.stdout.strip() == f"seed 11: ok, {here}"


@pytest.mark.requirement("TST-3")
@pytest.mark.parametrize("bug", planted.BUGS)
def test_a_planted_bug_is_noticed(bug: str) -> None:
    assert planted.find(planted.BUGS[bug]) is not None


@pytest.mark.requirement("TST-3")
def test_a_plant_that_does_not_fit_is_not_taken_for_a_bug_that_is_noticed() -> None:
    with pytest.raises(AttributeError):
        planted.find(lambda: planted.instead(Auction, "_gone", lambda self: None))
    with pytest.raises(planted.BadPlant, match=r"Auction\._next"):
        planted.find(lambda: planted.instead(Auction, "_next", lambda self: self.gone))


@pytest.mark.requirement("TST-3")
def test_a_run_that_goes_wrong_is_told_with_the_line_that_replays_it() -> None:
    with planted.no_deduplication():
        outcome = simulate(0)
    text = told(outcome)
    assert text.endswith(replay_line(0))
    assert outcome.wrong in text
    assert len(text.splitlines()) < 70
