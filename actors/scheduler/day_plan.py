"""The plan of the days: the configured ones, and further ones after them for lots whose day was not held. Pure."""

from collections.abc import Mapping, Sequence

import msgspec

from adapters.redis.errors import DamagedState
from adapters.redis.keys import Keys
from auction.calendar import Window
from auction.downtime_policy import HOUSE
from messages.base import Lot, Outcome, Phase, Rules
from messages.codec import UnreadableMessage, from_json
from messages.commands import OpenAuction, VoidAuction
from messages.events import DayAdded, DayDelayed, PostRefused


class DayPlan(msgspec.Struct, frozen=True):
    """One day as configured: its lot and rules become the day's frozen terms when its window opens."""

    auction_id: str
    window: Window
    lot: Lot
    rules: Rules

    def opening(self, closes_at_ms: int) -> OpenAuction:
        """The order to open the auction, which closes at this time (UTC ms)."""
        return OpenAuction(
            message_id=f"{self.auction_id}:open",
            auction_id=self.auction_id,
            day=self.window.day,
            lot=self.lot,
            rules=self.rules,
            opens_at_ms=self.window.opens_at_ms,
            closes_at_ms=closes_at_ms,
            latest_end_ms=self.window.closes_at_ms + self.rules.soft_close_cap_ms,
        )

    def delay(self, now_ms: int, closes_at_ms: int) -> DayDelayed:
        """The event that the day opens late, at `now_ms`, and closes at `closes_at_ms` (UTC ms)."""
        return DayDelayed(
            message_id=f"{self.auction_id}:delayed",
            at_ms=now_ms,
            auction_id=self.auction_id,
            day=self.window.day,
            lost_ms=now_ms - self.window.opens_at_ms,
            closes_at_ms=closes_at_ms,
        )

    def void_view(self, now_ms: int) -> dict[str, str]:
        """The view of a day that is not held, as was decided at `now_ms` (UTC ms): flat strings like those of an
        auction's own view."""
        return {
            "auction_id": self.auction_id,
            "day": str(self.window.day),
            "phase": Phase.COMPLETED,
            "outcome": Outcome.VOID,
            "ends_at_ms": str(now_ms),
            "lot_title": self.lot.title,
            "lot_token_id": str(self.lot.token_id),
            "lot_image": self.lot.image,
        }


def stored_plan(keys: Keys, stored: bytes | None) -> list[DayPlan]:
    """Read the days that are stored under `keys.config`. Raises DamagedState."""
    try:
        return from_json(stored or b"[]", list[DayPlan])
    except UnreadableMessage as fault:
        raise DamagedState(f"{keys.config} is no plan ({fault})") from fault


class FurtherDay(msgspec.Struct, frozen=True):
    """A date after the last day, for the lot of a day that was not held."""

    auction_id: str
    window: Window


class Plan(dict[int, DayPlan]):
    """All days by their number; a number is a place in the calendar, so further days may leave some out."""

    def __init__(self, days: Sequence[DayPlan], further: Sequence[FurtherDay]) -> None:
        super().__init__({day.window.day: day for day in days})
        self._further = {day.window.day: day for day in further}

    def restore(self, added: Mapping[int, int]) -> None:
        """Add the further days of earlier runs: `added` holds their numbers, and the day whose lot comes again on
        each."""
        for day, of_day in added.items():
            if day not in self:  # the stored plan holds those of an earlier process
                self._add(day, of_day)

    def come_again(self, of_day: int, now_ms: int) -> DayAdded | None:
        """Give the lot of this day the next further date after `now_ms` (UTC ms). Returns the event, None where the
        calendar has no more dates."""
        dates = [day for day in self._further.values() if day.window.day not in self]
        date = next((date for date in dates if date.window.opens_at_ms > now_ms), None)
        if date is None:
            return None
        plan = self._add(date.window.day, of_day)
        return DayAdded(
            message_id=f"{plan.auction_id}:added",
            at_ms=now_ms,
            auction_id=plan.auction_id,
            day=plan.window.day,
            of_day=of_day,
            lot=plan.lot,
            reserve_wei=plan.rules.reserve_wei,
            opens_at_ms=plan.window.opens_at_ms,
            closes_at_ms=plan.window.closes_at_ms,
        )

    def _add(self, day: int, of_day: int) -> DayPlan:
        date, missed = self._further[day], self[of_day]
        self[day] = DayPlan(date.auction_id, date.window, missed.lot, missed.rules)
        return self[day]


def void_unopened(auction_id: str, refused: PostRefused) -> VoidAuction:
    """The order that voids a day whose auction post X has refused."""
    why = f"its auction post could not be made: {refused.why}"
    return VoidAuction(message_id=f"{auction_id}:unopened", by=HOUSE, why=why, said_at_ms=refused.at_ms)
