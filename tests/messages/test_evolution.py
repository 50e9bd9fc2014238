"""Messages of other versions: newer ones with fields that we do not know, older ones without those that came later."""

from typing import Any, get_args

import msgspec
import pytest

from messages.base import Leader, Lot, Rules
from messages.codec import UnreadableMessage
from messages.commands import AuctionCommand
from tests.harness.golden import GOLDEN, KINDS, message_of, read

pytestmark = pytest.mark.requirement("RED-5")

ROWS = [pytest.param(row["says"], id=name) for name, row in GOLDEN.items()]
NEW: dict[str, Any] = {"since_v9": {"deep": [1, {"er": None}], "wei": "1"}, "also_new": 2.5}
SHARED = (Lot, Rules, Leader)


def written(says: Any) -> bytes:
    """The bytes of a batch of one, whatever it says."""
    return msgspec.msgpack.encode([says])


def with_news(says: Any) -> Any:
    """The same with unknown fields in every map of it."""
    if isinstance(says, dict):
        return {**NEW, **{name: with_news(value) for name, value in says.items()}, "last": []}
    return [with_news(value) for value in says] if isinstance(says, list) else says


@pytest.mark.parametrize("says", ROWS)
def test_a_newer_message_with_unknown_fields_is_read(says: dict[str, Any]) -> None:
    assert read(written(with_news(says)), says["type"]) == message_of(says)


@pytest.mark.parametrize("says", ROWS)
def test_an_older_message_without_later_fields_is_read_with_their_defaults(says: dict[str, Any]) -> None:
    kind = KINDS[says["type"]]
    optional = {field.encode_name: field.default for field in msgspec.structs.fields(kind) if not field.required}
    older = read(written({name: value for name, value in says.items() if name not in optional}), says["type"])
    assert {name: getattr(older, name) for name in optional} == optional
    for name in set(says) - set(optional) - {"type"}:
        assert getattr(older, name) == getattr(message_of(says), name)


@pytest.mark.parametrize("kind", SHARED)
def test_what_messages_share_may_grow_too(kind: type[msgspec.Struct]) -> None:
    whole = {
        field.encode_name: 1 if field.type is int else "1" for field in msgspec.structs.fields(kind) if field.required
    }
    older = msgspec.convert(whole, kind, dec_hook=lambda wanted, value: wanted(value))
    newer = msgspec.convert({**whole, **NEW}, kind, dec_hook=lambda wanted, value: wanted(value))
    assert older == newer


@pytest.mark.parametrize("says", ROWS)
def test_a_message_without_a_field_that_always_was_is_unreadable(says: dict[str, Any]) -> None:
    required = [field.encode_name for field in msgspec.structs.fields(KINDS[says["type"]]) if field.required]
    for name in ["type", *required]:
        with pytest.raises(UnreadableMessage, match=name):
            read(written({other: value for other, value in says.items() if other != name}), says["type"])


def test_the_order_of_fields_means_nothing() -> None:
    for row in GOLDEN.values():
        says = row["says"]
        assert read(written(dict(reversed(says.items()))), says["type"]) == message_of(says)


def test_a_kind_of_message_from_the_future_is_unreadable_and_not_another_one() -> None:
    assert "PlaceProxyBid" not in {kind.__name__ for kind in get_args(AuctionCommand)}
    with pytest.raises(UnreadableMessage, match="PlaceProxyBid"):
        read(written({"type": "PlaceProxyBid", "message_id": "x"}), "PlaceBid")
