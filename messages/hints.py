"""Hints: nudges between actors of one process. The queue and the log are the truth; a lost hint costs one tick."""

from messages.base import Hint


class QueueGrew(Hint, frozen=True):
    """There is something to read in the auction's input queue."""


class DayIsOver(Hint, frozen=True):
    """To an auction: no more is looked for. It may end once its result is named and its queue is read."""


class LogGrew(Hint, frozen=True):
    """There is something to read in the log."""


class SweepNow(Hint, frozen=True):
    """Something may have been missed: sweep without waiting for the next turn."""
