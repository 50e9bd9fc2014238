"""What is packed is read again as it was; amounts are decimal strings; anything else is an UnreadableMessage."""

import json
import random
import re
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messages.base import Wei
from messages.codec import (
    UnreadableMessage,
    command_from_fields,
    pack,
    pack_batch,
    to_json,
    unpack,
    unpack_commands,
    unpack_events,
)
from messages.commands import AuctionCommand, MarkSwept
from tests.harness.any_message import AMOUNTS, COMMANDS, EVENTS
from tests.harness.golden import GOLDEN

PINNED = [bytes.fromhex(row["hex"]) for row in GOLDEN.values()]


@pytest.mark.requirement("RED-5")
@given(st.lists(COMMANDS, max_size=3))
def test_commands_are_read_as_they_were_packed(batch: list[Any]) -> None:
    assert unpack_commands(pack_batch(batch)) == batch


@pytest.mark.requirement("RED-5")
@given(st.lists(EVENTS, max_size=3))
def test_events_are_read_as_they_were_packed(batch: list[Any]) -> None:
    packed = pack_batch(batch)
    assert unpack_events(packed) == batch
    assert pack_batch(unpack_events(packed)) == packed


@given(COMMANDS)
def test_a_command_told_in_json_can_be_injected(command: Any) -> None:
    assert command_from_fields(json.loads(to_json(command))) == command


@pytest.mark.requirement("BID-2")
@given(AMOUNTS)
@example(Wei(2**64))
@example(Wei(0))
@example(Wei(10**78 - 1))
def test_wei_is_a_decimal_string_on_every_wire(amount: Wei) -> None:
    assert msgspec.msgpack.decode(pack(amount)) == json.loads(to_json(amount)) == str(int(amount))
    read = unpack(pack(amount), Wei)
    assert read == amount
    assert isinstance(read, Wei)


@pytest.mark.requirement("BID-2")
@pytest.mark.parametrize(
    "wrong", [5, 2**63, 1.5, True, None, "", "-1", "+1", "1.0", "1e3", " 1", "0x1", "٣", "9" * 79, ["5"], {"5": "5"}]
)
def test_nothing_else_is_an_amount(wrong: object) -> None:
    unpack(pack(Wei(5)), Wei)  # so that 5 is an amount that was just read
    for _ in range(2):  # what was refused once is refused again
        with pytest.raises(UnreadableMessage, match=re.escape(f"decimal digits, not {wrong!r:.40}")):
            unpack(msgspec.msgpack.encode(wrong), Wei)


@pytest.mark.parametrize("wrong", [object(), 5 + 5j, range(3)])
def test_what_no_wire_has_a_form_for_is_not_packed(wrong: object) -> None:
    for write in (pack, to_json):
        with pytest.raises(TypeError):
            write(wrong)


@pytest.mark.parametrize("data", PINNED)
def test_whatever_is_cut_off_is_unreadable(data: bytes) -> None:
    for end in range(len(data)):
        is_unreadable(data[:end])
    is_unreadable(data + b"\x00")


def is_unreadable(data: bytes) -> None:
    for read in (unpack_commands, unpack_events):
        with pytest.raises(UnreadableMessage):
            read(data)


FOREIGN = {
    "nothing": b"",
    "an empty map": b"\x80",
    "one message without its batch": PINNED[0][1:],
    "JSON": b'[{"type":"MarkSwept","message_id":"x","swept_to_ms":1}]',
    "a text": msgspec.msgpack.encode("MarkSwept"),
    "an unknown tag": msgspec.msgpack.encode([{"type": "SellHouse", "message_id": "x"}]),
    "no tag": msgspec.msgpack.encode([{"message_id": "x"}]),
    "a number as tag": msgspec.msgpack.encode([{"type": 7, "message_id": "x"}]),
    "text that is not UTF-8": b"\x91\x82\xa4type\xa9MarkSwept\xaamessage_id\xa2\xff\xfe",
    "more elements than there are bytes": b"\xdd\xff\xff\xff\xff" + PINNED[0][1:],
    "a text of four gigabytes": b"\x91\x81\xdb\xff\xff\xff\xff",
    "arrays a million deep": b"\x91" * 1_000_000,
    "maps a million deep": b"\x91\x81" * 1_000_000,
    "an unknown field a million deep": b"\x91\x82\xa3new" + b"\x91" * 1_000_000,
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN.keys())
def test_foreign_bytes_are_unreadable(data: bytes) -> None:
    is_unreadable(data)


