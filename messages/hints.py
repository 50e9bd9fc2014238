"""Hints tell an actor that something may be waiting. The facts are in queues and log; a lost hint costs one tick."""

from messages.base import Hint


class QueueGrew(Hint, frozen=True):
    """There is something to read in the auction's input queue."""


class DayIsOver(Hint, frozen=True):
    """X is no longer searched for the auction's bids: its actor may end once the result is named and the queue read."""


class LogGrew(Hint, frozen=True):
    """There is something to read in the log."""


class SweepNow(Hint, frozen=True):
    """The stream may have missed posts: sweep now, without waiting for the next interval."""
