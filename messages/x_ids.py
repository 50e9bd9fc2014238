"""Converts between the ids of X's posts and times: each id carries the millisecond in which X made the post."""

# X's ids are snowflakes: milliseconds since this instant, in the bits above the lowest 22 (X's documentation).
X_EPOCH_MS = 1_288_834_974_657
SERIAL_BITS = 22


def posted_at_ms(post_id: int) -> int:
    """When the post was made, UTC ms: its id carries it."""
    return (post_id >> SERIAL_BITS) + X_EPOCH_MS


def first_id_at(at_ms: int) -> int:
    """The least id that a post made at this time (UTC ms), or later, can have; 0 before X's epoch."""
    return max(at_ms - X_EPOCH_MS, 0) << SERIAL_BITS
