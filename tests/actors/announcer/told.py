"""A day, and what its bidders are told of it."""

from actors.announcer.notices import DayNotices, Notice
from auction.day import AuctionDay
from messages.codec import pack, unpack
from messages.commands import AuctionCommand
from tests.harness.builders import AUCTION, AUCTION_POST, CLOSES_MS, OPENS_MS, RULES, opened_day

INTERVAL_MS = 60_000


class Told:
    """A day, and what its bidders are told as it goes on. Times in ms after the opening."""

    def __init__(self) -> None:
        self.day: AuctionDay = opened_day()
        self.notices = DayNotices(AUCTION, 1, RULES.reserve_wei, AUCTION_POST, CLOSES_MS)

    def happens(self, after_ms: int, *commands: AuctionCommand) -> None:
        for event in self.day.decide(commands, OPENS_MS + after_ms):
            self.notices.on_event(event)
        # What it is made of survives a restart at any time.
        self.notices = unpack(pack(self.notices), DayNotices)

    def due(self, after_ms: int) -> list[Notice]:
        """Everything that is due then, in its order."""
        found = []
        while notice := self.notices.due(OPENS_MS + after_ms, INTERVAL_MS, "UTC"):
            found.append(notice)
        return found

    def said(self, after_ms: int, kind: str = "") -> list[str]:
        return [notice.text for notice in self.due(after_ms) if notice.name.startswith(kind)]
