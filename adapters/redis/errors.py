"""What can go wrong with the store, named by what the caller must do about it.

How redis-py's errors become these is `translation`; this module is light, for whoever only has to name one.
"""


class StoreError(Exception):
    """Anything that the store or its server answers instead of doing what was asked. Its text is one line."""


class StoreUnavailable(StoreError):
    """Certainly not written: keep what you have, say so, and try again."""


class LibraryMissing(StoreUnavailable):
    """The server has lost the function library (a flush, a restore without it): load it, and call again."""


class LeaseEnded(StoreUnavailable):
    """The lease has ended, and nobody has taken it since (a pause, a stall): wait until its keeper has it again."""


class HistoryLost(StoreError):
    """The store holds nothing of this marathon any more: it was emptied. Only its data, brought back, can help."""


class OutcomeUnknown(StoreError):
    """Written or not, nobody knows: forget what you have and reload it from the store. After a read: no
    answer came.
    """


class NotOwner(StoreError):
    """The lease or the writer belongs to somebody else now: stop at once. Nothing was written."""


class WrongSequence(StoreError):
    """Our memory is not what the store has: die and reload. Nothing was written."""


class QueueFull(StoreError):
    """More waits already than can be decided soon: come back later. Nothing was put there."""


class DamagedState(StoreError):
    """A key beside the log holds what is none of ours. Nothing was written."""

    exit_code = 1

    def __init__(self, what: str) -> None:
        super().__init__(f"the store is damaged: {what}; `auction-manager repair` mends it")


class WrongLayout(StoreError):
    """The store's keys are laid out as another version of this program does it, and cannot be converted."""


class UnfitStore(StoreError):
    """This store must not be used for this marathon as it stands; the text says why, and the way out."""


class ServerFailed(StoreError):
    """The embedded server does not start or does not answer, and trying again will not help."""


class DirectoryInUse(StoreError):
    """Another supervisor works in this data directory."""
