"""Poison: a command of which the auction dies whenever it decides it. It must not block the others.

The first death of a batch is an accident like any other. The next incarnation decides that batch one command at a
time, so that the guilty one is known; what has killed three times is a dead letter. Nothing here outlives the process:
the next one finds a poison out anew.
"""

from collections.abc import Sequence

from adapters import metrics
from messages.commands import AuctionCommand

DEATHS = 3
GUILTY_KEPT = 1_000


class DiedOnTrial(Exception):
    """The auction has died of a command that it decided alone, on suspicion.

    Not charged to the restart budget: a command is tried `DEATHS` times at most, and the batch has cost one restart
    before the trials began.
    """


class Suspects:
    """What the incarnations of one auction, in one process, know of the commands that they died of.

    One incarnation works with it at a time. The guilty ones are remembered, the newest `GUILTY_KEPT` of them, because
    the stream and each sweep find the same post again.
    """

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        self.guilty: dict[str, str] = {}
        """What must not be tried again, by message id, and what it has killed with."""

    @property
    def on_trial(self) -> bool:
        """Whether what is next in the queue has to be decided one command at a time."""
        return bool(self._deaths)

    def died_of(self, commands: Sequence[AuctionCommand], error: Exception) -> None:
        """One of these commands has killed."""
        metrics.failed_attempts.inc()
        for message_id in {command.message_id for command in commands}:
            self._deaths[message_id] = self._deaths.get(message_id, 0) + 1
            if self._deaths[message_id] >= DEATHS:
                self.guilty[message_id] = f"{type(error).__name__}: {error}"

    def acquit(self) -> None:
        """All that was on trial is decided, or lies with the dead letters, durably."""
        self._deaths.clear()
        while len(self.guilty) > GUILTY_KEPT:
            self.guilty.pop(next(iter(self.guilty)))
