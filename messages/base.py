"""The base classes of all messages, and the values that messages share: amounts, lots, the rules of a day.

`codec` turns messages into bytes; `auction/` decides what follows from them.
"""

from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Wei(int):
    """An amount in wei. On every wire it is a decimal string: integers of MessagePack end at 18.4 ETH, those of
    JavaScript at 2^53."""

    __slots__ = ()


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, gc=False):
    """The base of commands and events; the class name is the tag on the wire.

    `message_id` is made where the message enters the system (`tweet:<id>`, `chain:<block>:<log index>`), so that a
    repeated message is recognised. `correlation_id` is the id of the message that is the first cause of this one; empty
    means itself. Messages never refer to each other in a circle, so the garbage collector need not track them.
    """

    message_id: str
    correlation_id: str = ""


class Command(Message, frozen=True, kw_only=True):
    """A command asks one addressee to do something and may be refused; its class name is an imperative."""


class Event(Message, frozen=True, kw_only=True):
    """An event is a fact, never refused and kept in the log for good; its class name is a participle.

    `at_ms` is when the event was decided, UTC milliseconds.
    """

    at_ms: int


class Hint(msgspec.Struct, frozen=True):
    """A hint tells another actor that something may be waiting for it; a lost hint costs a moment, never a fact."""


def in_common(message: msgspec.Struct, kind: type[msgspec.Struct]) -> dict[str, Any]:
    """What a message and one of another kind both say, by their fields' names; the ids of messages are left out."""
    names = set(message.__struct_fields__) & set(kind.__struct_fields__) - {"message_id", "correlation_id"}
    return {name: getattr(message, name) for name in names}


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """The lot of one day: the token that is sold. `image` is a file name below `lots_dir`, or empty."""

    token_id: int
    title: str
    image: str = ""


class Leader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of the lead history: a bid that led."""

    post_id: int
    bidder_id: int
    bidder_handle: str
    amount_wei: Wei
    injected: bool = False


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """A time (UTC ms) in which this system, the store or X was down; `allowed_ms` of it move no end (LIFE-6)."""

    from_ms: int
    to_ms: int
    allowed_ms: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one day, frozen when its auction is prepared. Amounts in wei, durations in ms.

    Fields that a later version of the rules has added are unset in days that were announced before, so that those days
    are decided, written and hashed as they were.
    """

    hashtag: str
    reserve_wei: Wei
    increment_wei: Wei
    increment_basis_points: int
    soft_close_ms: int
    soft_close_cap_ms: int
    delivery_allowance_ms: int
    close_bound_ms: int
    minimum_account_age_ms: int
    leader_may_rebid: bool = False
    # A limit of 0 means no limit. Accounts in `exempt_ids` need neither age nor followers; accounts in `barred_ids` may
    # never bid (our own, the artist's, a block list).
    minimum_followers: int = 0
    exempt_ids: tuple[int, ...] = ()
    barred_ids: tuple[int, ...] = ()
    rate_limit_posts: int = 0
    rate_limit_window_ms: int = 60_000
    hold_above_wei: Wei = Wei(0)
    closing_soon_ms: tuple[int, ...] = ()
    version: int | UnsetType = UNSET
    runner_up_basis_points: int | UnsetType = UNSET  # share of the unpaid price that a runner-up must have bid

    @property
    def is_first_version(self) -> bool:
        """Whether these are rules of version 1: an edit of a leading bid costs a strike too, and every reply found
        after the result is FOUND_TOO_LATE, even one to another post."""
        return self.version is UNSET

    @property
    def bids_bind(self) -> bool:
        """Whether a bid binds from the end on, even if its post is deleted, and a lost lead moves the end: since
        version 2."""
        return self.version is not UNSET


class Phase(StrEnum):
    """The phase of a day. Sold, unsold and void are outcomes, not phases."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"


class Outcome(StrEnum):
    """The outcome of a completed day."""

    SOLD = "sold"
    UNSOLD = "unsold"
    VOID = "void"


class Refusal(StrEnum):
    """The reasons for which a reply is refused: a closed set, spelled the same on every wire and page."""

    # From the text alone.
    NO_HASHTAG = "NO_HASHTAG"
    RETWEET = "RETWEET"
    NO_AMOUNT = "NO_AMOUNT"
    COMMA = "COMMA"
    NEGATIVE = "NEGATIVE"
    RELATIVE = "RELATIVE"
    SCIENTIFIC = "SCIENTIFIC"
    MALFORMED = "MALFORMED"
    NON_ASCII_DIGIT = "NON_ASCII_DIGIT"
    AMBIGUOUS = "AMBIGUOUS"
    UNSUPPORTED_UNIT = "UNSUPPORTED_UNIT"
    MULTIPLE_AMOUNTS = "MULTIPLE_AMOUNTS"
    UNIT_BEFORE_NUMBER = "UNIT_BEFORE_NUMBER"
    ZERO = "ZERO"
    TOO_PRECISE = "TOO_PRECISE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    HIDDEN_CHAR = "HIDDEN_CHAR"
    BIDI_CONTROL = "BIDI_CONTROL"
    # From the place and time of the post.
    NOT_A_REPLY = "NOT_A_REPLY"
    WRONG_AUCTION = "WRONG_AUCTION"
    BEFORE_OPEN = "BEFORE_OPEN"
    AFTER_CLOSE = "AFTER_CLOSE"
    FOUND_TOO_LATE = "FOUND_TOO_LATE"
    PAUSED = "PAUSED"
    # From the bidder.
    ACCOUNT_TOO_YOUNG = "ACCOUNT_TOO_YOUNG"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    BANNED = "BANNED"
    RATE_LIMITED = "RATE_LIMITED"
    # From the amount and the leader.
    BELOW_RESERVE = "BELOW_RESERVE"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    ALREADY_LEADING = "ALREADY_LEADING"
    HELD = "HELD"
    # From what happened to the post or the bid later.
    WITHDRAWN = "WITHDRAWN"
    INVALIDATED = "INVALIDATED"
