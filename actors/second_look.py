"""A second look at posts that were seen before: the leading ones during the day, all before the result is named, and
the auction post itself (BID-8, LIFE-3). It says what has become of them; the sweeper puts that into the queue.

A post is gone once two looks a lag apart have not found it, and counts again as soon as it is found again, until there
is a result. Deleted posts and those of suspended accounts are withdrawn, edited ones too: the new version is a post of
its own. A protected account is only flagged. X hides both alike, so the account is looked up; who it is stands in the
log beside the verdict. Whoever leads after a withdrawal is looked at in the next pass, before there is a result.
"""

from collections.abc import Collection, Iterator

import msgspec
import redis

from actors.absences import Absences
from actors.day_shelf import DayShelf
from adapters import alarms
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.x.client import BATCH, XClient
from auction.catch_up import HOUSE
from auction.day import EDITED
from messages.commands import AuctionCommand, PauseAuction, RestoreBid, ResumeAuction, WithdrawBid
from messages.events import AnyEvent, BidAccepted, BidRefused, BidRestored, BidWithdrawn

LEADERS = 5  # the last ones that were seen leading are looked at during the day
WITHDRAWN = 90  # and so many of those withdrawn last, whether they are there again
ENTRIES_A_READ = 64

SUSPENDED, PROTECTED = "suspended", "protected"  # what becomes of an author whose posts X hides


class Looked(msgspec.Struct, frozen=True):
    """What a look has found out. `settled`: each post that was asked for is known to be there or gone, and the leader
    is there. `auction_post` is what became of that post where it is gone: "deleted" or "unavailable"."""

    commands: list[AuctionCommand]
    settled: bool
    auction_post: str


