"""The recheck: asks X whether posts that were seen before still exist (BID-8, LIFE-3), and for the handles of possible
winners.

During the day it looks up the posts that led last and the auction post; at the close every post whose deletion could
change the result. It answers with commands, which the reconciler queues.

At the close the posts of the lead history are enough, with bids that an operator may still release and withdrawn bids
that would have led. A verdict depends on the leader before the bid and on the bidder's own posts, which count whether
they exist or not (`auction/fold.judge`): so the deletion of a bid that never led changes nothing. A bid that leads
after a withdrawal belongs to the lead history then, and is looked up before there is a result. The leader comes first,
then the leaders before it, the latest first, since the deletion of a later one changes more.

A post is gone once two looks a lag apart have not found it, and counts again as soon as it is found again, until there
is a result. Deleted posts and posts of suspended accounts are withdrawn; an edited post is withdrawn at once, since the
new version is a post of its own. The post of a protected account raises an alarm and still counts. X hides posts of
suspended and of protected accounts alike, so the account is looked up.

By the time of the result an account may have another handle, and its old handle may be somebody else's. So once nothing
else is missing, X is asked for the handles of all accounts that the result may name; by the accounts' ids, because a
bid may bind although its post is gone. An account that X does not show, or whose handle is malformed, keeps the handle
of its bid.
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
LEADERS = 5  # posts seen leading last that are looked up during the day
NAMED = 10  # bids that led last, and as many held ones, whose accounts are asked for their handles
HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}")
WITHDRAWN = 90  # posts withdrawn last that are looked up during the day, since they may be back


class Looked(msgspec.Struct, frozen=True):
    """The result of a look: commands for the auction's queue. `auction_post` is "deleted" or "unavailable" where the
    auction post is gone, empty where it exists, None where it was not asked for or is not proven gone yet."""

    commands: list[AuctionCommand]
    auction_post: str | None = None


class Recheck:
    """The looks at the posts of one auction, a request at a time. While the day is open a look is due each
    `interval_ms`, and more often near the end; at the close each post is looked up until it is settled, `lag_ms` after
    a look that left it open.

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
        # By looks after the end: posts that exist, posts that are gone, and when to look up each post again (UTC ms).
        self._there: set[int] = set()
        self._gone: set[int] = set()
        self._again_ms: dict[int, int] = {}
        self._named: set[int] = set()  # accounts whose handles were asked for after the end

    def hurry(self) -> None:
        """Make the next look of an open day due now."""
        self._looked_ms = NEVER_MS

    def close(self) -> None:
        """From now on look up every post that could change the winner: the end is frozen."""
        self._closing = True

    @property
    def is_settled(self) -> bool:
        """Whether every post that could change the winner was looked up after the end was frozen, and is there or
        gone as the auction has it, and X was asked for the handles of the accounts that the result may name."""
        return self._closing and self._stands and self._possible_winners().keys() <= self._named

    @property
    def _stands(self) -> bool:
        standing, withdrawn = self._receipt_reader.contenders(self._auction_id)
        return self._there.issuperset(standing) and self._gone.issuperset(withdrawn)

    def turn(self, day: OpenDay, now_ms: int) -> Looked | None:
        """Make the request that is due at `now_ms` (UTC ms). Returns None where none is."""
        if day.leader_post_id:
            self._leaders.pop(day.leader_post_id, None)
            self._leaders[day.leader_post_id] = None
            while len(self._leaders) > LEADERS:
                del self._leaders[next(iter(self._leaders))]
        if self._hidden:
            return self._look_up_hidden_authors(now_ms)
        if self._closing:
            due = self._due_at_the_close(now_ms)
            looked = self._look(due[: BATCH - 1], now_ms) if due else self._ask_for_names(day)
        elif now_ms >= self._looked_ms + self._wait_ms(day, now_ms):
            looked = self._look([*self._leaders, *list(self._read_withdrawn())[-WITHDRAWN:]], now_ms)
        else:
            looked = None
        if looked and looked.auction_post == "" and day.is_paused_by_house:
            # The house ends its own pause.
            message_id, why = f"house:post-back:{self._auction_id}:{now_ms}", "the auction post is there again"
            looked.commands.append(ResumeAuction(message_id=message_id, by=HOUSE, why=why, said_at_ms=now_ms))
        return looked

    def _wait_ms(self, day: OpenDay, now_ms: int) -> int:
        """How long (ms) after a look of an open day the next one is due."""
        is_near = now_ms >= day.ends_at_ms - NEAR_LAGS * self._lag_ms
        return min(self._interval_ms, self._lag_ms // LOOKS_A_LAG) if is_near else self._interval_ms

    def doubts(self, day: OpenDay) -> bool:
        """Whether the leading post was missed before the end and may be gone. The end cannot be frozen until that is
        known, since losing the lead moves the end. A post that is known to be gone is no doubt: it leads only
        because its bid binds."""
        leading = day.leader_post_id
        return self._absences.was_missed_before(leading, day.ends_at_ms) and leading not in self._read_withdrawn()

    def _due_at_the_close(self, now_ms: int) -> list[int]:
        standing, withdrawn = self._receipt_reader.contenders(self._auction_id)
        self._read_withdrawn().update(dict.fromkeys(withdrawn))  # pushed or injected withdrawals, which may be wrong
        unsettled = [post_id for post_id in reversed(standing) if post_id not in self._there]
        unsettled += [post_id for post_id in withdrawn if post_id not in self._gone]
        return [post_id for post_id in unsettled if now_ms >= self._again_ms.get(post_id, 0)]

    def _look(self, post_ids: list[int], now_ms: int) -> Looked:
        found = self._x.lookup({self._post_id, *post_ids})
        self._looked_ms = now_ms
        self._again_ms.update(dict.fromkeys(post_ids, now_ms + self._lag_ms))
        unavailable = {post_id for post_id, cause in found.gone.items() if cause == "unavailable"}
        self._hidden = sorted(unavailable - {self._post_id})
        if not self._hidden:
            alarms.clear(self._alarm)
        causes = {post_id: cause for post_id, cause in found.gone.items() if post_id not in self._hidden}
        commands, gone = self._conclude(found.present, causes, now_ms)
        if self._post_id in found.present or causes.get(self._post_id) == EDITED:
            return Looked(commands, "")
        return Looked(commands, causes[self._post_id] if self._post_id in gone else None)

    def _look_up_hidden_authors(self, now_ms: int) -> Looked:
        """Look up the authors of hidden posts: a suspended account's post is withdrawn, a protected one's raises an
        alarm, and the post of an author of whom X says nothing stays open."""
        authors = {post_id: self._receipt_reader.bidder(self._auction_id, post_id) for post_id in self._hidden}
        users = self._x.users([author for author in authors.values() if author])
        self._hidden = []
        flagged = {post_id for post_id, author in authors.items() if author in users.found}
        if flagged:
            posts = ", ".join(map(str, sorted(flagged)))
            alarms.sound(self._alarm, f"{self._auction_id}: X hides {posts} of protected accounts; the bids count")
        suspended = {post_id: "suspended" for post_id, author in authors.items() if author in users.missing}
        return Looked(self._conclude(flagged, suspended, now_ms)[0])

    def _ask_for_names(self, day: OpenDay) -> Looked | None:
        """Ask for the handles of the accounts that the result may name. Returns None while something else is missing
        for the result, and where all were asked for."""
        if day.watermark_ms < day.ends_at_ms or not self._stands:
            return None
        known = self._possible_winners()
        if not (asked := known.keys() - self._named):
            return None
        found = self._x.users(asked).found
        self._named |= asked
        handles = {bidder_id: found[bidder_id].handle for bidder_id in sorted(asked & found.keys())}
        return Looked(
            [
                RenameBidder(message_id=f"renamed:{bidder_id}:{handle}", bidder_id=bidder_id, handle=handle)
                for bidder_id, handle in handles.items()
                if handle != known[bidder_id] and HANDLE.fullmatch(handle)
            ]
        )

    def _possible_winners(self) -> dict[int, str]:
        return self._receipt_reader.possible_winners(self._auction_id, NAMED)

    def _conclude(
        self, present: Set[int], causes: dict[int, str], now_ms: int
    ) -> tuple[list[AuctionCommand], set[int]]:
        """The commands that follow from a look, and which of the absent posts are gone by now."""
        edited = {post_id for post_id, cause in causes.items() if cause == EDITED}
        gone = edited | self._absences.gone(now_ms, present, causes.keys() - edited)
        if self._closing:
            self._there, self._gone = (self._there | present) - gone, (self._gone | gone) - present
        withdrawn = self._read_withdrawn()
        newly_gone = sorted(gone - withdrawn.keys() - {self._post_id})
        back = sorted(withdrawn.keys() & present)
        withdrawn.update(dict.fromkeys(newly_gone))
        for post_id in back:
            del withdrawn[post_id]
        commands: list[AuctionCommand] = [
            WithdrawBid(
                message_id=f"gone:{post_id}",
                post_id=post_id,
                cause=causes[post_id],
                missed_at_ms=now_ms if post_id in edited else self._absences.missed_ms(post_id),
            )
            for post_id in newly_gone
        ]
        return commands + [RestoreBid(message_id=f"there:{post_id}", post_id=post_id) for post_id in back], gone

    def _read_withdrawn(self) -> dict[int, None]:
        if self._withdrawn is None:
            self._withdrawn = dict.fromkeys(self._receipt_reader.gone(self._auction_id))
        return self._withdrawn

    def forget(self) -> None:
        """Clear the alarm of a day that has its result."""
        alarms.clear(self._alarm)


def pause_for(auction_id: str, what: str, now_ms: int) -> PauseAuction:
    """The house's order to pause the day whose auction post is gone (LIFE-3); `what` is "deleted" or "unavailable"."""
    message_id = f"house:post-gone:{auction_id}:{now_ms}"
    return PauseAuction(message_id=message_id, by=HOUSE, why=f"the auction post is {what}", said_at_ms=now_ms)
