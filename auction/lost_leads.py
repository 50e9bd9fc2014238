"""What becomes of a bid whose post is gone, and of the end where a lead is lost to no bid.

A high bid that is taken back must not win the lot for an accomplice who stands far below (bid shielding). So a bid can
be taken back only while everybody else still gets a whole soft close to answer; after that it binds, and whether it is
paid is the settlement's concern. Pure; `bidding` decides by it.
"""

from auction.controls import Controls
from messages.base import Rules


def binds(rules: Rules, controls: Controls, missed_at_ms: int, known_at_ms: int) -> bool:
    """Whether a bid counts although its post is gone: X was first seen without the post at `missed_at_ms`, and this is
    known since `known_at_ms` (UTC ms)."""
    if not rules.bids_bind:
        return False
    is_over = missed_at_ms >= controls.ends_at_ms and not controls.paused
    return controls.frozen or is_over or _answered_ms(rules, controls, known_at_ms) > _latest_ms(controls)


def end_after_loss(rules: Rules, controls: Controls, at_ms: int) -> int:
    """The published end (UTC ms) once it is known, at `at_ms`, that whoever led does so no more, though nobody has
    outbid him."""
    if not rules.bids_bind or controls.frozen:
        return controls.ends_at_ms
    return max(controls.ends_at_ms, min(_answered_ms(rules, controls, at_ms), controls.latest_end_ms))


def _answered_ms(rules: Rules, controls: Controls, at_ms: int) -> int:
    """When everybody has had a soft close to answer what became known at this time."""
    return controls.after(controls.stood_at(at_ms), rules.soft_close_ms)


def _latest_ms(controls: Controls) -> int:
    """How late the day can end: an operator may have moved it beyond the cap."""
    return max(controls.ends_at_ms, controls.latest_end_ms)
