"""The hub: sends one feed to any number of viewers, none of which can slow down another.

The publisher's thread folds the log and hands the frames over; everything else runs on the event loop. A viewer has no
queue of its own, only a place in one bounded list of recent frames. A viewer that has fallen further behind than that
list, or than the loop can afford for all viewers together, gets a snapshot instead: it skips steps, but comes to the
same state.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass

import msgspec

from adapters import metrics
from adapters.livestream.frames import Frame, Stage, StageState
from adapters.livestream.json_views import Json
from adapters.livestream.recent_frames import RecentFrames
from adapters.livestream.upcoming_days import UpcomingDays
from adapters.wall_clock import wall_clock_ms
from messages.base import Phase
from messages.events import AnyEvent, BidRefused

SNAPSHOT_KEPT_S = 0.02
# What sending a frame to a viewer costs the loop (s), with room to spare: the viewer's task then sleeps so long that
# all viewers together leave the loop most of its time. And a burst of more sendings than these becomes a snapshot.
REST_S_PER_FRAME_AND_VIEWER = 0.00005
BURST_SENDINGS = 8_000


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """Bounds of the feed. Who takes nothing for `stuck_ms` is dropped; messages are counted anew each `minute_s`."""

    viewers: int = 5_000
    frames_kept: int = 512
    timer_ms: int = 1_000
    heartbeat_ms: int = 10_000
    stuck_ms: int = 10_000
    frames_a_second: int = 1_500
    minute_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a viewer has come: the seq of the last frame it got, in one generation of the log."""

    generation: str
    seq: int


class FeedState(msgspec.Struct, array_like=True):
    """The feed's checkpoint. Without the upcoming days: each process knows them, and they may change."""

    stage: StageState


class Viewer:
    """One viewer's place in the feed. `send` waits until the frame has gone; `drop` cuts the connection at once."""

    def __init__(
        self, send: Callable[[bytes], Awaitable[None]], drop: Callable[[], None], after: Position | None = None
    ) -> None:
        self.send, self.drop, self.after = send, drop, after
        self.news = asyncio.Event()
        self.next_frame: int | None = None  # None: it needs a snapshot
        self.ticks_seen = 0
        self.sending_since_s: float | None = None


