"""Checkpoints: the state of a writer as of a place in the log, with a checksum that shows any damage.

The writer alone knows what its payload means. As stored, a checkpoint is a first line with the version, the SHA-256 of
the rest, and the rest.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec
import redis

from adapters.redis.client import execute
from adapters.redis.errors import DamagedState
from adapters.redis.keys import Keys
from ledger.hash_chain import Head
from messages.codec import UnreadableMessage

T = TypeVar("T")
_FIRST_LINE = b"checkpoint 1\n"
_log = logging.getLogger(__name__)


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """A writer's state (`payload`) after its own event number `sequence`, where the hash of its chain is
    `chain_hash`. Its later events all have a seq above `seq`, which is where to read on in the log."""

    seq: int
    sequence: int
    payload: bytes
    chain_hash: str = ""  # empty in a checkpoint of an older version


class DamagedCheckpoint(ValueError):
    """The stored bytes are not what was written, or are of an unknown version."""


def seal(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as it is stored."""
    body = msgspec.msgpack.encode(checkpoint)
    return _FIRST_LINE + hashlib.sha256(body).digest() + body


def unseal(data: bytes) -> Checkpoint:
    """The checkpoint that `seal` was given. Raises DamagedCheckpoint."""
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


def newest_sound(
    client: redis.Redis, keys: Keys, writer: str, head: Head, read: Callable[[bytes], T]
) -> tuple[Checkpoint, T] | None:
    """The newest checkpoint that is whole and not ahead of the writer's head, and what `read` makes of its payload;
    None means a full replay.

    A damaged one, or one whose payload makes `read` raise UnreadableMessage, is passed over with a warning. Raises
    StoreUnavailable, OutcomeUnknown.
    """
    for key in (keys.checkpoint(writer), keys.previous_checkpoint(writer)):
        try:
            data: bytes | None = execute(client, "GET", key)
            if data is not None:
                checkpoint = unseal(data)
                _must_lead_to(checkpoint, head)
                return checkpoint, read(checkpoint.payload)
        except (DamagedCheckpoint, DamagedState, UnreadableMessage) as fault:
            _log.warning("%s is passed over: %s; more of the log is replayed instead", key, fault)
    return None


def _must_lead_to(checkpoint: Checkpoint, head: Head) -> None:
    if checkpoint.sequence > head.sequence:
        raise DamagedCheckpoint(f"it is at event {checkpoint.sequence}, the log only at {head.sequence}")
    if checkpoint.sequence == head.sequence and checkpoint.chain_hash not in ("", head.chain_hash):
        raise DamagedCheckpoint(f"its event {checkpoint.sequence} has another hash than the log's")
