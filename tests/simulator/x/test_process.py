"""The simulated X as a process: how it starts, and that it never outlives its use."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import ROOT
from tests.harness.waiting import until
from tests.harness.x_process import command, simulated_x


def run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.requirement("TST-1")
def test_it_tells_its_port_and_ends_on_command_leaving_nothing(tmp_path: Path) -> None:
    with simulated_x(tmp_path, seed=7) as x:
        health = x.ask("health")
        assert (health["ok"], health["seed"], health["day"]) == (True, 7, 0)
        x.tell("stop")
        assert x.process.wait(10) == 0
    assert not (tmp_path / "x.port").exists()


@pytest.mark.requirement("TST-1")
def test_it_ends_by_itself_when_nobody_asks(tmp_path: Path) -> None:
    with simulated_x(tmp_path, idle_exit_s=0.5) as x:
        until(lambda: x.process.poll() is not None)
        assert x.process.returncode == 0


@pytest.mark.requirement("TST-1")
@pytest.mark.parametrize("wrong", [{"seed": "one"}, {"bidders": 1}, {"hashtag": "a b"}, {"reserve_wei": "0.5"}])
def test_an_impossible_option_is_a_usage_error(tmp_path: Path, wrong: dict[str, object]) -> None:
    ended = run(command(tmp_path / "x.port", **wrong))
    assert ended.returncode == 2
    assert next(iter(wrong)) in ended.stderr


@pytest.mark.requirement("TST-1")
def test_its_help_names_every_setting() -> None:
    ended = run([sys.executable, "-m", "simulator.x", "--help"])
    assert ended.returncode == 0
    assert all(option in ended.stdout for option in ("--seed", "--window-ms", "--reserve-wei", "--idle-exit-s"))
