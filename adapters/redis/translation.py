"""The translation of redis-py's errors into ours.

redis-py's classes tell where an error arose; ours tell whether something may have been written. An error by a mistake
of ours (a bad argument) passes through as redis-py's own ResponseError.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from adapters.redis.errors import (
    DamagedState,
    HistoryLost,
    LeaseEnded,
    LibraryMissing,
    NotOwner,
    OutcomeUnknown,
    StoreError,
    StoreUnavailable,
    WrongSequence,
)
from ledger.entry import LogDamaged

# With these codes the server refuses a function before its first write.
_NOT_WRITTEN = re.compile("OOM|READONLY|MISCONF|NOREPLICAS|LOADING|MASTERDOWN|BUSY|NOPERM")
_NO_CONNECTION = re.compile(r"Error (-?\d+ )?connecting to |Timeout connecting |No connection available")
_NO_LIBRARY = "Function not found"
_OURS: dict[str, type[StoreError | LogDamaged]] = {
    "NOTOWNER": NotOwner,
    "WRONGSEQUENCE": WrongSequence,
    "LEASEENDED": LeaseEnded,
    "LOSTHISTORY": HistoryLost,
    "LOGDAMAGED": LogDamaged,
    "WRONGTYPE": DamagedState,
}


class NotConnected(redis.ConnectionError):
    """The server was called, but the connection cannot be used. No command was sent on it yet."""


class OtherServer(NotConnected):
    """A client that had spoken with one server process was connected to another one."""


@contextmanager
def failed_before() -> Iterator[None]:
    """Translate what is lost or late in this context, where no command has been sent yet, to NotConnected."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError, redis.InvalidResponse) as fault:
        if isinstance(fault, NotConnected) or fault.status_code:  # the server has said why
            raise
        raise NotConnected(f"{fault}") from fault


@contextmanager
def translated() -> Iterator[None]:
    """Translate redis-py's errors in this context to those of `errors`."""
    try:
        yield
    except redis.RedisError as fault:
        known = _translate(fault)
        if known is None:
            raise
        raise known from fault


def _translate(fault: redis.RedisError) -> StoreError | LogDamaged | None:
    text = str(fault).partition("\n")[0]
    # redis-py cuts the code off the texts that it knows, and keeps it in status_code.
    code = fault.status_code or text.partition(" ")[0]
    if code in _OURS:
        return _OURS[code](text.partition(" ")[2])
    if code in ("NOAUTH", "WRONGPASS"):
        return StoreUnavailable("the store wants another password: it is redis.password of the settings")
    if _NOT_WRITTEN.fullmatch(code):
        return StoreUnavailable(f"the store refuses to write: {text}")
    if text.startswith(_NO_LIBRARY):
        return LibraryMissing("the store has lost the function library")
    if isinstance(fault, redis.ConnectionError | redis.TimeoutError | redis.InvalidResponse):
        if _never_sent(fault):
            return StoreUnavailable(f"the store cannot be reached: {text}")
        return OutcomeUnknown(f"the store did not answer: {text}")
    return None


def _never_sent(fault: redis.RedisError) -> bool:
    """Whether the command was certainly not sent, for want of a connection. In doubt it was sent."""
    # redis-py raises one class for a connection that is refused and one that is lost. Its words tell them
    # apart; the chain of causes would not, since it goes on into whatever the caller was just handling.
    before = isinstance(fault, redis.sentinel.MasterNotFoundError | NotConnected)
    return before or bool(_NO_CONNECTION.match(str(fault)))
