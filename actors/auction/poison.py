"""Poison: a command that crashes its auction's actor whenever it is decided. It must not block the other commands.

The first crash is taken for an accident. The next incarnation decides the same batch one command at a time, so that the
command that crashes it is known. A command that has crashed it three times becomes a dead letter. Nothing of this
outlives the process: the next one finds a poison anew.
"""

from collections.abc import Sequence

from adapters import metrics
from messages.commands import AuctionCommand

DEATHS = 3
QUARANTINED_KEPT = 1_000


class DiedIsolated(Exception):
    """The auction's actor crashed on a command that it decided alone, on suspicion.

    Not charged to the restart budget: a command is tried `DEATHS` times at most, and the batch has cost one restart
    before its commands were isolated.
    """


class Suspects:
    """The commands on which the incarnations of one auction have crashed, in one process; for one incarnation at a
    time.

    The newest `QUARANTINED_KEPT` poisons are remembered, because the stream and each sweep find the same post again.
    """

    def __init__(self) -> None:
        self._deaths: dict[str, int] = {}
        self.quarantined: dict[str, str] = {}
        """Poisons, which must not be tried again: the error of each by its message id."""

    @property
    def isolated(self) -> bool:
        """Whether the next commands of the queue have to be decided one at a time."""
        return bool(self._deaths)

    def died_of(self, commands: Sequence[AuctionCommand], error: Exception) -> None:
        """Count a crash for each of these commands, one of which has caused it."""
        metrics.failed_attempts.inc()
        for message_id in {command.message_id for command in commands}:
            self._deaths[message_id] = self._deaths.get(message_id, 0) + 1
            if self._deaths[message_id] >= DEATHS:
                self.quarantined[message_id] = f"{type(error).__name__}: {error}"

    def clear(self) -> None:
        """Forget the crashes: every command that was decided alone is committed, or is a dead letter."""
        self._deaths.clear()
        while len(self.quarantined) > QUARANTINED_KEPT:
            self.quarantined.pop(next(iter(self.quarantined)))
