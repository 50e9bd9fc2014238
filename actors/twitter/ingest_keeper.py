"""The ingest keeper: runs the ingest in a process of its own, and passes its hints on to the actors here.

It takes `twitter_ingest`'s place in the supervision tree, under that name. When the process ends, so does this actor,
and the supervisor starts both again.
"""

from collections.abc import Callable
from contextlib import suppress

from adapters.redis.errors import StoreUnavailable
from adapters.worker_process import OwnProcess
from messages.base import Hint
from messages.hints import QueueGrew, SweepNow
from supervision import Abandoned, Actor, Context

# The exit code of a process that waits for the store or for room in a queue (EX_TEMPFAIL of sysexits.h).
TRY_AGAIN = 75
HINTS: dict[str, type[Hint]] = {hint.__name__: hint for hint in (QueueGrew, SweepNow)}


class IngestEnded(Exception):
    """The ingest's process has ended without being told to."""


class IngestKeeper(Actor):
    """Keeps the process of the ingest. `start` starts it, and takes the function that gets each line of its output."""

    def __init__(self, context: Context, start: Callable[[Callable[[str], None]], OwnProcess]) -> None:
        super().__init__(context)
        self._start = start
        self._process: OwnProcess | None = None

    def setup(self) -> None:
        self._process = self._start(self._pass_on)

    def handle(self, message: object) -> object:
        return NotImplemented

    def tick(self) -> None:
        assert self._process is not None, "setup has started it"
        code = self._process.exit_code()
        if code == TRY_AGAIN:
            raise StoreUnavailable("the ingest's process waits for the store, or for room in a queue")
        if code is not None:
            raise IngestEnded(f"the ingest's process has ended with {code}")

    def teardown(self) -> None:
        if self._process:
            self._process.stop()

    def _pass_on(self, line: str) -> None:
        """Send the hint that a line of the process's output names to an actor: the kind of hint, and the actor's
        name."""
        kind, _, name = line.partition(" ")
        with suppress(Abandoned):  # this actor's successor has a process that sends the same hint
            if hint := HINTS.get(kind):
                self.context.send(name, hint())
