"""The feed's vocabulary: events of the log become frames, and the stage is what all frames so far add up to. Pure.

An event makes one frame or none, so that a frame's seq says exactly how far a viewer has come. A log frame's body is
`{"auction_id", "stage": {what changed}, ...}`: merging every `stage` into a snapshot's gives the next snapshot's;
`bid` goes before a snapshot's `bids`, and `bids` takes their place.
Amounts are decimal strings of wei beside a string to show; ids are strings, because JavaScript's numbers end at 2^53.
"""

from array import array
from bisect import bisect_left
from typing import Any

import msgspec

from messages.base import Lot, Outcome, Phase, Refusal
from messages.events import (
    AnyEvent,
    AuctionOpened,
    AuctionPaused,
    AuctionPrepared,
    AuctionResumed,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    CharacterSpoke,
    CloseOverdue,
    DayVoided,
    EndExtended,
    EndFrozen,
    Leader,
    MarathonEnded,
    MarathonStarted,
    ResultNamed,
    StandingsRevised,
    WatermarkMoved,
)

Json = dict[str, Any]

RECENT_BIDS = 12
RECENT_REFUSALS = 6
X_EPOCH_MS = 1288834974657

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


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of the feed. `seq` is the log's; frames that the log does not know carry none."""

    type: str
    seq: int | None = None
    at_ms: int
    body: Json

    def json(self) -> bytes:
        """The frame as it goes over the wire."""
        return msgspec.json.encode(self)