class SecondLook:
    """The looks at one auction's posts. Raises XUnavailable and the store's errors."""

    def __init__(self, client: redis.Redis, keys: Keys, x: XClient, auction_id: str, post_id: int, lag_ms: int) -> None:
        self._client, self._keys, self._x = client, keys, x
        self._auction_id, self._post_id = auction_id, post_id
        self._day = keys.day(int(auction_id.rpartition("-")[2]))
        self._alarm = f"protected:{auction_id}"
        self._absences = Absences(lag_ms)
        self._leaders: dict[int, None] = {}  # post ids, the newest last
        self._withdrawn: dict[int, None] | None = None  # post ids, the newest last; None before they were read
        self._authors: dict[int, int] = {}  # of the posts that X hides

    def hear(self, event: AnyEvent) -> None:
        """Take in what the auction has decided since."""
        match event:
            case BidWithdrawn() if self._withdrawn is not None:
                self._withdrawn[event.post_id] = None
            case BidRestored() if self._withdrawn is not None:
                self._withdrawn.pop(event.post_id, None)

    def look(self, now_ms: int, everything_before_ms: int | None) -> Looked:
        """Look at the auction post and those that led lately; with a time (UTC ms), at all that was decided before."""
        leader, is_paused_by_house = self._read_day()
        withdrawn = self._read_withdrawn()
        asked = {self._post_id, *self._leaders, *list(withdrawn)[-WITHDRAWN:]}
        if everything_before_ms is not None:
            asked |= set(self._decided_before(everything_before_ms))
        found = self._x.lookup(asked)
        hidden = {one for one, cause in found.gone.items() if cause == "unavailable"} - {self._post_id}
        causes = {one: cause for one, cause in found.gone.items() if one not in hidden} | self._who_hides(hidden)
        edited = {one for one, cause in causes.items() if cause == EDITED}
        present = found.present | edited | {one for one, cause in causes.items() if cause == PROTECTED}
        gone = self._absences.gone(now_ms, present, causes.keys() - present)
        what_became = causes[self._post_id] if self._post_id in gone else ""
        changes: list[WithdrawBid | RestoreBid] = [
            WithdrawBid(
                message_id=f"gone:{one}",
                post_id=one,
                cause=causes[one],
                missed_at_ms=now_ms if one in edited else self._absences.missed_ms(one),
            )
            for one in sorted((gone | edited) - withdrawn.keys() - {self._post_id})
        ]
        changes += [
            RestoreBid(message_id=f"there:{one}", post_id=one) for one in sorted(withdrawn.keys() & found.present)
        ]
        settled = asked <= present | gone and leader not in {change.post_id for change in changes}
        commands: list[AuctionCommand] = [*changes]
        if is_paused_by_house and self._post_id in present:
            commands.append(_resume_for(self._auction_id, now_ms))
        return Looked(commands, settled, what_became)

    def _read_day(self) -> tuple[int, bool]:
        """Whose post leads (0: nobody's), which is remembered as one that has led, and whether the house has paused."""
        post_id, paused = execute(self._client, "HMGET", self._day, "leader_post_id", "paused")
        if post_id:
            self._leaders.pop(int(post_id), None)
            self._leaders[int(post_id)] = None
        while len(self._leaders) > LEADERS:
            del self._leaders[next(iter(self._leaders))]
        return int(post_id or 0), paused == HOUSE.encode()

    def _decided_before(self, before_ms: int) -> list[int]:
        found: list[bytes] = execute(
            self._client, "ZRANGEBYSCORE", self._keys.bids(self._auction_id), "-inf", f"({before_ms}"
        )
        return [int(post_id) for post_id in found]

    def _read_withdrawn(self) -> dict[int, None]:
        """The posts that stand withdrawn: after a restart once from the auction's checkpoint and its log since."""
        if self._withdrawn is None:
            log = LogReader(self._client, self._keys)
            head = log.heads().get(self._auction_id)
            stored = head and DayShelf(self._client, self._keys).day(self._auction_id, head)
            self._withdrawn = dict.fromkeys(sorted(stored[0].tombstones) if stored else ())
            for event in self._events(stored[1] if stored else 0):
                self.hear(event)
        return self._withdrawn

    def _who_hides(self, hidden: Collection[int]) -> dict[int, str]:
        """What became of the authors of posts that X hides: "suspended" or "protected". Where X says nothing of an
        author now, his posts are left out."""
        self._find_authors(hidden)
        asked = sorted({self._authors[post_id] for post_id in hidden if post_id in self._authors})
        found: set[int] = set()
        missing: set[int] = set()
        for first in range(0, len(asked), BATCH):
            users = self._x.users(asked[first : first + BATCH])
            found |= users.found.keys()
            missing |= users.missing.keys()
        causes = {}
        for post_id in sorted(hidden):
            author_id = self._authors.get(post_id)
            if author_id in missing:
                causes[post_id] = SUSPENDED
            elif author_id in found:
                causes[post_id] = PROTECTED
        flagged = [str(post_id) for post_id, cause in causes.items() if cause == PROTECTED]
        if flagged:
            posts = ", ".join(flagged)
            alarms.sound(self._alarm, f"{self._auction_id}: X hides {posts}, by a protected account; the bid counts")
        else:
            alarms.clear(self._alarm)
        return causes

    def _find_authors(self, hidden: Collection[int]) -> None:
        """Who has made these posts, by the auction's verdicts. Hidden posts are rare: only then is the log read."""
        self._authors = {post_id: self._authors[post_id] for post_id in hidden if post_id in self._authors}
        wanted = set(hidden) - self._authors.keys()
        for event in self._events(0) if wanted else ():
            if isinstance(event, BidAccepted | BidRefused) and event.post_id in wanted:
                self._authors[event.post_id] = event.bidder_id
                wanted.discard(event.post_id)
            if not wanted:
                return

    def _events(self, after_seq: int) -> Iterator[AnyEvent]:
        """What the auction has logged behind this seq."""
        log = LogReader(self._client, self._keys)
        while entries := log.read(after_seq, ENTRIES_A_READ):
            after_seq = entries[-1].last_seq
            for entry in entries:
                if entry.writer == self._auction_id:
                    yield from entry.events()

    def forget(self) -> None:
        """The day has its result: what was to be seen to is over."""
        alarms.clear(self._alarm)


def pause_for(auction_id: str, what: str, now_ms: int) -> PauseAuction:
    """The house's order to pause the day whose auction post is gone (LIFE-3)."""
    return PauseAuction(
        message_id=f"house:post-gone:{auction_id}:{now_ms}",
        by=HOUSE,
        why=f"the auction post is {what}",
        said_at_ms=now_ms,
    )


def _resume_for(auction_id: str, now_ms: int) -> ResumeAuction:
    """The house's order that ends its own pause, once the auction post is there again."""
    return ResumeAuction(
        message_id=f"house:post-back:{auction_id}:{now_ms}",
        by=HOUSE,
        why="the auction post is there again",
        said_at_ms=now_ms,
    )