def test_random_and_damaged_bytes_are_unreadable_or_a_message_and_never_another_error() -> None:
    chance = random.Random(7)
    unreadable = 0
    for _ in range(20_000):
        data = bytearray(chance.choice(PINNED))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        for given_bytes in (bytes(data), chance.randbytes(chance.randint(0, 60))):
            for read in (unpack_commands, unpack_events):
                try:
                    read(given_bytes)
                except UnreadableMessage:
                    unreadable += 1
    assert unreadable > 60_000


SWEPT: dict[Any, Any] = {"type": "MarkSwept", "message_id": "m", "swept_to_ms": 5}
BID = next(row["says"] for name, row in GOLDEN.items() if name == "PlaceBid")
DAY = next(row["says"] for name, row in GOLDEN.items() if name == "OpenAuction")
FAULTY_FIELDS: list[tuple[dict[Any, Any], str]] = [
    ({}, "missing required field `type`"),
    ({**SWEPT, "type": "MarkSweeped"}, "Invalid value 'MarkSweeped' - at `$.type`"),
    ({**SWEPT, "type": "BidAccepted"}, "Invalid value 'BidAccepted'"),
    ({**SWEPT, "type": None}, "Expected `str`, got `NoneType` - at `$.type`"),
    ({"type": "MarkSwept", "message_id": "m"}, "missing required field `swept_to_ms`"),
    ({**SWEPT, "swept_to_ms": "5"}, "Expected `int`, got `str` - at `$.swept_to_ms`"),
    ({**SWEPT, "swept_to_ms": 5.0}, "Expected `int`, got `float` - at `$.swept_to_ms`"),
    ({**SWEPT, "swept_to_ms": True}, "Expected `int`, got `bool` - at `$.swept_to_ms`"),
    ({**SWEPT, "swept_to_ms": None}, "Expected `int`, got `null`"),
    ({**SWEPT, "swept_to_ms": float("nan")}, "Expected `int`, got `float`"),
    ({**SWEPT, "swept_to_ms": 2**64}, "ints"),
    ({**SWEPT, "swept_to_ms": -(10**30)}, "ints"),
    ({**SWEPT, "message_id": 5}, "Expected `str`, got `int` - at `$.message_id`"),
    ({**SWEPT, "message_id": "\ud83d"}, "surrogates not allowed"),
    ({**SWEPT, "swept_to": 5}, "MarkSwept has no field 'swept_to'"),
    ({**SWEPT, 5: 5}, "Expected `str` - at `key` in `$`"),
    ({**BID, "hashtags": "AuctionDay"}, "Expected `array"),
    ({**BID, "hashtags": [1]}, "Expected `str`, got `int` - at `$.hashtags[0]`"),
    ({**BID, "text": ["0.5 ETH"]}, "Expected `str`, got `array` - at `$.text`"),
    ({**BID, "post_id": str(BID["post_id"])}, "Expected `int`, got `str` - at `$.post_id`"),
    ({**DAY, "rules": {**DAY["rules"], "reserve_wei": 10**17}}, "decimal digits, not 100000000000000000 - at `$.rules"),
    ({**DAY, "rules": {**DAY["rules"], "reserve_wei": "0.1"}}, "decimal digits, not '0.1'"),
    ({**DAY, "lot": None}, "Expected `object`, got `null` - at `$.lot`"),
]


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize(("fields", "says"), FAULTY_FIELDS, ids=[says for _, says in FAULTY_FIELDS])
def test_a_command_from_faulty_fields_is_refused_and_says_where(fields: dict[Any, Any], says: str) -> None:
    with pytest.raises(UnreadableMessage, match=re.escape(says)):
        command_from_fields(fields)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None, exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.requirement("SUP-4")
@given(st.sampled_from([SWEPT, BID, DAY]), st.dictionaries(st.sampled_from([*SWEPT, *BID, *DAY, "else"]), ANYTHING))
def test_whatever_the_fields_hold_a_command_that_is_made_fits_on_the_wire(
    sound: dict[str, Any], change: dict[str, Any]
) -> None:
    try:
        command: AuctionCommand = command_from_fields(sound | change)
    except UnreadableMessage:
        return
    assert unpack_commands(pack_batch([command])) == [command]


def test_a_sound_command_is_made_of_its_fields() -> None:
    assert command_from_fields(SWEPT) == MarkSwept(message_id="m", swept_to_ms=5)
