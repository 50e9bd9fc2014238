"""A second look at posts that were seen before: the leading ones during the day, at its close all whose going could
change the result, and the auction post itself (BID-8, LIFE-3). It says what has become of them, and the
reconciler queues it.

At the close the chain of leaders is enough, with what an operator may still release, and what was withdrawn and would
have led. What a bid gets depends on the leader before it and on its bidder's own posts, which count whether they are
gone or not (`auction/fold.judge`): a bid that never led changes nothing by going. Whoever leads after a withdrawal is
in the chain then, and is looked at before there is a result. The leader comes first, and then those before him: whose
going would change more comes sooner.

A post is gone once two looks a lag apart have not found it, and counts again as soon as it is found again, until there
is a result. Deleted posts and those of suspended accounts are withdrawn, edited ones too, at once: the new version is a
post of its own. A protected account is only flagged. X hides both alike, so the account is looked up.

An account may be called otherwise by the time of the result, and its handle be somebody else's. So once nothing else is
missing X is asked what the accounts are called that the result may name; by their ids, because a bid may bind although
its post is gone. An account that X does not show, or whose handle is none, keeps the handle of its bid.
"""

import re
from collections.abc import Set

import msgspec

from actors.auction.receipts import ReceiptReader
from actors.twitter.absences import LOOKS_A_LAG, NEAR_LAGS, Absences
from actors.twitter.following import OpenDay
from adapters import alarms
from adapters.x.client import BATCH, XClient
from auction.downtime_policy import HOUSE
from messages.commands import EDITED, AuctionCommand, PauseAuction, RenameBidder, RestoreBid, ResumeAuction, WithdrawBid

NEVER_MS = -(2**62)
LEADERS = 5  # the last ones that were seen leading are looked at during the day
NAMED = 10  # of the last ones that led, and of those held, so many are asked what they are called
HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
WITHDRAWN = 90  # and so many of those withdrawn last, whether they are there again


class Looked(msgspec.Struct, frozen=True):
    """What a look has found out. `auction_post` is what became of that post where it is gone ("deleted" or
    "unavailable"), empty where it is not, None where it was not asked for."""

    commands: list[AuctionCommand]
    auction_post: str | None = None


