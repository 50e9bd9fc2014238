"""What an operator's request becomes: the order for the queue that it concerns.

Which orders there are is the table of `auction/orders`. Those about a bid or a day that has begun go to the auction's
queue, those about people and days to come to the house's: the scheduler passes them on.
"""

from collections.abc import Mapping
from typing import Any

from auction.downtime_policy import HOUSE
from auction.order_kind import BIDDER, POST
from auction.orders import ORDERS, WHY_CHARACTERS
from auction.units import DAY_MS
from messages.codec import UnreadableMessage, command_from_fields
from messages.commands import ExtendAuction, Order
from messages.known_words import there_is_no

# An end that was shown is never taken back, so one that is mistyped must not be far away.
FURTHEST_END_MS = DAY_MS


def ordered(name: str, fields: Mapping[str, Any], by: str, now_ms: int, on_stage: str) -> tuple[str, Order]:
    """Which queue the order `name` goes to, and the command. `on_stage` is the auction where none is named.

    `fields` are the command's own, and `why`; a ban counts from `from_ms`, or from now. Raises UnreadableMessage.
    """
    kind = ORDERS.get(name)
    if kind is None:
        raise UnreadableMessage(there_is_no("order", name, ORDERS))
    given = dict(fields)
    queue = HOUSE if kind.is_for_house else str(given.pop("auction_id", "") or on_stage)
    if not queue:
        raise UnreadableMessage("no auction is on stage: say auction_id")
    why = given.get("why")
    if not isinstance(why, str) or not 0 < len(why.strip()) <= WHY_CHARACTERS:
        raise UnreadableMessage(f"say why, in 1 to {WHY_CHARACTERS} characters: it stands in the log")
    if "from_ms" in kind.command.__struct_fields__:
        given.setdefault("from_ms", now_ms)
    given |= {**kind.fixed, "type": kind.command.__name__, "by": by, "said_at_ms": now_ms}
    given["message_id"] = f"order:{name}:{by}:{now_ms}"
    command = command_from_fields(given)
    assert isinstance(command, Order), "every order is one of these"
    if isinstance(command, ExtendAuction) and command.ends_at_ms > now_ms + FURTHEST_END_MS:
        raise UnreadableMessage("an end is never taken back: it may be at most 24 h away")
    if (about := kind.argument) in (POST, BIDDER) and not 0 < getattr(command, about.field) <= about.most:
        raise UnreadableMessage(f"{about.field} is a positive number below 2^63")
    return queue, command