class Stage:
    """What a joining viewer has to know, folded from the log. Not thread-safe."""

    def __init__(self) -> None:
        self.seq = 0
        self._stage: Json = {"days": None, "over": False, **_EMPTY_DAY}
        self._bids: list[Json] = []
        self._refusals: list[Json] = []
        self._character: Json | None = None
        # The chain of leaders, by post, and how many verdicts there were: what is not in the chain was refused.
        self._chain, self._verdicts = array("q"), 0

    def snapshot(self) -> Json:
        """The body of a snapshot frame: a copy, newest bids first."""
        return {
            "auction_id": self._stage["auction_id"],
            "stage": dict(self._stage),
            "bids": list(self._bids),
            "refusals": list(self._refusals),
            "character": self._character,
        }

    def fold(self, seq: int, event: AnyEvent) -> Frame | None:
        """Take the event in; its frame, or None where there is nothing to show. What was folded before is ignored."""
        if seq <= self.seq:
            return None
        self.seq = seq
        told = self._told(event)
        if told is None:
            return None
        kind, body = told
        return Frame(type=kind, seq=seq, at_ms=event.at_ms, body={"auction_id": self._stage["auction_id"], **body})

    def _told(self, event: AnyEvent) -> tuple[str, Json] | None:
        match event:
            case BidAccepted():
                leader = _bid(event.post_id, event.bidder_id, event.bidder_handle, event.amount_wei)
                self._bids = [leader, *self._bids][:RECENT_BIDS]
                self._chain.append(event.post_id)
                self._verdicts += 1
                changed = self._change(
                    leader=leader, ends_at_ms=event.ends_at_ms, **self._counts(), **_minimum(event.minimum_wei)
                )
                return "bid", {"stage": changed, "bid": leader}
            case BidRefused():
                return self._refused(event)
            case BidWithdrawn():
                post_id = str(event.post_id)
                self._bids = [bid for bid in self._bids if bid["post_id"] != post_id]
                return "revised", {"stage": {}, "withdrawn": post_id, "bids": list(self._bids)}
            case StandingsRevised():
                kept = [bid for bid in self._bids if int(bid["post_id"]) < event.from_post_id]
                leaders = [_leader(link) for link in reversed(event.leaders)]
                self._bids = [*leaders, *kept][:RECENT_BIDS]
                del self._chain[bisect_left(self._chain, event.from_post_id) :]
                self._chain.extend(link.post_id for link in event.leaders)
                leads = _leader(event.leader) if event.leader else None
                changed = self._change(leader=leads, **self._counts(), **_minimum(event.minimum_wei))
                return "revised", {"stage": changed, "withdrawn": None, "bids": list(self._bids)}
            case ResultNamed():
                winner = _leader(event.winner) if event.winner else None
                changed = self._change(
                    phase=Phase.COMPLETED,
                    outcome=event.outcome,
                    winner=winner,
                    leader=winner,
                    overdue=False,
                    paused_from_ms=None,
                )
                return "winner", {"stage": changed}
            case CharacterSpoke():
                self._character = {"text": event.text, "about_seq": event.about_seq, "at_ms": event.at_ms}
                return "character", {"stage": {}, "character": self._character}
            case AuctionPrepared() | DayVoided():
                return "state", {"stage": self._new_day(event), "bids": []}
            case _:
                changed = self._turned(event)
                return ("state", {"stage": changed}) if changed else None

    def _turned(self, event: AnyEvent) -> Json:
        """What an event changes that is about the day as a whole; empty for one that does not show."""
        match event:
            case MarathonStarted():
                return self._change(days=event.days, over=False)
            case MarathonEnded():
                return self._change(over=True)
            case AuctionOpened():
                return self._change(
                    phase=Phase.ACTIVE,
                    post_id=str(event.post_id),
                    opens_at_ms=event.opened_at_ms,
                    ends_at_ms=event.ends_at_ms,
                )
            case EndExtended():
                by = "bid" if event.by_post_id else "operator"
                return self._change(ends_at_ms=event.ends_at_ms, extended_by=by)
            case AuctionPaused():
                return self._change(paused_from_ms=event.from_ms)
            case AuctionResumed():
                return self._change(paused_from_ms=None, ends_at_ms=event.ends_at_ms)
            case WatermarkMoved():
                return self._change(watermark_ms=event.watermark_ms)
            case EndFrozen():
                return self._change(phase=Phase.PROCESSING, ends_at_ms=event.ends_at_ms)
            case CloseOverdue():
                return self._change(overdue=True)
            case _:
                return {}

    def _refused(self, event: BidRefused) -> tuple[str, Json] | None:
        if event.reason is Refusal.FOUND_TOO_LATE and self._stage["phase"] != Phase.COMPLETED:
            return None  # it was made for an auction that is no longer on stage
        refusal = {
            **_who(event.post_id, event.bidder_id, event.bidder_handle),
            "reason": event.reason,
            **_money("amount", event.amount_wei),
            **_money("required", event.required_wei),
        }
        self._refusals = [refusal, *self._refusals][:RECENT_REFUSALS]
        self._verdicts += 1
        return "refused", {"stage": self._change(**self._counts()), "refusal": refusal}

    def _new_day(self, event: AuctionPrepared | DayVoided) -> Json:
        self._bids, self._refusals, self._chain, self._verdicts = [], [], array("q"), 0
        fields: Json = {**_EMPTY_DAY, "auction_id": event.auction_id, "day": event.day}
        if isinstance(event, DayVoided):
            return self._change(**fields | {"phase": Phase.COMPLETED, "outcome": Outcome.VOID})
        return self._change(
            **fields
            | {
                "lot": lot_of(event.lot),
                "hashtag": event.rules.hashtag,
                "rules_hash": event.rules_hash,
                "opens_at_ms": event.opens_at_ms,
                "closes_at_ms": event.closes_at_ms,
                "ends_at_ms": event.closes_at_ms,
                **_minimum(event.rules.reserve_wei),
            }
        )

    def _counts(self) -> Json:
        return {"accepted": len(self._chain), "refused": self._verdicts - len(self._chain)}

    def _change(self, **fields: Any) -> Json:
        now = self._stage
        now |= fields
        under_way = now["phase"] in (Phase.ACTIVE, Phase.PROCESSING)
        provisional = under_way and now["watermark_ms"] < (now["ends_at_ms"] or 0)
        if provisional != now["provisional"]:
            now["provisional"] = fields["provisional"] = provisional
        return fields


def shown_eth(wei: int) -> str:
    """The exact amount in its shortest form, such as "0.55 ETH"."""
    whole, rest = divmod(wei, 10**18)
    decimals = f"{rest:018d}".rstrip("0")
    return f"{whole}.{decimals} ETH" if decimals else f"{whole} ETH"


def lot_of(lot: Lot) -> dict[str, str]:
    """The lot as viewers are told of it."""
    return {"token_id": str(lot.token_id), "title": lot.title, "image": lot.image}


def _money(name: str, wei: int | None) -> Json:
    if wei is None:
        return {f"{name}_wei": None, name: None}
    return {f"{name}_wei": str(int(wei)), name: shown_eth(wei)}


def _minimum(wei: int) -> Json:
    return _money("minimum", wei)


def _who(post_id: int, bidder_id: int, handle: str) -> Json:
    posted_at_ms = (post_id >> 22) + X_EPOCH_MS
    return {"post_id": str(post_id), "bidder_id": str(bidder_id), "handle": handle, "posted_at_ms": posted_at_ms}


def _bid(post_id: int, bidder_id: int, handle: str, amount_wei: int) -> Json:
    return {**_who(post_id, bidder_id, handle), **_money("amount", amount_wei)}


def _leader(link: Leader) -> Json:
    return _bid(link.post_id, link.bidder_id, link.bidder_handle, link.amount_wei)
