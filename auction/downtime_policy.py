"""The downtime policy (LIFE-6) decides what an outage of this system or of X does to a day; every effect is logged.

After an outage across the opening, the day opens late and closes later, or is void. After an outage inside the window,
the end moves by the part of the outage that exceeds the downtime allowance. An end is never moved to a time that is
already past: no bidder could have known of it.
"""

from msgspec.structs import replace

from auction.controls import Controls
from messages.base import Outage, Rules
from messages.commands import MakeUpFor
from messages.events import AuctionPrepared, OutageNoticed

# The name of the scheduler as a writer of the log, and the `by` of orders that the system itself gives.
HOUSE = "house"

# An opening up to this late (ms) counts as on time: making the auction post takes a moment.
ON_TIME_MS = 5_000

# An interruption shorter than this (ms) is not recorded as an outage.
LEAST_OUTAGE_MS = 3_000


def late_close(opens_at_ms: int, closes_at_ms: int, now_ms: int, rules: Rules) -> int | None:
    """The closing time (UTC ms) of a day that opens only at `now_ms`, or None when the day is void.

    A day with at least half of its window left closes later by the time lost, at most by the cap of the soft close. A
    day with less left is void.
    """
    lost_ms = now_ms - opens_at_ms
    if lost_ms <= ON_TIME_MS:
        return closes_at_ms if now_ms < closes_at_ms else None
    if (closes_at_ms - now_ms) * 2 < closes_at_ms - opens_at_ms:
        return None
    return closes_at_ms + min(lost_ms, rules.soft_close_cap_ms)


def close_when_opened(prepared: AuctionPrepared, opened_at_ms: int) -> int | None:
    """The closing time (UTC ms) of a prepared day whose auction post was made at `opened_at_ms`; None: the day is void.

    The policy is the same whether X refused the auction post for a while or this system was down.
    """
    if opened_at_ms - prepared.at_ms <= ON_TIME_MS:
        return prepared.closes_at_ms
    rules = prepared.rules
    planned_ms = prepared.latest_end_ms - rules.soft_close_cap_ms if prepared.latest_end_ms else prepared.closes_at_ms
    closes_at_ms = late_close(prepared.opens_at_ms, planned_ms, opened_at_ms, rules)
    return closes_at_ms and max(closes_at_ms, prepared.closes_at_ms)


def made_up_end(outage: Outage, controls: Controls, ends_at_ms: int) -> int:
    """The end (UTC ms) of an open auction after an outage: `ends_at_ms` itself where the outage does not move it.

    The end moves by the length of the outage beyond its `allowed_ms`, to a whole second and within the cap of the soft
    close. Time before the opening does not count, nor time in a pause (which moves the end by itself) or in an earlier
    outage.
    """
    if outage.from_ms >= ends_at_ms:
        return ends_at_ms
    counted_from_ms = max(outage.from_ms, controls.opened_at_ms)
    spans = [(pause.from_ms, pause.until_ms or outage.to_ms) for pause in controls.pauses]
    spans += [(earlier.from_ms, earlier.to_ms) for earlier in controls.outages]
    lost_ms = _length_outside(counted_from_ms, outage.to_ms, spans)
    if lost_ms <= outage.allowed_ms:
        return ends_at_ms
    latest_end_ms = controls.latest_end_ms // 1000 * 1000
    moved_ms = min(whole_second(ends_at_ms + lost_ms - outage.allowed_ms), latest_end_ms)
    return max(moved_ms, ends_at_ms) if moved_ms > outage.to_ms else ends_at_ms


def made_up_for(outage: Outage, what: str, allowed_ms: int, now_ms: int) -> tuple[OutageNoticed, MakeUpFor]:
    """The event of an outage of `what`, the auction house or X, and the order that auctions make up for it beyond the
    first `allowed_ms`, both given at `now_ms` (UTC ms)."""
    message_id = f"outage:{what}:{outage.from_ms}"
    why = f"{what} was down for {(outage.to_ms - outage.from_ms) // 1000} s"
    beyond = replace(outage, allowed_ms=allowed_ms)
    return (
        OutageNoticed(message_id=message_id, at_ms=now_ms, from_ms=outage.from_ms, to_ms=outage.to_ms, what=what),
        MakeUpFor(message_id=message_id, by=HOUSE, why=why, said_at_ms=now_ms, outage=beyond),
    )


def whole_second(at_ms: int) -> int:
    """The first whole second that is not before `at_ms` (UTC ms). An end that an outage or an order sets is one: a post
    shows the end to the second, and two moves by less would be posted with the same text."""
    return -(-at_ms // 1000) * 1000


def _length_outside(from_ms: int, to_ms: int, spans: list[tuple[int, int]]) -> int:
    """The length (ms) of the part of [from_ms, to_ms) that lies in none of the spans; spans may overlap."""
    length_ms = 0
    for starts_ms, ends_ms in [*sorted(spans), (to_ms, to_ms)]:
        length_ms += max(min(starts_ms, to_ms) - from_ms, 0)
        from_ms = max(from_ms, ends_ms)
    return length_ms