class FeedHub:
    """The feed of one generation of the log.

    `known_seq` is where the log ended when the process started: until the publisher has come that far, viewers wait, so
    that they are not shown the past. `clock` gives UTC ms. The `upcoming_days` are told to every viewer first.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        generation: str,
        known_seq: int = 0,
        limits: FeedLimits | None = None,
        clock: Callable[[], int] = wall_clock_ms,
        upcoming_days: UpcomingDays | None = None,
    ) -> None:
        self.limits = limits or FeedLimits()
        self.generation = generation
        self._upcoming_days = upcoming_days or UpcomingDays()
        self._loop, self._known_seq, self.clock = loop, known_seq, clock
        # Used by the publisher's thread; locked, since a hung publisher and its successor may publish at the same time.
        self._folding = threading.Lock()
        self._stage = Stage()
        self._saved, self._saved_at_s = float(self.limits.frames_a_second), time.monotonic()
        # Used on the event loop only.
        self._caught_up = asyncio.Event()
        if not known_seq:
            self._caught_up.set()
        self._viewers: set[Viewer] = set()
        self._frames = RecentFrames(self.limits.frames_kept)
        self._seq, self._body = 0, self._stage.snapshot()
        self._snapshot, self._snapshot_made_s = b"", 0.0
        self._ticks, self._tick_frame = 0, b""

    # ---- the publisher's side

    @property
    def on_stage(self) -> str | None:
        """The id of the auction on stage; None before the first."""
        return self._stage.auction_id

    @property
    def seq(self) -> int:
        """The seq of the log up to which the feed has come."""
        return self._stage.seq

    def state(self) -> FeedState:
        """The checkpoint from which another process's feed can go on."""
        with self._folding:
            return FeedState(self._stage.state())

    def resume(self, state: FeedState) -> None:
        """Go on from this checkpoint. To be called before anything is published."""
        with self._folding:
            self._stage = Stage(state.stage)
            self._loop.call_soon_threadsafe(self._take, [self._stage.seq], [], self._stage.seq, self._stage.snapshot())

    def publish(self, events: Sequence[tuple[int, AnyEvent]], passing: Container[int] = ()) -> None:
        """Show these events of the log, each with its seq; from any thread, never waits. Repetitions are ignored.

        `passing` are the seqs of events whose leader is replaced within the same commit.
        """
        with self._folding:
            # In a flood, and after a start, there are more events than anybody can watch: viewers get a snapshot then.
            skipped = len(events) - self._afford(len(events))
            passed = self._stage.pass_by(events[:skipped])
            frames = [self._stage.fold(seq, event, seq in passing) for seq, event in events[skipped:]]
            kept = [(frame.seq, frame.json()) for frame in frames if frame and frame.seq is not None]
            for _, event in events:
                if not isinstance(event, BidRefused):
                    self._upcoming_days = self._upcoming_days.after(event)
            self._loop.call_soon_threadsafe(self._take, passed, kept, self._stage.seq, self._stage.snapshot())

    def _afford(self, frames: int) -> int:
        """How many of so many frames are made: `frames_a_second` at most, which leaves most of the process's time."""
        now_s, rate = time.monotonic(), self.limits.frames_a_second
        saved = min(rate, self._saved + (now_s - self._saved_at_s) * rate)
        afforded = min(frames, self.limits.frames_kept, int(saved))
        self._saved, self._saved_at_s = saved - afforded, now_s
        return afforded

    # ---- the loop's side

    def begin_anew(self, generation: str) -> None:
        """Show another generation of the log from its beginning. Disconnects all viewers, to come again."""
        with self._folding:
            self.generation, self._stage = generation, Stage()
        self._frames.begin_anew()
        self._seq, self._body, self._snapshot = 0, self._stage.snapshot(), b""
        for viewer in list(self._viewers):
            viewer.drop()

    async def run(self) -> None:
        """Send the time and drop stuck viewers, until cancelled; then disconnect every viewer."""
        idle_ms = 0
        try:
            while True:
                await asyncio.sleep(self.limits.timer_ms / 1000)
                self._drop_stuck()
                metrics.livestream_viewers.set(len(self._viewers))
                idle_ms += self.limits.timer_ms
                if self._body["stage"]["phase"] in (Phase.ACTIVE, Phase.PROCESSING):
                    self._tick("timer")
                    idle_ms = 0
                elif idle_ms >= self.limits.heartbeat_ms:
                    self._tick("heartbeat")
                    idle_ms = 0
        finally:
            for viewer in list(self._viewers):
                viewer.drop()

    @property
    def viewers(self) -> int:
        """How many viewers are connected."""
        return len(self._viewers)

    async def feed(self, viewer: Viewer) -> None:
        """Serve a viewer until it is cancelled or its `send` raises."""
        self._viewers.add(viewer)
        try:
            await self._caught_up.wait()
            await self._send(viewer, [self._hello()])
            viewer.next_frame = self._resume(viewer.after)
            viewer.ticks_seen = self._ticks  # the last tick tells an old time
            viewer.news.set()
            while True:
                await viewer.news.wait()
                viewer.news.clear()
                due = self._due(viewer)
                await self._send(viewer, due)
                await asyncio.sleep(REST_S_PER_FRAME_AND_VIEWER * len(self._viewers) * len(due))
        finally:
            self._viewers.discard(viewer)

    async def _send(self, viewer: Viewer, frames: list[bytes]) -> None:
        for frame in frames:
            viewer.sending_since_s = self._loop.time()
            await viewer.send(frame)
        viewer.sending_since_s = None

    def _take(self, passed: list[int], frames: list[tuple[int, bytes]], seq: int, body: Json) -> None:
        if seq <= self._seq:
            return
        self._seq, self._body, self._snapshot = seq, body, b""
        self._frames.pass_by(passed)
        self._frames.add(frames)
        if seq >= self._known_seq:
            self._caught_up.set()
        if frames:
            self._wake()

    def _resume(self, after: Position | None) -> int | None:
        """The number of the first frame after the position; None where only a snapshot can help."""
        if after is None or after.generation != self.generation or after.seq > self._seq:
            return None
        return self._frames.number_after(after.seq)

    def _due(self, viewer: Viewer) -> list[bytes]:
        """The frames that this viewer gets now; its place moves on at once."""
        burst = min(self.limits.frames_kept, max(1, BURST_SENDINGS // len(self._viewers)))
        if viewer.next_frame is None:
            due = [self._snapshot_frame()]
        elif (kept := self._frames.since(viewer.next_frame)) is None or len(kept) > burst:
            metrics.livestream_coalesced.inc()
            due = [self._snapshot_frame()]
        else:
            due = kept
        viewer.next_frame = self._frames.end
        if viewer.ticks_seen != self._ticks:
            viewer.ticks_seen = self._ticks
            due.append(self._tick_frame)
        return due

    def _hello(self) -> bytes:
        now_ms = self.clock()
        body = {
            "generation": self.generation,
            "seq": self._seq,
            "server_time_ms": now_ms,
            "timer_ms": self.limits.timer_ms,
            "heartbeat_ms": self.limits.heartbeat_ms,
            "programme": self._upcoming_days,
        }
        return Frame(type="hello", at_ms=now_ms, body=body).json()

    def _snapshot_frame(self) -> bytes:
        """The snapshot, made once for all viewers that need it within SNAPSHOT_KEPT_S."""
        if not self._snapshot or self._loop.time() - self._snapshot_made_s > SNAPSHOT_KEPT_S:
            now_ms = self.clock()
            body = {**self._body, "server_time_ms": now_ms}
            self._snapshot = Frame(type="snapshot", seq=self._seq, at_ms=now_ms, body=body).json()
            self._snapshot_made_s = self._loop.time()
        return self._snapshot

    def _tick(self, kind: str) -> None:
        now_ms = self.clock()
        body: Json = {"server_time_ms": now_ms}
        if kind == "timer":
            stage = self._body["stage"]
            body |= {"auction_id": stage["auction_id"], "phase": stage["phase"], "ends_at_ms": stage["ends_at_ms"]}
        self._ticks += 1
        self._tick_frame = Frame(type=kind, at_ms=now_ms, body=body).json()
        self._wake()

    def _wake(self) -> None:
        for viewer in self._viewers:
            viewer.news.set()

    def _drop_stuck(self) -> None:
        deadline_s = self._loop.time() - self.limits.stuck_ms / 1000
        for viewer in list(self._viewers):
            if viewer.sending_since_s is not None and viewer.sending_since_s < deadline_s:
                metrics.livestream_dropped.inc()
                viewer.drop()
