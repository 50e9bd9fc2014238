"""The view of a day: what readers are shown of it, as flat strings, which the store keeps in a hash."""

from auction.day import AuctionDay
from auction.downtime_policy import HOUSE
from messages.base import Outcome, Phase


def day_view(day: AuctionDay) -> dict[str, str]:
    """The day as readers see it: flat strings, amounts in wei, times in UTC ms, empty where there is nothing yet."""
    prepared, standings, result = day.prepared, day.standings, day.result
    assert prepared is not None, "only a prepared day has a view"
    leader = standings.leader.bid if standings and standings.leader else None
    accepted = standings.accepted if standings else 0
    fields: dict[str, object] = {
        "auction_id": day.auction_id,
        "day": prepared.day,
        "phase": day.phase,
        "outcome": result.outcome if result else "",
        "hashtag": prepared.rules.hashtag,
        "lot_title": prepared.lot.title,
        "lot_token_id": prepared.lot.token_id,
        "lot_image": prepared.lot.image,
        "rules_hash": prepared.rules_hash,
        "post_id": day.post_id or "",
        "leader_handle": day.handle_of(leader) if leader else "",
        "leader_id": leader.bidder_id if leader else "",
        "leader_post_id": leader.post_id if leader else "",
        "leader_injected": "1" if leader and leader.post_id in day.injected else "",
        "amount_wei": leader.amount_wei if leader else "",
        "minimum_wei": standings.minimum_wei if standings else prepared.rules.reserve_wei,
        "opens_at_ms": standings.controls.opened_at_ms if standings else prepared.opens_at_ms,
        "ends_at_ms": _ended_at_ms(day),
        "watermark_ms": day.watermark_ms,
        "winner_handle": result.winner.bidder_handle if result and result.winner else "",
        "accepted": accepted,
        "refused": standings.found - accepted if standings else 0,
        "paused": _paused(day),
        "provisional": "" if day.phase is Phase.COMPLETED else "1",
    }
    return {name: str(value) for name, value in (fields | _settlement_view(day)).items()}


def _settlement_view(day: AuctionDay) -> dict[str, object]:
    """Where the settlement stands; nothing before one has begun."""
    it = day.settlement
    if it is None:
        return {}
    return {
        "settlement": it.stage,
        "buyer_id": it.buyer.bidder_id,
        "buyer_handle": it.buyer.bidder_handle,
        "price_wei": it.buyer.amount_wei,
        "wallet": it.wallet,
        "pay_by_ms": "" if it.deadline_ms is None else it.deadline_ms,
        "offer": it.offer or "",
        "offer_until_ms": it.offer_until_ms if it.sent else "",
        "payment_level": it.level.name.lower() if it.level else "",
        "down": ",".join(sorted(it.down)),
    }


def _ended_at_ms(day: AuctionDay) -> int:
    """When bidding ends or has ended: for a day that was voided, then."""
    if day.result and day.result.outcome is Outcome.VOID:
        return day.result.at_ms
    return day.ends_at_ms


def _paused(day: AuctionDay) -> str:
    """Whether a pause lasts; "house" where it is the house's own."""
    if not day.controls or not day.controls.paused or day.phase is not Phase.ACTIVE:
        return ""
    return HOUSE if day.controls.pauses[-1].by_house else "1"
