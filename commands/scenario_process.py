"""The process of a scenario's marathon: a process of its own, to be killed and started again as the real one would be.

It is forked, so that it is there at once: a scenario counts its time from the first opening. What it says stands in
process.log.
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
    """At most one incarnation of it at a time. Whoever has this must have no threads."""

    def __init__(self, settings: Settings, dependencies: bootstrap.Dependencies) -> None:
        self._arguments = settings, dependencies
        self._process: multiprocessing.process.BaseProcess | None = None

    def start(self) -> None:
        """One more incarnation."""
        self._process = _FORKING.Process(target=_be, args=self._arguments)
        self._process.start()

    def kill(self) -> None:
        """It is gone at once, as with `kill -9`; its store and X go on."""
        if self._process:
            self._process.kill()
            self._process.join()
            self._process = None

    @property
    def gave_up(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and not self._process.is_alive()

    def end(self) -> int:
        """Asked first, so that it can take its store with it; the exit code."""
        if self._process is None:
            self.start()  # whoever was killed has left its store behind
        assert self._process is not None, "it was just started"
        if self._process.is_alive():
            self._process.terminate()
        self._process.join(END_S)
        if self._process.is_alive():
            self.kill()
            return -1
        return self._process.exitcode or 0


def _be(settings: Settings, dependencies: bootstrap.Dependencies) -> None:
    """The process itself."""
    with open(settings.data_dir / "process.log", "ab", buffering=0, opener=own_files.private) as words:
        os.dup2(words.fileno(), sys.stdout.fileno())
        os.dup2(words.fileno(), sys.stderr.fileno())
    # Crashes are what scenarios are made of: their traces would drown what is to be seen.
    process_log.begin(logging.WARNING)
    follower = Follower(settings, Console(file=sys.stderr, highlight=False))
    sys.exit(supervisor.run(settings, dependencies, follower.begin, follower.look))
