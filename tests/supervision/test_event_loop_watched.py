"""The thread of the event loop is watched as actors are: without it the process is blind, and ends."""

import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

import bootstrap
import supervisor
from adapters.event_loop import LoopThread
from commands.simulated import CREDENTIALS
from settings import load
from supervision import Supervisor
from tests.harness import ROOT
from tests.harness.privates import loop_of
from tests.harness.waiting import PATIENCE_S, until

pytestmark = pytest.mark.requirement("SUP-2")

PROGRAM = """
import logging, sys, time
from pathlib import Path
import msgspec
import bootstrap
import supervisor
from commands.simulated import CREDENTIALS
from settings import load
from tests.harness.privates import loop_of

def break_it(_=None):
    {how}

def on_ready(process):
    loop_of(process).call(break_it)

deadline_s = time.monotonic() + {patience_s}
settings = load(None, {{}})
settings = msgspec.structs.replace(
    settings,
    data_dir=Path(sys.argv[1]),
    http=msgspec.structs.replace(settings.http, public_port=0, private_port=0),
    supervision=msgspec.structs.replace(settings.supervision, hang_ms=2_000),
)
logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
dependencies = bootstrap.Dependencies("http://127.0.0.1:9", CREDENTIALS, bootstrap.plan_of(settings), begin_late=True)
sys.exit(supervisor.run(settings, dependencies, on_ready, lambda: time.monotonic() > deadline_s))
"""

ENDS = {
    "raise SystemExit(3)": "the thread of the event-loop has ended",
    "time.sleep(600)": "the thread of the event-loop did not come round within 2 s",
}


@pytest.mark.parametrize(("how", "why"), ENDS.items(), ids=["dead", "blocked"])
def test_a_lost_event_loop_ends_the_process_with_70_and_the_last_line_says_why(
    tmp_path: Path, how: str, why: str
) -> None:
    command = [sys.executable, "-c", PROGRAM.format(how=how, patience_s=5 + PATIENCE_S), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 70, done.stderr
    assert done.stderr.splitlines()[-1] == f"CRITICAL gave up: {why}"


def test_a_loop_that_was_only_paused_with_the_process_gets_the_time_to_come_round(tmp_path: Path) -> None:
    settings = load(None, {})
    limits = msgspec.structs.replace(settings.supervision, hang_ms=300)
    settings = msgspec.structs.replace(settings, data_dir=tmp_path, supervision=limits)
    process = supervisor.process_of(settings, bootstrap.Dependencies("http://127.0.0.1:9", CREDENTIALS, []))
    process.supervisor = Supervisor([], {})  # of nobody: only the loop is at work
    loop, paused = loop_of(process), threading.Event()
    loop.start()
    try:
        loop.call(paused.wait, PATIENCE_S)
        until(lambda: loop.fault(0.3))
        threading.Timer(0.2, paused.set).start()
        assert process.fault() == ""
    finally:
        paused.set()
        assert loop.stop()


def test_a_loop_that_comes_round_or_comes_back_is_no_fault() -> None:
    loop = LoopThread()
    loop.start()
    assert loop.fault(hang_s=20) == ""
    assert "did not come round" in loop.fault(hang_s=-1)
    assert loop.stop()
    assert "has ended" in loop.fault(hang_s=20)
