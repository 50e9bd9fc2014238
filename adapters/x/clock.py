"""Times: ours, and those that the ids of posts carry."""

import time

_X_EPOCH_MS = 1288834974657


def wall_clock_ms() -> int:
    """UTC in ms."""
    return time.time_ns() // 1_000_000


def time_of(post_id: int) -> int:
    """When X has made the post, UTC ms by its clock."""
    return (post_id >> 22) + _X_EPOCH_MS


def first_id(at_ms: int) -> int:
    """The least id that a post made at this time, or later, can have."""
    return max(at_ms - _X_EPOCH_MS, 1) << 22


def offset_ms(post_id: int, sent_ms: int, answered_ms: int) -> int:
    """How far our clock is ahead of X's, at the least, as a post shows that was asked for and answered at these times.

    Negative: behind. 0 where the post was made between the two, as it should be: however slow the answer was, it is
    not taken for a fault of the clocks.
    """
    made_ms = time_of(post_id)
    return max(sent_ms - made_ms, 0) or min(answered_ms - made_ms, 0)
