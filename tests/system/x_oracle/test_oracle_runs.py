"""The real system beside the simulated X, with seeded faults: a few days of the many that `make x-oracle` plays."""

import subprocess
import sys

import pytest

from tests.harness import ROOT


@pytest.mark.requirement("X-3", "X-4", "X-5", "BID-9", "TST-2")
@pytest.mark.timeout(180)
def test_whatever_goes_wrong_the_days_end_as_the_ground_truth_says() -> None:
    command = [sys.executable, "-m", "tests.system.x_oracle.oracle_runs", "--runs", "4", "--seed", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 of 4 days right, 0 waiting with an alarm, 0 different")
