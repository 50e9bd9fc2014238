"""The fields of the stage: what viewers are told of the auction on stage, as a flat JSON object. Pure."""

from typing import Any

from adapters.livestream.json_views import Json, lot_of, minimum_of
from messages.base import Outcome, Phase
from messages.events import (
    AnyEvent,
    AuctionOpened,
    AuctionPaused,
    AuctionPrepared,
    AuctionResumed,
    CloseOverdue,
    DayAdded,
    DayVoided,
    EndExtended,
    EndFrozen,
    MarathonEnded,
    MarathonStarted,
    WatermarkMoved,
)

_EMPTY_DAY: Json = {
    "auction_id": None,
    "day": None,
    "lot": None,
    "hashtag": None,
    "rules_hash": None,
    "post_id": None,
    "phase": Phase.PENDING,
    "outcome": None,
    "opens_at_ms": None,
    "closes_at_ms": None,
    "ends_at_ms": None,
    "extended_by": None,
    "paused_from_ms": None,
    "watermark_ms": 0,
    "provisional": False,
    "overdue": False,
    "leader": None,
    "minimum_wei": None,
    "minimum": None,
    "accepted": 0,
    "refused": 0,
    "winner": None,
}


def before_first_day() -> Json:
    """The fields before any day has begun."""
    return {"days": None, "over": False, **_EMPTY_DAY}


class StageFields:
    """The present fields. Each method answers with those that it has changed."""

    def __init__(self, fields: Json) -> None:
        self.fields = fields

    def take_in(self, event: AnyEvent) -> Json:
        """Take in an event about the day as a whole; the changed fields are empty for any other event."""
        match event:
            case MarathonStarted():
                return self.change(days=event.days, over=False)
            case DayAdded():
                return self.change(days=max(self.fields["days"] or 0, event.day))
            case MarathonEnded():
                return self.change(over=True)
            case AuctionOpened():
                return self.change(
                    phase=Phase.ACTIVE,
                    post_id=str(event.post_id),
                    opens_at_ms=event.opened_at_ms,
                    ends_at_ms=event.ends_at_ms,
                )
            case EndExtended():
                return self.change(ends_at_ms=event.ends_at_ms, extended_by=_what_moved(event))
            case AuctionPaused():
                return self.change(paused_from_ms=event.from_ms)
            case AuctionResumed():
                return self.change(paused_from_ms=None, ends_at_ms=event.ends_at_ms)
            case WatermarkMoved():
                return self.change(watermark_ms=event.watermark_ms)
            case EndFrozen():
                return self.change(phase=Phase.PROCESSING, ends_at_ms=event.ends_at_ms)
            case CloseOverdue():
                return self.change(overdue=True)
            case _:
                return {}

    def begin_day(self, event: AuctionPrepared | DayVoided) -> Json:
        """Put the day of this event on stage."""
        fields: Json = {**_EMPTY_DAY, "auction_id": event.auction_id, "day": event.day}
        if isinstance(event, DayVoided):
            return self.change(
                **fields | {"phase": Phase.COMPLETED, "outcome": Outcome.VOID, "ends_at_ms": event.at_ms}
            )
        return self.change(
            **fields
            | {
                "lot": lot_of(event.lot),
                "hashtag": event.rules.hashtag,
                "rules_hash": event.rules_hash,
                "opens_at_ms": event.opens_at_ms,
                "closes_at_ms": event.closes_at_ms,
                "ends_at_ms": event.closes_at_ms,
                **minimum_of(event.rules.reserve_wei),
            }
        )

    def change(self, **fields: Any) -> Json:
        """Set these fields, and with them whether the leader is provisional."""
        now = self.fields
        now |= fields
        under_way = now["phase"] in (Phase.ACTIVE, Phase.PROCESSING)
        provisional = under_way and now["watermark_ms"] < (now["ends_at_ms"] or 0)
        if provisional != now["provisional"]:
            now["provisional"] = fields["provisional"] = provisional
        return fields


def _what_moved(moved: EndExtended) -> str:
    if moved.lead_lost:
        return "lost_lead"
    if moved.outage:
        return "outage"
    return "bid" if moved.by_post_id else "operator"
