"""The bridge to the host: turns events of the log into lines that the character says, at most one for each, and logs
these.

As long as no ElizaOS is configured, `auction.wording.lines` makes the lines. No line changes an auction.
"""

from collections.abc import Sequence

import msgspec

from actors.listener import LEADS, LIMITS, Limits, LogListener
from actors.ports import Clock, StoreAccess
from auction.wording.lines import host_line
from messages.codec import pack, reader_of
from messages.events import (
    AnyEvent,
    AuctionEvent,
    AuctionPrepared,
    BidAccepted,
    BidRefused,
    CharacterSpoke,
    ClosingSoon,
    StandingsRevised,
)
from messages.hints import LogGrew
from supervision import Context


class BridgeState(msgspec.Struct, array_like=True):
    """The bridge's checkpoint: the position in the log, the auction on stage, and the post that a line called its
    leading bid last (0: none)."""

    position: int = 0
    on_stage: str = ""
    leader_post_id: int = 0


class ElizaBridge(LogListener):
    """Makes at most one line of an event. Of the leads in one batch of the log only the last gets a line, and only
    events of the auction on stage do."""

    writer = "eliza_bridge"
    ignores = frozenset({BidRefused})

    def __init__(
        self, context: Context, store: StoreAccess, clock: Clock, listeners: Sequence[str], limits: Limits = LIMITS
    ) -> None:
        super().__init__(context, store, limits)
        self._clock, self._listeners = clock, listeners
        self._lines: list[CharacterSpoke] = []
        self._lead: tuple[int, BidAccepted | StandingsRevised] | None = None  # the newest of the batch, with its seq

    def setup(self) -> None:
        super().setup()
        self._state = self._journal.begin(reader_of(BridgeState)).checkpoint or BridgeState()
        self.position = self._state.position
        for _, line in self._journal.tail():  # empty unless a checkpoint is damaged
            if isinstance(line, CharacterSpoke):
                self.position = max(self.position, line.about_seq)

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        if isinstance(event, AuctionPrepared):
            self._state.on_stage, self._state.leader_post_id, self._lead = writer, 0, None
        if isinstance(event, AuctionEvent) and self._state.on_stage not in ("", writer):
            return
        if isinstance(event, ClosingSoon) and self._clock() >= event.ends_at_ms:
            return
        if isinstance(event, LEADS):
            self._lead = (seq, event)
        elif line := self._line(seq, event):
            self._lines.append(line)

    def on_batch_end(self) -> None:
        lines, self._lines = self._lines, []
        if self._lead and (line := self._lead_line(*self._lead)):
            lines.append(line)
        self._lead = None
        if lines:
            # One commit holds position and lines, so that a crash repeats no line.
            lines.sort(key=lambda line: line.about_seq)
            self._state.position = self.position
            self._journal.commit(lines, checkpoint=pack(self._state))
            for name in self._listeners:
                self.context.send(name, LogGrew())

    def _lead_line(self, seq: int, event: BidAccepted | StandingsRevised) -> CharacterSpoke | None:
        """The line about who leads; None where that was said before."""
        leads = event if isinstance(event, BidAccepted) else event.leader
        post_id = leads.post_id if leads else 0
        if post_id == self._state.leader_post_id:
            return None
        self._state.leader_post_id = post_id
        return self._line(seq, event, post_id)

    def _line(self, seq: int, event: AnyEvent, leader_post_id: int = 0) -> CharacterSpoke | None:
        text = host_line(event)
        if text is None:
            return None
        return CharacterSpoke(
            message_id=f"line:{seq}",
            correlation_id=event.message_id,
            at_ms=self._clock(),
            text=text,
            about_seq=seq,
            leader_post_id=leader_post_id,
        )
