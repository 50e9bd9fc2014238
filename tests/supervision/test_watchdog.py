"""The last resort: what keeps the supervisor itself from running ends the process. In processes of their own."""

import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from supervision import ChildSpec, Context, Group, Supervisor
from supervision.watchdog import stack_of
from tests.harness import ROOT
from tests.harness.waiting import until
from tests.supervision.stage import Blocker, Player

pytestmark = pytest.mark.requirement("SUP-2")

PROGRAM = """
import sys, time
from supervision import ChildSpec, Group, Supervisor
from tests.supervision.stage import Player

supervisor = Supervisor([Group("g", children=[ChildSpec("a", Player.start)])], last_resort_s={last_resort_s})
supervisor.start()
{then}
"""


def run(then: str, last_resort_s: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM.format(then=then, last_resort_s=last_resort_s)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_handler_that_never_gives_up_the_interpreter_ends_the_process_with_all_stacks() -> None:
    never_done = "import re; supervisor.send('a', lambda _: re.match('(a+)+$', 'a' * 64 + 'b')); supervisor.wait(50)"
    done = run(never_done, last_resort_s=1.0)
    assert done.returncode == -signal.SIGPROF
    assert "most recent call first" in done.stderr


def test_a_process_that_was_stopped_for_longer_goes_on() -> None:
    then = "print('up', flush=True); sys.stdin.readline(); supervisor.stop(); sys.exit(supervisor.wait(20))"
    command = [sys.executable, "-c", PROGRAM.format(then=then, last_resort_s=0.2)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.0)  # the time that passes is what is proved to cost nothing
        process.send_signal(signal.SIGCONT)
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_supervisor_that_a_factory_blocks_is_told_until_it_comes_round_again() -> None:
    blocker = Blocker()

    def factory(context: Context) -> Any:
        blocker(context)
        return Player.start(context)

    supervisor = Supervisor([Group("g", children=[])], last_resort_s=0.2)
    supervisor.start()
    assert supervisor.fault() == ""
    supervisor.start_child("g", ChildSpec("a", factory))
    until(supervisor.fault)
    blocker.release.set()
    until(lambda: not supervisor.fault())
    supervisor.stop()
    assert supervisor.wait(20) is not None
    assert supervisor.fault() == ""


def test_a_supervisor_that_runs_or_has_ended_is_left_alone() -> None:
    # The one place where time has to pass: what is proved is that nothing happens.
    longer = "supervisor.wait(2.2); supervisor.stop(); code = supervisor.wait(20); time.sleep(2.2); sys.exit(code)"
    done = run(longer, last_resort_s=2.0)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_whose_main_thread_dies_ends_although_actors_run() -> None:
    """pykka's threads are not daemons: the process would live on without anyone in charge."""
    done = run("raise SystemExit(3)", last_resort_s=60.0)
    assert done.returncode == 3


def test_the_stack_of_a_thread_shows_where_it_is_and_nothing_once_it_has_ended() -> None:
    blocker = Blocker()
    thread = threading.Thread(target=blocker, args=(None,))
    thread.start()
    blocker.wait_entered()
    assert "release.wait" in stack_of(thread.ident)
    blocker.release.set()
    thread.join()
    assert stack_of(thread.ident) == ""
    assert stack_of(None) == ""
