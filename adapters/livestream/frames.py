"""The frames of the feed, and the stage: events of the log become frames, which add up to the stage. Pure.

An event makes one frame or none, so that a frame's seq says how far in the log a viewer has come. The body of an
event's frame is `{"auction_id", "stage": {what changed}, ...}`: merging each `stage` into a snapshot's `stage` gives
that of the next snapshot; `bid` goes before the snapshot's `bids`, and `bids` and `character` replace the snapshot's.
Every frame names the leader as of the end of its commit; a line of the host is removed once another bid leads than it
names. `json_views` makes the JSON of amounts, bids and people.
"""

from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable

import msgspec

from adapters.livestream.json_views import Json, bid_of, minimum_of, refusal_of
from adapters.livestream.stage_fields import StageFields, before_first_day
from messages.base import Outcome, Phase, Refusal
from messages.events import (
    AnyEvent,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    CharacterSpoke,
    DayVoided,
    ResultNamed,
    StandingsRevised,
)

RECENT_BIDS = 12
RECENT_REFUSALS = 6


class Frame(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of the feed. `seq` is that of the log; timers, which have no place there, have none."""

    type: str
    seq: int | None = None
    at_ms: int
    body: Json

    def json(self) -> bytes:
        """The frame as it goes over the wire."""
        return msgspec.json.encode(self)


class StageState(msgspec.Struct, array_like=True):
    """The checkpoint of a stage, as of `seq`."""

    seq: int = 0
    stage: Json = msgspec.field(default_factory=before_first_day)
    bids: list[Json] = []
    refusals: list[BidRefused] = []
    character: Json | None = None
    chain: bytes = b""
    verdicts: int = 0


class Stage:
    """The state that a joining viewer gets, folded from the log. Not thread-safe."""

    def __init__(self, state: StageState | None = None) -> None:
        state = state or StageState()
        self.seq = state.seq
        self._stage = StageFields(state.stage)
        self._bids = state.bids
        self._refusals = deque(state.refusals, maxlen=RECENT_REFUSALS)  # newest first
        self._character = state.character
        # The posts of the lead history, and how many verdicts there were: all others were refused.
        self._lead_history, self._verdicts = array("q", state.chain), state.verdicts

    @property
    def auction_id(self) -> str | None:
        """The id of the auction on stage; None before the first."""
        auction_id: str | None = self._stage.fields["auction_id"]
        return auction_id

    def state(self) -> StageState:
        """The checkpoint from which `Stage(state)` goes on."""
        refusals, leads = list(self._refusals), self._lead_history.tobytes()
        return StageState(self.seq, self._stage.fields, self._bids, refusals, self._character, leads, self._verdicts)

    def snapshot(self) -> Json:
        """The body of a snapshot frame: a copy, newest bids first."""
        return {
            "auction_id": self.auction_id,
            "stage": dict(self._stage.fields),
            "bids": list(self._bids),
            "refusals": [refusal_of(event) for event in self._refusals],
            "character": self._character,
        }

    def fold(self, seq: int, event: AnyEvent, is_passing: bool = False) -> Frame | None:
        """Take in an event. Returns its frame, or None where it shows nothing. Events up to `seq` are ignored.

        The leader after an event that `is_passing` is replaced within the same commit, and is not shown.
        """
        if seq <= self.seq:
            return None
        self.seq = seq
        told = self._kind_and_body(event, is_passing)
        if told is None:
            return None
        kind, body = told
        named = self._character.get("leader_post_id", "0") if self._character else "0"
        if named != "0" and not self._leads(named):
            body["character"] = self._character = None
        return Frame(type=kind, seq=seq, at_ms=event.at_ms, body={"auction_id": self.auction_id, **body})

    def pass_by(self, events: Iterable[tuple[int, AnyEvent]]) -> list[int]:
        """Take in events as `fold` does, without making frames. Returns the seqs of those that would have had one."""
        passed = []
        for seq, event in events:
            if not isinstance(event, BidRefused):
                if self.fold(seq, event):
                    passed.append(seq)
            elif seq > self.seq:
                self.seq = seq
                if self._take_refusal(event):
                    passed.append(seq)
        self._stage.fields |= self._counts()
        return passed

    def _kind_and_body(self, event: AnyEvent, is_passing: bool) -> tuple[str, Json] | None:
        match event:
            case BidAccepted():
                bid = bid_of(event)
                self._bids = [bid, *self._bids][:RECENT_BIDS]
                self._lead_history.append(event.post_id)
                self._verdicts += 1
                leads = {} if is_passing else {"leader": bid, **minimum_of(event.minimum_wei)}
                return "bid", {
                    "stage": self._stage.change(ends_at_ms=event.ends_at_ms, **self._counts(), **leads),
                    "bid": bid,
                }
            case BidRefused():
                if not self._take_refusal(event):
                    return None
                return "refused", {"stage": self._stage.change(**self._counts()), "refusal": refusal_of(event)}
            case BidWithdrawn() if event.binds:
                return None
            case BidWithdrawn():
                post_id = str(event.post_id)
                self._bids = [bid for bid in self._bids if bid["post_id"] != post_id]
                return "revised", {"stage": {}, "withdrawn": post_id, "bids": list(self._bids)}
            case StandingsRevised():
                kept = [bid for bid in self._bids if int(bid["post_id"]) < event.from_post_id]
                leaders = [bid_of(link) for link in reversed(event.leaders)]
                self._bids = [*leaders, *kept][:RECENT_BIDS]
                del self._lead_history[bisect_left(self._lead_history, event.from_post_id) :]
                self._lead_history.extend(link.post_id for link in event.leaders)
                leader = bid_of(event.leader) if event.leader else None
                leads = {} if is_passing else {"leader": leader, **minimum_of(event.minimum_wei)}
                changed = self._stage.change(**self._counts(), **leads)
                return "revised", {"stage": changed, "withdrawn": None, "bids": list(self._bids)}
            case ResultNamed():
                winner = bid_of(event.winner) if event.winner else None
                changed = self._stage.change(
                    phase=Phase.COMPLETED,
                    outcome=event.outcome,
                    winner=winner,
                    leader=winner,
                    overdue=False,
                    paused_from_ms=None,
                )
                if event.outcome is Outcome.VOID:
                    changed |= self._stage.change(ends_at_ms=event.at_ms)
                return "winner", {"stage": changed}
            case CharacterSpoke() if event.leader_post_id and not self._leads(str(event.leader_post_id)):
                return None  # another one has taken the lead since
            case CharacterSpoke():
                self._character = {
                    "text": event.text,
                    "about_seq": event.about_seq,
                    "leader_post_id": str(event.leader_post_id),
                    "at_ms": event.at_ms,
                }
                return "character", {"stage": {}, "character": self._character}
            case DayVoided() if self._stage.fields["phase"] in (Phase.ACTIVE, Phase.PROCESSING):
                return None  # a day to come is skipped: the one under way stays on stage
            case AuctionPrepared() | DayVoided():
                self._bids, self._lead_history, self._verdicts = [], array("q"), 0
                self._refusals.clear()
                return "state", {"stage": self._stage.begin_day(event), "bids": []}
            case _:
                changed = self._stage.take_in(event)
                return ("state", {"stage": changed}) if changed else None

    def _take_refusal(self, event: BidRefused) -> bool:
        if event.reason is Refusal.FOUND_TOO_LATE and self._stage.fields["phase"] != Phase.COMPLETED:
            return False  # the post was made for an auction that has left the stage
        self._refusals.appendleft(event)
        self._verdicts += 1
        return True

    def _leads(self, post_id: str) -> bool:
        leader = self._stage.fields["leader"]
        return leader is not None and leader["post_id"] == post_id

    def _counts(self) -> Json:
        return {"accepted": len(self._lead_history), "refused": self._verdicts - len(self._lead_history)}