class Recheck:
    """The looks at one auction's posts, a request at a time: each `interval_ms` while the day is open, and more often
    near its end; at its close until all is settled, at each post again `lag_ms` after a look that leaves it open.

    Raises XUnavailable, StillReading and the store's errors.
    """

    def __init__(
        self, x: XClient, receipt_reader: ReceiptReader, auction_id: str, post_id: int, interval_ms: int, lag_ms: int
    ) -> None:
        self._x, self._receipt_reader = x, receipt_reader
        self._auction_id, self._post_id = auction_id, post_id
        self._interval_ms, self._lag_ms = interval_ms, lag_ms
        self._alarm = f"protected:{auction_id}"
        self._absences = Absences(lag_ms)
        self._leaders: dict[int, None] = {}  # post ids, the newest last
        self._withdrawn: dict[int, None] | None = None  # post ids, the newest last; None before they were read
        self._hidden: list[int] = []  # posts that X hides: their authors are asked for next
        self._looked_ms = NEVER_MS
        self._closing = False
        # What was known to be there, and to be gone, by a look after the end; when the others are looked at again.
        self._there: set[int] = set()
        self._gone: set[int] = set()
        self._again_ms: dict[int, int] = {}
        self._named: set[int] = set()  # whose handles were asked for after the end

    def hurry(self) -> None:
        """The next look of an open day is due."""
        self._looked_ms = NEVER_MS

    def close(self) -> None:
        """The end is frozen: from now on all that could change who wins is looked at."""
        self._closing = True

    @property
    def is_settled(self) -> bool:
        """Whether all that could change who wins was looked at after the end was frozen, and stands as it was seen, and
        X was asked what the accounts that may be named are called."""
        return self._closing and self._stands and self._possible_winners().keys() <= self._named

    @property
    def _stands(self) -> bool:
        standing, withdrawn = self._receipt_reader.contenders(self._auction_id)
        return self._there.issuperset(standing) and self._gone.issuperset(withdrawn)

    def turn(self, day: OpenDay, now_ms: int) -> Looked | None:
        """Make the one request that is due; None where none is."""
        if day.leader_post_id:
            self._leaders.pop(day.leader_post_id, None)
            self._leaders[day.leader_post_id] = None
            while len(self._leaders) > LEADERS:
                del self._leaders[next(iter(self._leaders))]
        if self._hidden:
            return self._ask_who_hides(now_ms)
        if self._closing:
            due = self._due_at_the_close(now_ms)
            looked = self._look(due[: BATCH - 1], now_ms) if due else self._ask_for_names(day)
        elif now_ms >= self._looked_ms + self._wait_ms(day, now_ms):
            looked = self._look([*self._leaders, *list(self._read_withdrawn())[-WITHDRAWN:]], now_ms)
        else:
            looked = None
        if looked and looked.auction_post == "" and day.is_paused_by_house:
            looked.commands.append(_resume_for(self._auction_id, now_ms))
        return looked

    def _wait_ms(self, day: OpenDay, now_ms: int) -> int:
        """How long after a look of an open day the next one is due."""
        is_near = now_ms >= day.ends_at_ms - NEAR_LAGS * self._lag_ms
        return min(self._interval_ms, self._lag_ms // LOOKS_A_LAG) if is_near else self._interval_ms

    def doubts(self, day: OpenDay) -> bool:
        """Whether the leading post was missed before the end and may be gone: the end cannot be frozen before that is
        known, since a lead that is lost moves it. One that is known to be gone leads on only where its bid binds."""
        one = day.leader_post_id
        return self._absences.was_missed_before(one, day.ends_at_ms) and one not in self._read_withdrawn()

    def _due_at_the_close(self, now_ms: int) -> list[int]:
        standing, withdrawn = self._receipt_reader.contenders(self._auction_id)
        self._read_withdrawn().update(dict.fromkeys(withdrawn))  # a push or a test may have said it, and be wrong
        unsettled = [one for one in reversed(standing) if one not in self._there]
        unsettled += [one for one in withdrawn if one not in self._gone]
        return [one for one in unsettled if now_ms >= self._again_ms.get(one, 0)]

    def _look(self, post_ids: list[int], now_ms: int) -> Looked:
        found = self._x.lookup({self._post_id, *post_ids})
        self._looked_ms = now_ms
        self._again_ms.update(dict.fromkeys(post_ids, now_ms + self._lag_ms))
        unavailable = {one for one, cause in found.gone.items() if cause == "unavailable"}
        self._hidden = sorted(unavailable - {self._post_id})
        if not self._hidden:
            alarms.clear(self._alarm)
        causes = {one: cause for one, cause in found.gone.items() if one not in self._hidden}
        commands, gone = self._conclude(found.present, causes, now_ms)
        if self._post_id in found.present or causes.get(self._post_id) == EDITED:
            return Looked(commands, "")
        return Looked(commands, causes[self._post_id] if self._post_id in gone else None)

    def _ask_who_hides(self, now_ms: int) -> Looked:
        """What became of the authors of hidden posts. Whom X says nothing about leaves his post open."""
        authors = {one: self._receipt_reader.bidder(self._auction_id, one) for one in self._hidden}
        users = self._x.users([author for author in authors.values() if author])
        self._hidden = []
        flagged = {one for one, author in authors.items() if author in users.found}
        if flagged:
            posts = ", ".join(map(str, sorted(flagged)))
            alarms.sound(self._alarm, f"{self._auction_id}: X hides {posts}, by a protected account; the bid counts")
        suspended = {one: "suspended" for one, author in authors.items() if author in users.missing}
        return Looked(self._conclude(flagged, suspended, now_ms)[0])

    def _ask_for_names(self, day: OpenDay) -> Looked | None:
        """What the accounts are called that the result may name; None before nothing else is missing for it."""
        if day.watermark_ms < day.ends_at_ms or not self._stands:
            return None
        known = self._possible_winners()
        if not (asked := known.keys() - self._named):
            return None
        found = self._x.users(asked).found
        self._named |= asked
        handles = {one: found[one].handle for one in sorted(asked & found.keys())}
        return Looked(
            [
                RenameBidder(message_id=f"renamed:{one}:{handle}", bidder_id=one, handle=handle)
                for one, handle in handles.items()
                if handle != known[one] and HANDLE.fullmatch(handle)
            ]
        )

    def _possible_winners(self) -> dict[int, str]:
        return self._receipt_reader.possible_winners(self._auction_id, NAMED)

    def _conclude(
        self, present: Set[int], causes: dict[int, str], now_ms: int
    ) -> tuple[list[AuctionCommand], set[int]]:
        """What the queue has to be told of what a look has found, and which of the absent posts are gone by now."""
        edited = {one for one, cause in causes.items() if cause == EDITED}
        gone = edited | self._absences.gone(now_ms, present, causes.keys() - edited)
        if self._closing:
            self._there, self._gone = (self._there | present) - gone, (self._gone | gone) - present
        withdrawn = self._read_withdrawn()
        newly_gone = sorted(gone - withdrawn.keys() - {self._post_id})
        back = sorted(withdrawn.keys() & present)
        withdrawn.update(dict.fromkeys(newly_gone))
        for one in back:
            del withdrawn[one]
        commands: list[AuctionCommand] = [
            WithdrawBid(
                message_id=f"gone:{one}",
                post_id=one,
                cause=causes[one],
                missed_at_ms=now_ms if one in edited else self._absences.missed_ms(one),
            )
            for one in newly_gone
        ]
        return commands + [RestoreBid(message_id=f"there:{one}", post_id=one) for one in back], gone

    def _read_withdrawn(self) -> dict[int, None]:
        if self._withdrawn is None:
            self._withdrawn = dict.fromkeys(self._receipt_reader.gone(self._auction_id))
        return self._withdrawn

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
