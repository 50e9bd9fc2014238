"""What becomes of a day that could not open in time (LIFE-6): a policy, written down and told, never silent."""

from messages.base import Rules

# An opening that is no later than this, in ms, is on time: the post itself takes a moment.
ON_TIME_MS = 5_000


def late_close(opens_at_ms: int, closes_at_ms: int, now_ms: int, rules: Rules) -> int | None:
    """When a day closes that opens only now (UTC ms), or None when it is not held any more.

    While at least half of the window is left, it closes later by the time lost, within the cap of the soft close;
    with less left, the day is void.
    """
    lost_ms = now_ms - opens_at_ms
    if lost_ms <= ON_TIME_MS:
        return closes_at_ms if now_ms < closes_at_ms else None
    if (closes_at_ms - now_ms) * 2 < closes_at_ms - opens_at_ms:
        return None
    return closes_at_ms + min(lost_ms, rules.soft_close_cap_ms)
