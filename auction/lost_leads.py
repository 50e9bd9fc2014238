"""The rules for a bid whose post is gone: whether the bid still counts, and where the end moves when a lead is lost.

They prevent bid shielding: a high bid keeps others away, is deleted late, and an accomplice wins with a low bid. So a
bid can be withdrawn only while all other bidders still get a whole soft close to answer. After that the bid binds;
`settlement` decides what follows if it is not paid. The functions are pure; `bidding` calls them.
"""

from auction.controls import Controls
from messages.base import Rules


def binds(rules: Rules, controls: Controls, missed_at_ms: int, known_at_ms: int) -> bool:
    """Whether a bid counts although its post is gone. X was first seen without the post at `missed_at_ms`; the auction
    has known this since `known_at_ms` (UTC ms)."""
    if not rules.bids_bind:
        return False
    is_over = missed_at_ms >= controls.ends_at_ms and not controls.paused
    latest_end_ms = max(controls.ends_at_ms, controls.latest_end_ms)  # an operator may have set an end beyond the cap
    return controls.frozen or is_over or _answered_ms(rules, controls, known_at_ms) > latest_end_ms


def end_after_loss(rules: Rules, controls: Controls, at_ms: int) -> int:
    """The published end (UTC ms) after the leading bid was lost without being outbid, which became known at `at_ms`."""
    if not rules.bids_bind or controls.frozen:
        return controls.ends_at_ms
    return max(controls.ends_at_ms, min(_answered_ms(rules, controls, at_ms), controls.latest_end_ms))


def _answered_ms(rules: Rules, controls: Controls, at_ms: int) -> int:
    """When all bidders have had a whole soft close to answer what became known at `at_ms` (UTC ms)."""
    return controls.after(controls.stood_at(at_ms), rules.soft_close_ms)
