"""Poison: a command of which the auction dies whenever it decides it. It must not block the others.

The first death of a batch is an accident like any other. The next incarnation decides that batch one command at a
time, so that the one that kills is known. A command that has killed three times is quarantined, as a dead letter.
Nothing of this outlives the process: the next one finds a poison out anew.
"""

from collections.abc import Sequence

from adapters import metrics
from messages.commands import AuctionCommand

DEATHS = 3
QUARANTINED_KEPT = 1_000


class DiedIsolated(Exception):
    """The auction has died of a command that it decided alone, on suspicion.

    Not charged to the restart budget: a command is tried `DEATHS` times at most, and the batch has cost one restart
    before its commands were isolated.
    """


class Suspects:
    """What the incarnations of one auction, in one process, know of the commands that they died of.

    One incarnation works with it at a time. The newest `QUARANTINED_KEPT` that are quarantined are remembered, because
    the stream and each sweep find the same post again.
    """

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        self.quarantined: dict[str, str] = {}
        """What must not be tried again, by message id, and what it has killed with."""

    @property
    def isolated(self) -> bool:
        """Whether what is next in the queue has to be decided one command at a time."""
        return bool(self._deaths)

    def died_of(self, commands: Sequence[AuctionCommand], error: Exception) -> None:
        """One of these commands has killed."""
        metrics.failed_attempts.inc()
        for message_id in {command.message_id for command in commands}:
            self._deaths[message_id] = self._deaths.get(message_id, 0) + 1
            if self._deaths[message_id] >= DEATHS:
                self.quarantined[message_id] = f"{type(error).__name__}: {error}"

    def clear(self) -> None:
        """Forget the deaths: all that was decided alone is committed, or lies with the dead letters."""
        self._deaths.clear()
        while len(self.quarantined) > QUARANTINED_KEPT:
            self.quarantined.pop(next(iter(self.quarantined)))
