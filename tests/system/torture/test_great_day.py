"""A short day on which many reply: killed twice while it is closed, it closes by itself with the right result."""

import subprocess
import sys

import pytest

from tests.harness import ROOT


@pytest.mark.requirement("X-3", "X-4", "BID-5", "BID-9", "SUP-3")
@pytest.mark.timeout(180)
def test_a_day_with_many_replies_closes_by_itself_although_it_is_killed_twice_meanwhile() -> None:
    command = [sys.executable, "-m", "benchmarks.great_day", "--replies", "1200", "--window-s", "10", "--scale", "0.02"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed 2 times in the close" in done.stdout
    assert "right: every verdict is that of the ground truth" in done.stdout
