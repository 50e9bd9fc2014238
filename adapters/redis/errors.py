"""The errors of the store, each named for what the caller must do about it.

`translation` makes them of redis-py's errors. This module imports nothing, for callers that only name an error.
"""


class StoreError(Exception):
    """Any error that the store or its server answers with. Its text is one line."""


class StoreUnavailable(StoreError):
    """The command was certainly not carried out: keep the state in memory, report the error, and try again."""


class LibraryMissing(StoreUnavailable):
    """The server has lost the function library (a flush, a restore without it): load it, and call again."""


class LeaseEnded(StoreUnavailable):
    """The lease has ended, and nobody has taken it since (a pause, a stall): wait until its keeper has it again."""


class HistoryLost(StoreError):
    """The store was emptied: it holds nothing of this marathon any more. Only bringing its data back can help."""


class OutcomeUnknown(StoreError):
    """Whether the command was carried out is unknown: drop the state in memory, and reload it. A read had no answer."""


class NotOwner(StoreError):
    """Another process has the lease, or another incarnation is the writer: stop at once. Nothing was written."""


class WrongSequence(StoreError):
    """The writer's state in memory is not the one in the store: drop it, and reload it. Nothing was written."""


class QueueFull(StoreError):
    """More waits in the queue than can be decided soon: come back later. Nothing was put there."""


class DamagedState(StoreError):
    """A key beside the log holds what this program has not written. Nothing was written."""

    exit_code = 1

    def __init__(self, what: str) -> None:
        super().__init__(f"the store is damaged: {what}; `auction-manager repair` mends it")


class WrongLayout(StoreError):
    """The store's keys have the layout of another version of this program, and cannot be converted."""


class UnfitStore(StoreError):
    """This store must not be used for this marathon as it is; the text says why, and what to do."""


class ServerFailed(StoreError):
    """The embedded server does not start or does not answer, and trying again will not help."""


class DirectoryInUse(StoreError):
    """Another supervisor works in this data directory."""
