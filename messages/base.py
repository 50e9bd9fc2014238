"""The base of all messages, and the values that they share: money, lots, the rules of a day.

It says nothing about how messages travel (`codec`) or what follows from them (`auction/`).
"""

from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType


class Wei(int):
    """An amount in wei. On every wire a decimal string: MessagePack integers end at 18.4 ETH, JavaScript's at 2^53."""

    __slots__ = ()


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, gc=False):
    """What all messages carry; the class name is the tag on the wire.

    `message_id` is made where the message enters (`tweet:<id>`, `chain:<tx>:<log index>`) and is what makes a
    repetition recognisable. `correlation_id` names the message that started the chain of causes; empty means itself.
    Messages hold values only, never each other in a circle: the garbage collector need not walk through them.
    """

    message_id: str
    correlation_id: str = ""


class Command(Message, frozen=True, kw_only=True):
    """An order to one addressee, in the imperative; it may be refused."""


class Event(Message, frozen=True, kw_only=True):
    """A fact that has happened, as a participle; it is never refused and stands in the log for good.

    `at_ms` is when it was decided, UTC milliseconds.
    """

    at_ms: int


class Hint(msgspec.Struct, frozen=True):
    """A nudge between actors inside the process: losing one costs a moment, never a fact."""


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """What is sold on one day. `image` is a file name below the configured image folder, or empty."""

    token_id: int
    title: str
    image: str = ""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """From when until when (UTC ms) we, the store or X were down; `allowed_ms` of it cost nothing (LIFE-6)."""

    from_ms: int
    to_ms: int
    allowed_ms: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one day, frozen when its auction is prepared. Amounts in wei, durations in ms.

    What came with a later version of the rules is not set in the days that were announced before, so that these are
    decided, written and hashed as they were.
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
    # A limit of 0 is none. `exempt_ids` are not asked for age and followers; `barred_ids` may never bid (the house,
    # the artist, a block list).
    minimum_followers: int = 0
    exempt_ids: tuple[int, ...] = ()
    barred_ids: tuple[int, ...] = ()
    rate_limit_posts: int = 0
    rate_limit_window_ms: int = 60_000
    hold_above_wei: Wei = Wei(0)
    closing_soon_ms: tuple[int, ...] = ()
    version: int | UnsetType = UNSET
    runner_up_basis_points: int | UnsetType = UNSET  # of the price that failed: what a runner-up must have bid

    @property
    def is_first_version(self) -> bool:
        """Whether an edit of a leading bid costs a strike too, and whatever is found after the result is called late,
        replies to other posts too: until version 2."""
        return self.version is UNSET

    @property
    def bids_bind(self) -> bool:
        """Whether a bid binds from the end on and a lost lead moves the end: since version 2."""
        return self.version is not UNSET


class Phase(StrEnum):
    """Where a day stands. What became of it (sold, unsold, void) is its outcome, not a phase."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"


class Outcome(StrEnum):
    """What became of a completed day."""

    SOLD = "sold"
    UNSOLD = "unsold"
    VOID = "void"


class Refusal(StrEnum):
    """Why a reply is not an accepted bid: a closed set, the same words on every wire and page."""

    # What the text is, before anything else is asked.
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
    # Where and when it was posted.
    NOT_A_REPLY = "NOT_A_REPLY"
    WRONG_AUCTION = "WRONG_AUCTION"
    BEFORE_OPEN = "BEFORE_OPEN"
    AFTER_CLOSE = "AFTER_CLOSE"
    FOUND_TOO_LATE = "FOUND_TOO_LATE"
    PAUSED = "PAUSED"
    # Who posted it.
    ACCOUNT_TOO_YOUNG = "ACCOUNT_TOO_YOUNG"
    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    BANNED = "BANNED"
    RATE_LIMITED = "RATE_LIMITED"
    # What it is worth.
    BELOW_RESERVE = "BELOW_RESERVE"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    ALREADY_LEADING = "ALREADY_LEADING"
    HELD = "HELD"
    # What became of it.
    WITHDRAWN = "WITHDRAWN"
    INVALIDATED = "INVALIDATED"
