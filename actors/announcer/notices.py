"""The notices to the bidders of a day on X: receipts, corrections, and how the day stands when a lead was lost.

No notice holds up a job or is sent twice. Waiting notices are bounded in number, replaced by newer ones to the same
bidder, and dropped when they are old; many changes of leader in a short time make one notice. Pure: the announcer
passes events in and asks for what is due; `auction/wording/posts` makes the texts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from auction.receipts import Receipt, accepted, refused
from auction.wording.posts import receipt_post, standing_post
from messages.base import Leader, Refusal, Wei, in_common
from messages.events import (
    AuctionEvent,
    AuctionOpened,
    AuctionResumed,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    EndExtended,
    EndFrozen,
    StandingsRevised,
)

QUIET_MS = 5_000  # how long the leader has to stay the same before the standing is told
RECEIPT_LIFE_MS = 300_000  # older receipts are dropped
MOST_WAITING = 200
RECEIPTS_A_BIDDER = 5  # a day; further verdicts stand on the page

# Refusals without a receipt: there is nobody to answer, or an answer is what the poster wants.
UNANSWERED = frozenset({Refusal.RETWEET, Refusal.WITHDRAWN, Refusal.RATE_LIMITED, Refusal.BANNED})


class Notice(NamedTuple):
    """A reply to make, at most once: its name in the log, its text, and the post that it replies to."""

    name: str
    text: str
    reply_to: int


class PendingReceipt(msgspec.Struct, array_like=True):
    """A receipt to send, and since when (UTC ms)."""

    receipt: Receipt
    since_ms: int


class SentReceipt(msgspec.Struct, array_like=True):
    """The newest receipt that a bidder was sent, how many were sent, and whether one was corrected."""

    receipt: Receipt
    times: int = 0
    corrected: bool = False


class DayNotices(msgspec.Struct, array_like=True):
    """One open day: its standing, and the notices that wait, by bidder.

    `outbid` are the bidders who have lost the lead since the standing was told last. `changed_from_ms` is the first
    change of leader since then (0: none), `changed_ms` the last one (UTC ms). While an injected bid leads
    (`injected_leads`), `leader` is the leader before it, and the standing is not told.
    """

    auction_id: str
    day: int
    minimum_wei: Wei
    post_id: int = 0
    ends_at_ms: int = 0
    leader: Leader | None = None
    outbid: dict[int, str] = {}
    changed_from_ms: int = 0
    changed_ms: int = 0
    said_ms: int = 0
    receipts: dict[int, PendingReceipt] = {}
    corrections: dict[int, Receipt] = {}
    told: dict[int, SentReceipt] = {}
    injected_leads: bool = False

    # ---- what happens

    def on_event(self, event: AuctionEvent) -> None:
        match event:
            case AuctionOpened():
                self.post_id, self.ends_at_ms = event.post_id, event.ends_at_ms
            case BidAccepted():
                # A late find is accepted too: the StandingsRevised that follows says who leads after it.
                if self.leader is None or event.post_id > self.leader.post_id:
                    self._lead(Leader(**in_common(event, Leader)), event.minimum_wei, event.at_ms)
                if not event.injected:
                    self._queue_receipt(accepted(event, self.auction_id), event.at_ms)
            case BidRefused() if event.reason not in UNANSWERED and not event.injected:
                receipt = refused(event, self.auction_id, self.minimum_wei, self.ends_at_ms)
                self._queue_receipt(receipt, event.at_ms)
            case BidWithdrawn():
                self._forget(event)
            case StandingsRevised():
                self._lead(event.leader, event.minimum_wei, event.at_ms)
                self._revise(event.from_post_id, event.leaders)
            case EndExtended() | AuctionResumed():
                self.ends_at_ms = event.ends_at_ms
            case EndFrozen():
                self.ends_at_ms, self.changed_from_ms = event.ends_at_ms, 0

    def _lead(self, leader: Leader | None, minimum_wei: Wei, at_ms: int) -> None:
        self.minimum_wei, self.injected_leads = minimum_wei, bool(leader and leader.injected)
        if self.injected_leads:
            return
        before, self.leader = self.leader, leader
        if leader:
            self.outbid.pop(leader.bidder_id, None)
        if before and (leader is None or leader.bidder_id != before.bidder_id):
            self.outbid[before.bidder_id] = before.bidder_handle
            self._changed(at_ms)

    def _changed(self, at_ms: int) -> None:
        self.changed_from_ms, self.changed_ms = self.changed_from_ms or at_ms, at_ms

    def _queue_receipt(self, receipt: Receipt, at_ms: int) -> None:
        told = self.told.get(receipt.bidder_id)
        if told and told.times >= RECEIPTS_A_BIDDER:
            return
        self.receipts[receipt.bidder_id] = PendingReceipt(receipt, at_ms)
        if len(self.receipts) > MOST_WAITING:
            del self.receipts[next(iter(self.receipts))]

    def _forget(self, gone: BidWithdrawn) -> None:
        """Drop the notices that reply to a post that is gone; a leader who has withdrawn his bid was not outbid."""
        self.receipts = {who: one for who, one in self.receipts.items() if one.receipt.post_id != gone.post_id}
        self.corrections = {who: one for who, one in self.corrections.items() if one.post_id != gone.post_id}
        for told in self.told.values():
            told.corrected = told.corrected or told.receipt.post_id == gone.post_id
        if self.leader and self.leader.post_id == gone.post_id and not gone.binds:
            self.leader = None
            self._changed(gone.at_ms)

    def _revise(self, from_post_id: int, leaders: Sequence[Leader]) -> None:
        """Take in that from this post on exactly these bids are accepted. A bidder who was told otherwise gets a
        correction, one for each auction, unless a bid that a test has injected may be the reason."""
        standing = {link.post_id for link in leaders}
        injected_from_id = min((link.post_id for link in leaders if link.injected), default=2**63)
        for waiting in self.receipts.values():
            if waiting.receipt.post_id >= from_post_id:
                waiting.receipt = _turned(waiting.receipt, waiting.receipt.post_id in standing)
        for bidder_id, told in self.told.items():
            receipt = told.receipt
            if receipt.post_id < from_post_id or told.corrected:
                continue
            turned = _turned(receipt, receipt.post_id in standing)
            if turned is receipt:
                self.corrections.pop(bidder_id, None)
            elif receipt.post_id < injected_from_id:
                self.corrections[bidder_id] = turned

    # ---- what is due

    def due(self, now_ms: int, interval_ms: int, time_zone: str) -> Notice | None:
        """The most important notice that is due at `now_ms` (UTC ms); it counts as sent from here on."""
        said = self._standing(now_ms, interval_ms, time_zone) or self._correction(now_ms, time_zone)
        return said or self._receipt(now_ms, time_zone)

    def _standing(self, now_ms: int, interval_ms: int, time_zone: str) -> Notice | None:
        is_due = now_ms - self.changed_ms >= QUIET_MS or now_ms - self.changed_from_ms >= interval_ms
        is_silent = self.injected_leads or now_ms - self.said_ms < interval_ms or now_ms >= self.ends_at_ms
        if not self.changed_from_ms or not is_due or is_silent:
            return None
        handles = [handle for handle in self.outbid.values() if handle]
        text = standing_post(
            self.auction_id, self.day, self.leader, handles, self.minimum_wei, self.ends_at_ms, time_zone, now_ms
        )
        self.outbid, self.changed_from_ms, self.said_ms = {}, 0, now_ms
        return Notice(f"standing:{self.auction_id}:{now_ms}", text, self.post_id)

    def _correction(self, now_ms: int, time_zone: str) -> Notice | None:
        if not self.corrections:
            return None
        bidder_id = next(iter(self.corrections))
        receipt = self._as_of_now(self.corrections.pop(bidder_id))
        told = self.told[bidder_id]
        told.receipt, told.corrected = receipt, True
        text = receipt_post(self.day, receipt, time_zone, now_ms, corrects=True)
        return Notice(f"correction:{self.auction_id}:{bidder_id}", text, receipt.post_id)

    def _receipt(self, now_ms: int, time_zone: str) -> Notice | None:
        while self.receipts:
            bidder_id = next(iter(self.receipts))
            waiting = self.receipts.pop(bidder_id)
            if now_ms - waiting.since_ms < RECEIPT_LIFE_MS:
                receipt = self._as_of_now(waiting.receipt)
                self._note_sent(bidder_id, receipt)
                return Notice(self._name(receipt), receipt_post(self.day, receipt, time_zone, now_ms), receipt.post_id)
        return None

    def _as_of_now(self, receipt: Receipt) -> Receipt:
        leading = bool(self.leader and self.leader.post_id == receipt.post_id and not self.injected_leads)
        return msgspec.structs.replace(
            receipt, leading=leading, minimum_wei=self.minimum_wei, ends_at_ms=self.ends_at_ms
        )

    def _note_sent(self, bidder_id: int, receipt: Receipt) -> None:
        told = self.told.setdefault(bidder_id, SentReceipt(receipt))
        told.receipt, told.times = receipt, told.times + 1

    def _name(self, receipt: Receipt) -> str:
        return f"receipt:{self.auction_id}:{receipt.bidder_id}:{receipt.post_id}"

    # ---- what an earlier incarnation has sent

    def recall(self, name: str, at_ms: int) -> None:
        """Note that the notice of this name was sent at `at_ms` (UTC ms), so that it is not sent again."""
        if name.startswith("standing:"):
            if at_ms > self.said_ms:
                self.outbid, self.changed_from_ms, self.said_ms = {}, 0, at_ms
            return
        for bidder_id, waiting in list(self.receipts.items()):
            if name == self._name(waiting.receipt):
                del self.receipts[bidder_id]
                self._note_sent(bidder_id, waiting.receipt)
        for bidder_id in [who for who in self.corrections if name == f"correction:{self.auction_id}:{who}"]:
            del self.corrections[bidder_id]
            self.told[bidder_id].corrected = True


def _turned(receipt: Receipt, accepted_now: bool) -> Receipt:
    """The receipt with the verdict that holds now; the same object where its verdict still holds."""
    if accepted_now == (receipt.verdict == "accepted"):
        return receipt
    verdict = "accepted" if accepted_now else "refused"
    return msgspec.structs.replace(receipt, verdict=verdict, reason=None, required_wei=None)
