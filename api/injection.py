"""Injection: makes the command that X would have caused of given fields, and marks it as injected.

It exists for scenarios and tests. Only commands of an input queue can be injected; a bid's source names who did it.
"""

from collections.abc import Mapping
from typing import Any

from messages.codec import UnreadableMessage, command_from_fields
from messages.commands import AuctionCommand, PlaceBid, WithdrawBid
from messages.known_words import there_is_no
from messages.x_ids import first_id_at

INJECTABLE = ("PlaceBid", "WithdrawBid", "MarkSwept")


def injected(
    fields: Mapping[str, Any], by: str, now_ms: int, serial: int, stage: Mapping[str, str]
) -> tuple[str, AuctionCommand]:
    """The id of the auction, and the command that the fields describe; `stage`, the view of the auction on stage,
    stands in for what they leave out.

    `serial` (0…4095) tells apart the ids of posts that are injected in the same ms. Raises UnreadableMessage.
    """
    given = dict(fields)
    auction_id = str(given.pop("auction_id", "") or stage.get("auction_id", ""))
    if not auction_id:
        raise UnreadableMessage("no auction is on stage: say auction_id")
    kind = given.get("type")
    if kind not in INJECTABLE:
        raise UnreadableMessage(there_is_no("injection", str(kind), INJECTABLE))
    if kind == "PlaceBid":
        given = {
            "post_id": first_id_at(now_ms) + serial,
            "author_id": 0,
            "author_handle": by,
            "author_created_at_ms": None,
            "replied_to_id": int(stage.get("post_id") or 0) or None,
            "hashtags": None,
            **given,
            "source": f"injected:{by}",
            "injected": True,
            "found_at_ms": now_ms,
        }
        given.setdefault("message_id", f"tweet:{given['post_id']}")
    given.setdefault("message_id", f"injected:{by}:{now_ms}:{serial}")
    command = command_from_fields(given)
    if isinstance(command, PlaceBid | WithdrawBid) and not 0 < command.post_id < 1 << 63:
        raise UnreadableMessage("post_id is a positive number below 2^63")
    return auction_id, command
