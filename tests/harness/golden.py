"""The table of golden.json: what each message says, and its bytes in queues and logs."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec

from messages.codec import unpack, unpack_commands, unpack_events
from messages.commands import AuctionCommand
from messages.events import AnyEvent

GOLDEN: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
KINDS = {kind.__name__: kind for kind in get_args(AuctionCommand) + get_args(AnyEvent)}


def read(data: bytes, kind: str) -> Any:
    """What a queue's or a log's entry of one message says."""
    read_batch: Any = unpack_commands if KINDS[kind] in get_args(AuctionCommand) else unpack_events
    (message,) = read_batch(data)
    return message


def message_of(says: dict[str, Any]) -> Any:
    """The message that fields as JSON mean."""
    return unpack(msgspec.msgpack.encode(says), KINDS[says["type"]])
