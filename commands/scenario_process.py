"""The process of a scenario's marathon, which can be killed and restarted like the real one.

The process is forked, because a fork starts quickly and a scenario counts its time from the first opening. Its output
goes to process.log.
"""

import logging
import multiprocessing
import os
import sys

from rich.console import Console

import bootstrap
import own_files
import supervisor
from adapters import process_log
from commands.follow import Follower
from settings import Settings

END_S = 30
_FORKING = multiprocessing.get_context("fork")


class MarathonProcess:
    """Starts, kills and ends the process, of which at most one lives at a time. The caller must have no threads, since
    the process is forked."""

    def __init__(self, settings: Settings, dependencies: bootstrap.Dependencies) -> None:
        self._arguments = settings, dependencies
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        self._process = _FORKING.Process(target=_be, args=self._arguments)
        self._process.start()

    def kill(self) -> None:
        """Kills the process as `kill -9` does; its server and the simulated X go on."""
        if self._process:
            self._process.kill()
            self._process.join()
            self._process = None

    @property
    def gave_up(self) -> bool:
        """Whether the process has ended by itself."""
        return self._process is not None and not self._process.is_alive()

    def end(self) -> int:
        """Asks the process to end, which stops its server too. Returns its exit code, or -1 if it had to be killed."""
        if self._process is None:
            self.start()  # the killed process has left its server running: a new one stops it
        assert self._process is not None, "it was just started"
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(END_S)
        if self._process.is_alive():
            self.kill()
            return -1
        return self._process.exitcode or 0


def _be(settings: Settings, dependencies: bootstrap.Dependencies) -> None:
    """Runs the supervisor in the forked process."""
    with open(settings.data_dir / "process.log", "ab", buffering=0, opener=own_files.private) as words:
        os.dup2(words.fileno(), sys.stdout.fileno())
        os.dup2(words.fileno(), sys.stderr.fileno())
    # Scenarios cause many crashes, so their tracebacks are left out.
    process_log.begin(logging.WARNING)
    follower = Follower(settings, Console(file=sys.stderr, highlight=False))
    sys.exit(supervisor.run(settings, dependencies, follower.begin, follower.look))
