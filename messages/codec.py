"""Encodes messages as bytes and decodes them: MessagePack inside the system, JSON outside.

A batch is one MessagePack array of messages. Decoding raises `UnreadableMessage` and no other error.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from messages.base import Command, Event, Wei
from messages.commands import AuctionCommand
from messages.events import AnyEvent

T = TypeVar("T")


class UnreadableMessage(ValueError):
    """Raised for bytes or fields that are not a valid message; the text says where and why."""


# The hook for Wei, the only type in messages that msgspec cannot encode by itself. Any type but int raises TypeError.
_encode_wei = int.__repr__


def _decode_wei(kind: type, value: object) -> object:
    if kind is Wei and isinstance(value, str):
        return _wei(value)
    raise _not_wei(value)


@functools.lru_cache(maxsize=2**12)  # bids of one moment name the same few amounts; raised errors are not cached
def _wei(value: str) -> Wei:
    if value.isascii() and value.isdigit() and len(value) <= 78:
        return Wei(value)
    raise _not_wei(value)


def _not_wei(value: object) -> ValueError:
    return ValueError(f"wei is a string of decimal digits, not {value!r:.40}")


_pack = msgspec.msgpack.Encoder(enc_hook=_encode_wei).encode
_to_json = msgspec.json.Encoder(enc_hook=_encode_wei).encode
_commands = msgspec.msgpack.Decoder(list[AuctionCommand], dec_hook=_decode_wei)
_events = msgspec.msgpack.Decoder(list[AnyEvent], dec_hook=_decode_wei)


def pack_batch(batch: Sequence[Command | Event]) -> bytes:
    """The messages as one packed batch, the content of an entry of a queue or of the log."""
    return _pack(batch)


def unpack_commands(data: bytes) -> list[AuctionCommand]:
    """The commands of a queue entry. Raises UnreadableMessage."""
    return _read(_commands.decode, data)


def unpack_events(data: bytes) -> list[AnyEvent]:
    """The events of a log entry. Raises UnreadableMessage."""
    return _read(_events.decode, data)


def pack(value: object) -> bytes:
    """Any typed value, such as a checkpoint's state, as MessagePack."""
    return _pack(value)


def unpack(data: bytes, kind: type[T]) -> T:
    """The value that `pack` wrote. Raises UnreadableMessage."""
    return _read(lambda raw: msgspec.msgpack.decode(raw, type=kind, dec_hook=_decode_wei), data)


def reader_of(kind: type[T]) -> Callable[[bytes], T]:
    """A function that reads a value of this type from bytes, as `unpack` does."""
    return functools.partial(unpack, kind=kind)


def to_json(value: object) -> bytes:
    """A message or any typed value as JSON: amounts as strings of wei."""
    return _to_json(value)


def from_json(data: bytes, kind: type[T]) -> T:
    """The value that `to_json` wrote. Raises UnreadableMessage."""
    return _read(lambda raw: msgspec.json.decode(raw, type=kind, dec_hook=_decode_wei), data)


def command_from_fields(fields: dict[str, Any]) -> AuctionCommand:
    """A command from the untyped fields of an injection. A field that the command does not have is refused, since it
    may be misspelt, and so is a value that cannot be encoded. Raises UnreadableMessage."""
    convert: Callable[[Any], AuctionCommand] = functools.partial(
        msgspec.convert, type=AuctionCommand, dec_hook=_decode_wei
    )
    command = _read(convert, fields)
    if unknown := sorted(set(fields) - {"type", *command.__struct_fields__}):
        raise UnreadableMessage(f"{type(command).__name__} has no field {unknown[0]!r:.40}")
    _read(_pack, command)
    return command


def _read(read: Callable[[Any], T], data: Any) -> T:
    # msgspec raises its own errors for truncation, unknown tags and wrong types, and wraps a hook's ValueError. Numbers
    # beyond 64 bits (OverflowError) and lone surrogates (UnicodeError) fit into fields but not into MessagePack.
    try:
        return read(data)
    except (msgspec.MsgspecError, UnicodeError, OverflowError, RecursionError) as fault:
        raise UnreadableMessage(str(fault)) from fault
