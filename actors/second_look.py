"""A second look at posts that were seen before: the leading ones during the day, all before the result is named, and
the auction post itself (BID-8, LIFE-3). It says what has become of them; the sweeper puts that into the queue.

Deleted posts and those of suspended accounts are withdrawn, edited ones too: the new version is a post of its own. A
protected account is only flagged. X hides both alike, so the account is looked up; who it is stands in the log beside
the verdict. Whoever leads after a withdrawal is looked at in the next pass, before there is a result.
"""

from collections.abc import Sequence

import msgspec
import redis

from adapters import alarms
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.x.client import BATCH, XClient
from auction.catch_up import HOUSE
from messages.commands import PauseAuction, WithdrawBid
from messages.events import BidAccepted, BidRefused

LEADERS = 5  # the last ones that were seen leading are looked at during the day
ENTRIES_A_READ = 64


class Looked(msgspec.Struct, frozen=True):
    """What a look has found out. `settled`: nothing speaks against the leader any more. `auction_post` is what became
    of that post where it is not there: "deleted" or "unavailable"."""

    withdrawals: list[WithdrawBid]
    settled: bool
    auction_post: str


class SecondLook:
    """The looks at one auction's posts. Raises XUnavailable and the store's errors."""

    def __init__(self, client: redis.Redis, keys: Keys, x: XClient, auction_id: str, post_id: int) -> None:
        self._client, self._keys, self._x = client, keys, x
        self._auction_id, self._post_id = auction_id, post_id
        self._alarm = f"protected:{auction_id}"
        self._leaders: dict[int, None] = {}  # post ids, the newest last
        self._authors: dict[int, int] = {}  # of the posts that X hides

    def look(self, everything_before_ms: int | None) -> Looked:
        """Look at the auction post and those that led lately; with a time (UTC ms), at all that was decided before."""
        leader = self._leader()
        asked = [self._post_id, *self._leaders]
        if everything_before_ms is not None:
            asked += self._decided_before(everything_before_ms)
        gone = self._x.lookup(asked).gone
        auction_post = gone.pop(self._post_id, "")
        open_questions = self._who_hides([post_id for post_id, cause in gone.items() if cause == "unavailable"], gone)
        withdrawals = [
            WithdrawBid(message_id=f"gone:{post_id}", post_id=post_id, cause=cause)
            for post_id, cause in gone.items()
            if cause != "unavailable"
        ]
        leader_stays = leader not in {each.post_id for each in withdrawals} | open_questions
        return Looked(withdrawals, leader_stays, "" if auction_post == "edited" else auction_post)

    def _leader(self) -> int:
        number = int(self._auction_id.rpartition("-")[2])
        post_id = execute(self._client, "HGET", self._keys.day(number), "leader_post_id")
        if not post_id:
            return 0
        self._leaders.pop(int(post_id), None)
        self._leaders[int(post_id)] = None
        while len(self._leaders) > LEADERS:
            del self._leaders[next(iter(self._leaders))]
        return int(post_id)

    def _decided_before(self, before_ms: int) -> list[int]:
        found: list[bytes] = execute(
            self._client, "ZRANGEBYSCORE", self._keys.bids(self._auction_id), "-inf", f"({before_ms}"
        )
        return [int(post_id) for post_id in found]

    def _who_hides(self, hidden: Sequence[int], gone: dict[int, str]) -> set[int]:
        """Says in `gone` what became of these posts' authors; the posts of whom X says nothing now."""
        self._find_authors(hidden)
        asked = sorted({self._authors[post_id] for post_id in hidden if post_id in self._authors})
        found: set[int] = set()
        missing: set[int] = set()
        for first in range(0, len(asked), BATCH):
            users = self._x.users(asked[first : first + BATCH])
            found |= users.found.keys()
            missing |= users.missing.keys()
        unknown: set[int] = set()
        flagged: list[int] = []
        for post_id in hidden:
            author_id = self._authors.get(post_id)
            if author_id in missing:
                gone[post_id] = "suspended"
            elif author_id in found:
                flagged.append(post_id)
            else:
                unknown.add(post_id)
        if flagged:
            posts = ", ".join(map(str, flagged))
            alarms.sound(self._alarm, f"{self._auction_id}: X hides {posts}, by a protected account; the bid counts")
        else:
            alarms.clear(self._alarm)
        return unknown

    def _find_authors(self, hidden: Sequence[int]) -> None:
        """Who has made these posts, by the auction's verdicts. Hidden posts are rare: only then is the log read."""
        self._authors = {post_id: self._authors[post_id] for post_id in hidden if post_id in self._authors}
        wanted, after = set(hidden) - self._authors.keys(), 0
        log = LogReader(self._client, self._keys)
        while wanted and (entries := log.read(after, ENTRIES_A_READ)):
            after = entries[-1].last_seq
            for event in [event for entry in entries if entry.writer == self._auction_id for event in entry.events()]:
                if isinstance(event, BidAccepted | BidRefused) and event.post_id in wanted:
                    self._authors[event.post_id] = event.bidder_id
                    wanted.discard(event.post_id)

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
