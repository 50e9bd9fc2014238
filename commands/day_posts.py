"""The posts of each day, composed before the marathon begins to check that X accepts their length.

The winner is not known yet, so the longest handle and the highest bid stand in for the real ones.
"""

from collections.abc import Iterator
from typing import NamedTuple

from auction.calendar import Window
from auction.rules import rules_hash
from auction.wording.posts import auction_post, closing_post, result_post
from messages.base import Leader, Outcome, Wei
from messages.events import AuctionPrepared, ClosingSoon, ResultNamed
from messages.post_weight import POST_LIMIT, weight
from settings import Settings

_WINNER = Leader(post_id=1, bidder_id=1, bidder_handle="w" * 15, amount_wei=Wei(999_999 * 10**18 + 1))


class DayPost(NamedTuple):
    """A post of a day: its kind (`what`) and its text."""

    what: str
    text: str

    @property
    def fits(self) -> bool:
        """Whether X accepts the length of the post."""
        return weight(self.text) <= POST_LIMIT

    def cuts(self, title: str) -> bool:
        """Whether the post cuts the day's title."""
        return self.text.count("…") > title.count("…")


def posts_of(settings: Settings, window: Window) -> Iterator[DayPost]:
    """Yields the announcements of an ordinary day in their order, with all possible results."""
    rules, zone = settings.rules_for(window.day), settings.marathon.time_zone
    auction_id = f"{settings.marathon.id}-{window.day:02d}"
    prepared = AuctionPrepared(
        message_id="",
        at_ms=window.opens_at_ms,
        auction_id=auction_id,
        day=window.day,
        lot=settings.lot_for(window.day),
        rules=rules,
        rules_hash=rules_hash(rules),
        opens_at_ms=window.opens_at_ms,
        closes_at_ms=window.closes_at_ms,
    )
    yield DayPost("auction post", auction_post(prepared, zone))
    for left_ms in settings.rules.closing_soon_ms:
        ends_at_ms = window.closes_at_ms
        closing = ClosingSoon(message_id="", at_ms=ends_at_ms - left_ms, left_ms=left_ms, ends_at_ms=ends_at_ms)
        yield DayPost("closing soon", closing_post(prepared, closing, zone))
    for outcome, winner in ((Outcome.SOLD, _WINNER), (Outcome.UNSOLD, None), (Outcome.VOID, None)):
        result = ResultNamed(
            message_id="", at_ms=0, auction_id=auction_id, day=window.day, outcome=outcome, winner=winner
        )
        yield DayPost(f"result ({outcome})", result_post(prepared, result))
