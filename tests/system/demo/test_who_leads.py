"""What the host says and viewers see of demo days: two of the many that `make leaders` watches."""

import subprocess
import sys

import pytest

from tests.harness import ROOT


@pytest.mark.requirement("LIV-1", "ELZ-3", "TST-2")
@pytest.mark.timeout(300)
def test_no_line_and_no_frame_of_a_demo_names_a_leader_who_does_not_lead() -> None:
    command = [sys.executable, "-m", "tests.system.demo.who_leads", "--seeds", "2", "--seed", "7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("2 days, ")
    assert done.stdout.endswith(" frames: 0 name a leader who does not lead\n")
