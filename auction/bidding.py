"""What is posted below an auction post, and what of it is gone, decided: the part of a day that is about its bids.

When a day opens and closes, and what operators order, is `day`; when a bid binds although its post is gone, and how the
end moves for a lost lead, is `lost_leads`.
"""

from collections.abc import Sequence
from operator import attrgetter

from auction.eligibility import AuthorFacts
from auction.fold import Bid, Verdict
from auction.lost_leads import binds, end_after_loss
from auction.record import DayRecord, Posts
from auction.replies import leader_of, read_reply, verdict_event
from messages.base import Refusal
from messages.commands import EDITED, PlaceBid, RestoreBid, WithdrawBid
from messages.events import (
    AuctionEvent,
    BidAccepted,
    BidRefused,
    BidRestored,
    BidWithdrawn,
    EndExtended,
    StandingsRevised,
    StrikeGiven,
    StrikeLifted,
)


class Bidding(DayRecord):
    """A day as far as its bids are concerned: commands about posts in, events out."""

    def _decide_bids(self, replies: Sequence[PlaceBid], gone: Sequence[WithdrawBid], now_ms: int) -> list[AuctionEvent]:
        if not replies and not gone:
            return []
        leader = self._leading()
        posts = Posts(withdrawn=self._decide_withdrawals(gone, now_ms))
        events: list[AuctionEvent] = [*posts.withdrawn]
        found: dict[int, PlaceBid] = {}
        rules = self.prepared.rules if self.prepared else None
        # In the order in which the log will have them, so that who was seen first is the same in a replay.
        for reply in sorted(replies, key=attrgetter("post_id")):
            post_id = reply.post_id
            if post_id in found or self.knows(post_id):
                continue
            found[post_id] = reply
            known = self.facts.get(reply.author_id) or posts.facts.get(reply.author_id)
            facts = known or AuthorFacts(reply.author_created_at_ms, reply.author_followers)
            bid = read_reply(reply, rules, self.post_id, facts)
            if bid.flaw is Refusal.NO_HASHTAG:
                self.untagged += 1
                continue
            if known is None:
                posts.facts[reply.author_id] = facts
            if reply.injected:
                posts.injected.append(post_id)
            posts.bids.append(bid)
        revised: list[int | None] = []
        taken_back = next((gone for gone in posts.withdrawn if leader and gone.post_id == leader.post_id), None)
        if leader and taken_back and not taken_back.binds and self.result is None:
            # Who edits his bid has made another one, and has taken nothing back; nobody has made an injected one.
            is_taken_back = taken_back.cause != EDITED or (rules and rules.is_first_version)
            if is_taken_back and leader.post_id not in self.injected:
                strike = StrikeGiven(
                    message_id=f"strike:{leader.post_id}",
                    at_ms=now_ms,
                    bidder_id=leader.bidder_id,
                    post_id=leader.post_id,
                    cause="took back a leading bid",
                )
                events.append(self._applied(strike))
            if extended := self._after_loss(leader, now_ms, max(taken_back.missed_at_ms, now_ms)):
                # What is told is also how it is found again: first the withdrawals, then the end, then the bids.
                revised += [self.apply_posts(Posts(withdrawn=posts.withdrawn))[1], self.apply(extended)]
                events.append(extended)
                posts.withdrawn = []
        verdicts, revised_from = self.apply_posts(posts)
        events += [self.tell(found[verdict.bid.post_id], verdict, now_ms) for verdict in verdicts]
        return events + self._decide_revision([*revised, revised_from], now_ms) + self._decide_extension(now_ms)

    def _decide_withdrawals(self, gone: Sequence[WithdrawBid], now_ms: int) -> list[BidWithdrawn]:
        news = {command.post_id: command for command in gone if not self.is_gone(command.post_id)}
        events = []
        for command in news.values():
            missed_at_ms = command.missed_at_ms or now_ms
            binding = self.standings is not None and binds(
                self.standings.rules, self.standings.controls, missed_at_ms, max(missed_at_ms, now_ms)
            )
            events.append(
                BidWithdrawn(
                    message_id=f"withdrawn:{command.post_id}",
                    at_ms=now_ms,
                    post_id=command.post_id,
                    cause=command.cause,
                    missed_at_ms=command.missed_at_ms,
                    binds=binding,
                )
            )
        return events

    def _decide_restored(self, command: RestoreBid, now_ms: int) -> list[AuctionEvent]:
        """The bid counts again, at its own time, and costs no strike."""
        post_id, leader = command.post_id, self._leading()
        restored = BidRestored(message_id=f"restored:{post_id}", at_ms=now_ms, post_id=post_id)
        events: list[AuctionEvent] = [restored]
        revised_from = self.apply(restored)
        if bidder_id := self.struck.get(post_id):
            message_id = f"strike-lifted:{post_id}"
            lifted = StrikeLifted(message_id=message_id, at_ms=now_ms, bidder_id=bidder_id, post_id=post_id)
            events.append(self._applied(lifted))
        return events + self._decide_change(leader, revised_from, now_ms)

    def _decide_change(self, led: Bid | None, revised_from: int | None, now_ms: int) -> list[AuctionEvent]:
        """What follows from an event that was just applied. The chain of leaders is revised from the post
        `revised_from` on (None: not at all). `led` is the bid that led before, None where its loss moves no end."""
        events: list[AuctionEvent] = []
        revised, leads = [revised_from], self._leading()
        is_lost = led is not None and (leads is None or leads.post_id != led.post_id)
        if led and is_lost and (extended := self._after_loss(led, now_ms, now_ms)):
            revised.append(self.apply(extended))
            events.append(extended)
        return events + self._decide_revision(revised, now_ms) + self._decide_extension(now_ms)

    def _after_loss(self, lost: Bid, now_ms: int, known_at_ms: int) -> EndExtended | None:
        """How the end moves because it is known that this bid leads no more, though nobody has outbid it."""
        assert self.standings is not None, "only an opened auction has a leader"
        controls = self.standings.controls
        ends_at_ms = end_after_loss(self.standings.rules, controls, known_at_ms)
        if ends_at_ms == controls.ends_at_ms:
            return None
        return EndExtended(
            message_id=self._id(f"extended:{ends_at_ms}"),
            at_ms=now_ms,
            ends_at_ms=ends_at_ms,
            by_post_id=lost.post_id,
            lead_lost=True,
        )

    def _decide_extension(self, now_ms: int) -> list[AuctionEvent]:
        standings = self.standings
        if standings is None or standings.leader is None or standings.ends_at_ms <= standings.controls.ends_at_ms:
            return []
        ends_at_ms, by_post_id = standings.ends_at_ms, standings.leader.bid.post_id
        message_id = self._id(f"extended:{ends_at_ms}")
        extended = EndExtended(message_id=message_id, at_ms=now_ms, ends_at_ms=ends_at_ms, by_post_id=by_post_id)
        return [self._applied(extended)]  # what was shown holds: from now on no withdrawal takes this end back

    def _leading(self) -> Bid | None:
        return self.standings.leader.bid if self.standings and self.standings.leader else None

    def _applied(self, event: AuctionEvent) -> AuctionEvent:
        self.apply(event)
        return event

    def tell(self, reply: PlaceBid, verdict: Verdict, now_ms: int) -> BidAccepted | BidRefused:
        """The verdict on the reply as the log has it."""
        return verdict_event(reply, verdict, self.standings, now_ms)

    def _decide_revision(self, revised: Sequence[int | None], now_ms: int) -> list[AuctionEvent]:
        """What tells of the chain of leaders where it was revised from these posts on (None: not at all)."""
        from_post_id = min((post_id for post_id in revised if post_id is not None), default=None)
        if from_post_id is None:
            return []
        assert self.standings is not None, "only an opened auction has standings to revise"
        chain = [lead for lead in self.standings.lead_history if lead.bid.post_id >= from_post_id]
        told = StandingsRevised(
            message_id=self._id(f"revised:{from_post_id}:{now_ms}"),
            at_ms=now_ms,
            from_post_id=from_post_id,
            leaders=tuple(leader_of(lead, self.injected) for lead in chain),
            leader=leader_of(self.standings.leader, self.injected) if self.standings.leader else None,
            minimum_wei=self.standings.minimum_wei,
        )
        return [told]

    def _id(self, what: str) -> str:
        return f"{self.auction_id}:{what}"
