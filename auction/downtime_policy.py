"""What downtime does to a day (LIFE-6), ours as well as X's: a policy, written down and told, never silent.

Across an opening the day opens late and closes later, or is void. Inside the window the end moves by what exceeds the
time that costs nothing. An end is never moved to where it has already passed: nobody could have known of it.
"""

from auction.controls import Controls
from messages.base import Outage, Rules
from messages.events import AuctionPrepared

# The name in which the house itself orders.
HOUSE = "house"

# An opening that is no later than this, in ms, is on time: the post itself takes a moment.
ON_TIME_MS = 5_000

# What is shorter, in ms, is no outage but a stumble: nobody writes it down.
LEAST_OUTAGE_MS = 3_000


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


def close_when_opened(prepared: AuctionPrepared, opened_at_ms: int) -> int | None:
    """When a prepared day closes whose auction post was made at `opened_at_ms` (UTC ms), or None: it is not held.

    A post that X would not take for a while is as late an opening as one that we slept through.
    """
    if opened_at_ms - prepared.at_ms <= ON_TIME_MS:
        return prepared.closes_at_ms
    rules = prepared.rules
    planned_ms = prepared.latest_end_ms - rules.soft_close_cap_ms if prepared.latest_end_ms else prepared.closes_at_ms
    closes_at_ms = late_close(prepared.opens_at_ms, planned_ms, opened_at_ms, rules)
    return closes_at_ms and max(closes_at_ms, prepared.closes_at_ms)


def made_up_end(outage: Outage, controls: Controls, ends_at_ms: int) -> int:
    """Where an open auction's end (`ends_at_ms`, UTC ms) moves for an outage; the same end where nothing moves it.

    It moves by what exceeds the outage's `allowed_ms`, within the cap of the soft close. Only the time since the
    opening counts, no time of a pause, which moves the end by itself, and no time that was made up for before.
    """
    if outage.from_ms >= ends_at_ms:
        return ends_at_ms
    counted_from_ms = max(outage.from_ms, controls.opened_at_ms)
    spans = [(pause.from_ms, pause.until_ms or outage.to_ms) for pause in controls.pauses]
    spans += [(earlier.from_ms, earlier.to_ms) for earlier in controls.outages]
    lost_ms = _length_outside(counted_from_ms, outage.to_ms, spans)
    moved_ms = min(ends_at_ms + max(lost_ms - outage.allowed_ms, 0), controls.latest_end_ms)
    return max(moved_ms, ends_at_ms) if moved_ms > outage.to_ms else ends_at_ms


def _length_outside(from_ms: int, to_ms: int, spans: list[tuple[int, int]]) -> int:
    """How much of [from, to) lies in none of the spans, which may overlap."""
    length_ms = 0
    for starts_ms, ends_ms in [*sorted(spans), (to_ms, to_ms)]:
        length_ms += max(min(starts_ms, to_ms) - from_ms, 0)
        from_ms = max(from_ms, ends_ms)
    return length_ms
