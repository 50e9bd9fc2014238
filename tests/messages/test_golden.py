"""The bytes of every message are pinned: golden.json says what each means and how it stands in queues and logs.

A row is never changed, only added: what was once written is read for good. For a new kind of message, or a new optional
field, write what it says with an empty `hex`; the failing test tells the bytes.
"""

import json
from typing import Any, get_args

import msgspec
import pytest

from messages.codec import pack_batch, to_json, unpack_events
from messages.events import AnyEvent
from tests.harness.golden import GOLDEN, KINDS, message_of, read

pytestmark = pytest.mark.requirement("RED-5", "BID-2")

ROWS = [pytest.param(row["says"], row["hex"], id=name) for name, row in GOLDEN.items()]


def test_every_kind_of_message_has_its_row() -> None:
    assert {row["says"]["type"] for row in GOLDEN.values()} == set(KINDS)
    assert all(name.partition(",")[0] == row["says"]["type"] for name, row in GOLDEN.items())


def test_every_field_of_every_message_stands_in_a_row() -> None:
    told: dict[str, set[str]] = {}
    for row in GOLDEN.values():
        told.setdefault(row["says"]["type"], {"correlation_id"}).update(row["says"])
    assert told == {name: {"type", *kind.__struct_fields__} for name, kind in KINDS.items()}


@pytest.mark.parametrize(("says", "pinned"), ROWS)
def test_a_message_is_written_in_the_pinned_bytes(says: dict[str, Any], pinned: str) -> None:
    assert pack_batch([message_of(says)]).hex() == pinned


@pytest.mark.parametrize(("says", "pinned"), ROWS)
def test_the_pinned_bytes_are_read_as_what_they_say(says: dict[str, Any], pinned: str) -> None:
    assert read(bytes.fromhex(pinned), says["type"]) == message_of(says)


@pytest.mark.parametrize(("says", "pinned"), ROWS)
def test_as_json_a_message_says_the_same(says: dict[str, Any], pinned: str) -> None:
    assert json.loads(to_json(read(bytes.fromhex(pinned), says["type"]))) == says


def test_a_batch_is_one_array_of_its_messages() -> None:
    rows = [row for row in GOLDEN.values() if KINDS[row["says"]["type"]] in get_args(AnyEvent)]
    messages = [message_of(row["says"]) for row in rows]
    assert len(rows) < 0x10000
    head = b"\xdc" + len(rows).to_bytes(2)  # MessagePack's array of up to 65535
    assert pack_batch(messages) == head + b"".join(bytes.fromhex(row["hex"])[1:] for row in rows)
    assert unpack_events(pack_batch(messages)) == messages


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_of_the_class_is_the_tag_on_the_wire(kind: str) -> None:
    (pinned, *_) = [row["hex"] for row in GOLDEN.values() if row["says"]["type"] == kind]
    assert msgspec.msgpack.decode(bytes.fromhex(pinned))[0]["type"] == kind
