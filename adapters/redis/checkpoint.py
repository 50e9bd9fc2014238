"""Checkpoints: a writer's state as of a place in the log, in an envelope that shows any damage.

What the payload means is the writer's own affair. The envelope: a first line with the version, the SHA-256 of
the rest, the rest.
"""

import hashlib
import logging

import msgspec
import redis

from adapters.redis.client import execute
from adapters.redis.keys import Keys

_FIRST_LINE = b"checkpoint 1\n"
_log = logging.getLogger(__name__)


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """`payload` is complete up to the writer's own event number `sequence`; its later events all have a seq
    above `seq`, which is where to read on in the log.
    """

    seq: int
    sequence: int
    payload: bytes


class DamagedCheckpoint(ValueError):
    """Not what was written, or written by a version that we do not know."""


def seal(checkpoint: Checkpoint) -> bytes:
    """The envelope."""
    body = msgspec.msgpack.encode(checkpoint)
    return _FIRST_LINE + hashlib.sha256(body).digest() + body


def unseal(data: bytes) -> Checkpoint:
    """What `seal` was given. Raises DamagedCheckpoint."""
    if not data.startswith(_FIRST_LINE):
        raise DamagedCheckpoint(f"it begins with {data[:16]!r}")
    digest_end = len(_FIRST_LINE) + hashlib.sha256().digest_size
    digest, body = data[len(_FIRST_LINE) : digest_end], data[digest_end:]
    if hashlib.sha256(body).digest() != digest:
        raise DamagedCheckpoint("its checksum is wrong")
    try:
        return msgspec.msgpack.decode(body, type=Checkpoint)
    except msgspec.MsgspecError as fault:
        raise DamagedCheckpoint(str(fault)) from fault


def newest_sound(client: redis.Redis, keys: Keys, writer: str, sequence: int) -> Checkpoint | None:
    """The newest checkpoint that is whole and not ahead of the writer's `sequence`; None means a full replay.

    A damaged one is passed over with a warning. Raises StoreUnavailable, OutcomeUnknown.
    """
    for key in (keys.checkpoint(writer), keys.previous_checkpoint(writer)):
        data: bytes | None = execute(client, "GET", key)
        if data is None:
            continue
        try:
            checkpoint = unseal(data)
            if checkpoint.sequence > sequence:
                raise DamagedCheckpoint(f"it is at event {checkpoint.sequence}, the log only at {sequence}")
        except DamagedCheckpoint as fault:
            _log.warning("%s is passed over: %s; more of the log is replayed instead", key, fault)
        else:
            return checkpoint
    return None
