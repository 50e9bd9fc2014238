"""Some kills and full disks at operations on files. All of them are `make disk-faults`."""

import subprocess
import sys

import pytest

from tests.harness import ROOT
from tests.system.disk.faults import Before, Fault, cases, house


@pytest.mark.requirement("RED-3", "HA-1")
@pytest.mark.skipif(sys.platform != "linux", reason="a pipe, a fork and a limit of files, as Linux has them")
def test_nothing_outside_is_touched_and_the_next_life_works() -> None:
    command = [sys.executable, "-m", "tests.system.disk.faults", "--runs", "12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("0 went wrong")


def test_a_thousand_faults_are_every_operation_of_every_life_once_each() -> None:
    many = cases(seed=1, runs=1_000)
    assert many == cases(seed=1, runs=1_000)
    for fault in (Fault.KILLED, Fault.REFUSED):
        for before in Before:
            tried = {case.at for case in many if (case.be, case.before, case.fault) == (house, before, fault)}
            assert tried == set(range(1, 35))
