"""X ingest: every reply that the filtered stream delivers, into the input queue of the auction it belongs to.

It decodes and routes; whether a reply is a bid is the auction's to decide. What it has in memory may be lost with it:
a post is received once it stands in the queue, and what the stream did not bring is found by `reconciler`.

All that it shares with the rest of the house is the store, so it may also run in a process of its own
(`ingest_process`).
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.twitter.authors import Authors, lacks_author
from actors.twitter.awaiting_author import AwaitingAuthor
from actors.twitter.following import commands_for, followed_posts, is_whole, open_conversations
from adapters import metrics
from adapters.redis.errors import QueueFull
from adapters.redis.queue import DeadLetter, Queue
from adapters.x.client import XClient
from adapters.x.errors import UnreadablePost, XUnavailable
from adapters.x.payload import FoundPost, direct_reply, first_versions, read_payload
from adapters.x.stream import EndCause, StreamEnd
from messages.base import Hint
from messages.commands import PlaceBid, WithdrawBid
from messages.hints import QueueGrew, SweepNow
from supervision import Actor, Context, Delivery

log = logging.getLogger(__name__)

SOURCE = "stream"
# How long the stream's thread waits for room in the mailbox: X is slowed by it, and hangs up if it lasts.
BACK_PRESSURE_S = 5.0
POLL_S = 0.01
LINES_A_MESSAGE = 512
# What of the stream may wait in the mailbox, beside the number of messages: a post can have a megabyte.
WAITING_BYTES = 2**26

# How often the stream's rules are looked at while an auction is open: somebody else may have changed them.
RULES_MS = 60_000

# A stream that held so long, in ms, was well: what ends it is not counted to the failures before.
STABLE_MS = 180_000


class Stream(Protocol):
    """What the ingest uses of `PostStream`, whose words say what is to be expected of it."""

    def start(self) -> None: ...

    def stop(self, deadline_s: float = ...) -> bool: ...


MakeStream = Callable[[Callable[[bytes], None], Callable[[], None], Callable[[StreamEnd], None]], Stream]
"""Makes the stream, not started, from what it calls: on_raw, on_connected, on_ended."""


class RawPosts:
    """Lines of the stream, as they came. While nobody has read the message, more lines are added to it: a message of
    its own for each would cost as much as decoding it.
    """

    def __init__(self, *lines: bytes) -> None:
        self._lines, self._open = list(lines), True
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes) -> bool:
        """Whether there was room for one more, and it was not too late."""
        with self._changing:
            if not self._open or len(self._lines) >= LINES_A_MESSAGE:
                return False
            self._lines.append(line)
            return True

    def take(self) -> list[bytes]:
        """All lines; from now on none is added."""
        with self._changing:
            self._open = False
            return self._lines


class StreamConnected(Hint, frozen=True):
    """The stream stands: what was posted before this moment is for a sweep to find."""


class StreamEnded(Hint, frozen=True):
    """The stream of this incarnation is gone, for whatever reason."""

    end: StreamEnd
    incarnation: int


class TwitterIngest(Actor):
    """Follows the conversations below our posts about the open auctions, as the store names them."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        x: XClient,
        make_stream: MakeStream,
        days: int,
        reconciler: str,
    ) -> None:
        super().__init__(context)
        self._store, self._clock, self._x, self._make_stream = store, clock, x, make_stream
        self._days, self._reconciler = days, reconciler
        self._stream: Stream | None = None
        self._rules: frozenset[int] | None = None  # None: what a predecessor has left is not known
        self._rules_due_ms = 0
        self._not_before_ms = self._connected_ms = self._failures = 0
        # The stream's thread alone changes the one, the actor's the other: so they need no lock.
        self._bytes_in = self._bytes_out = 0
        self._newest: RawPosts | None = None  # the last message that the stream's thread has sent

    def setup(self) -> None:
        self._client = self._store.connect()
        self._queue = Queue(self._client, self._store.keys)
        self._awaiting_author = AwaitingAuthor(
            Authors(self._x, self._clock), self._queue, self._store.keys.awaiting_author
        )
        self._look()

    def teardown(self) -> None:
        if self._stream:
            self._stream.stop()
        self._x.close()
        self._client.close()

    # ---- which conversations are followed

    def _look(self) -> None:
        days = open_conversations(self._client, self._store.keys, self._days)
        self._auctions = followed_posts(self._client, self._store.keys, days, self._clock())

    def tick(self) -> None:
        self._look()
        self._queue_named()
        wanted = frozenset(self._auctions)
        if not wanted and self._stream:
            self._stream.stop(0.0)  # what it brings would be paid for
        if self._clock() < self._not_before_ms or not self._has_rules(wanted) or not wanted:
            return
        if self._stream is None and not any(map(self._queue.is_full, self._auctions.values())):
            stream = self._make_stream(self._on_raw, self._on_connected, self._on_ended)
            try:
                stream.start()
            except XUnavailable as unavailable:
                self._not_before_ms = self._clock() + (unavailable.retry_after_ms or RETRY_X_MS)
                return
            self._stream = stream

    def _has_rules(self, wanted: frozenset[int]) -> bool:
        """Whether the stream's rules are those that are wanted, which is looked at now and then."""
        now_ms = self._clock()
        if wanted == self._rules and (not wanted or now_ms < self._rules_due_ms):
            return True
        mark = f"{self._store.keys.marathon_id}-auction-"
        try:
            is_done = self._x.set_rules(mark, {f"{mark}{post_id}": f"conversation_id:{post_id}" for post_id in wanted})
        except XUnavailable as unavailable:
            log.warning("the stream's rules could not be set: %s", unavailable)
            self._not_before_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)
            return False
        if is_done:
            self._rules, self._rules_due_ms = wanted, now_ms + RULES_MS
        return is_done

    # ---- called by the stream's thread

    def _on_raw(self, raw: bytes) -> None:
        if not self._has_room(raw) and not self._waits_for_room(raw):
            log.error("a post of the stream found no room in %s s; a sweep will find it", BACK_PRESSURE_S)

    def _has_room(self, raw: bytes) -> bool:
        if self._bytes_in - self._bytes_out > WAITING_BYTES:
            return False
        self._bytes_in += len(raw)  # before the actor can count it out
        if not self._send(raw):
            self._bytes_in -= len(raw)
            return False
        return True

    def _waits_for_room(self, raw: bytes) -> bool:
        deadline = time.monotonic() + BACK_PRESSURE_S
        while time.monotonic() <= deadline:
            time.sleep(POLL_S)
            if self._has_room(raw):
                return True
        return False

    def _send(self, raw: bytes) -> bool:
        if self._newest is not None and self._newest.add(raw):
            return True
        message = RawPosts(raw)
        delivery = self.context.send(self.context.name, message)
        if delivery is Delivery.DELIVERED:
            self._newest = message
        return delivery is not Delivery.FULL

    def _on_connected(self) -> None:
        self.context.send(self.context.name, StreamConnected())

    def _on_ended(self, end: StreamEnd) -> None:
        self.context.send(self.context.name, StreamEnded(end, self.context.incarnation))

    def _reconnect_later(self, end: StreamEnd) -> None:
        """X says how long to wait before the next connection; a stream that has held for a while begins anew, and one
        that was given up has not failed."""
        if end.cause is EndCause.STOPPED:
            self._stream, self._connected_ms = None, 0
            return
        now_ms = self._clock()
        if self._connected_ms and now_ms - self._connected_ms > STABLE_MS:
            self._failures = 0
        wait_ms = end.wait_ms(self._failures)
        log.warning("the stream has ended (%s); the next connection is in %s ms", end, wait_ms)
        self._stream, self._connected_ms = None, 0
        self._failures += 1
        self._not_before_ms = now_ms + wait_ms

    # ---- what the stream brings

    def handle(self, message: object) -> object:
        match message:
            case RawPosts():
                self._route(message.take())
            case StreamConnected():
                self._connected_ms = self._clock()
                self.context.send(self._reconciler, SweepNow())
            case StreamEnded():
                # A predecessor's stream may end after it, where it was still connecting; ours goes on.
                if message.incarnation == self.context.incarnation:
                    self._reconnect_later(message.end)
            case _:
                return NotImplemented
        return None

    def _route(self, lines: Sequence[bytes]) -> None:
        found_for: dict[str, list[PlaceBid | WithdrawBid]] = defaultdict(list)
        now_ms = self._clock()
        for raw in lines:
            try:
                found = read_payload(raw, SOURCE, now_ms)
            except UnreadablePost as fault:
                log.warning("a line of the stream is not readable: %s", fault)
                metrics.x_unreadable_posts.inc()
                self._queue.dead_letter(
                    DeadLetter(auction_id="", entry_id="", data=raw, error=str(fault), attempts=1, at_ms=now_ms)
                )
                continue
            if found is None:
                continue
            auction_id = self._auction_of(found)
            if not auction_id:
                continue
            if found.bid.replied_to_id not in self._auctions:
                found = direct_reply(found, first_versions(raw))
            if not is_whole(found, self._auctions):
                log.info("post %s came without %s: it is left to a sweep", found.bid.post_id, found.lacks)
            elif lacks_author(found):
                self._awaiting_author.hold(auction_id, found)
            else:
                found_for[auction_id] += commands_for(found)
        self._queue_all(found_for)
        # What a predecessor left unread was never counted here.
        self._bytes_out = min(self._bytes_in, self._bytes_out + sum(map(len, lines)))

    def _auction_of(self, found: FoundPost) -> str:
        auctions = self._auctions
        return auctions.get(found.bid.replied_to_id or 0) or auctions.get(found.conversation_id or 0) or ""

    def _queue_named(self) -> None:
        """Those who had to wait for their authors."""
        found_for: dict[str, list[PlaceBid | WithdrawBid]] = defaultdict(list)
        for auction_id, post in self._awaiting_author.named():
            found_for[auction_id] += commands_for(post)
        pushed, settled = self._awaiting_author.pushed()
        for post in pushed:
            if auction_id := self._auction_of(post):
                found_for[auction_id] += commands_for(post)
        self._queue_all(found_for)
        self._awaiting_author.settled(settled)

    def _queue_all(self, found_for: Mapping[str, Sequence[PlaceBid | WithdrawBid]]) -> None:
        for auction_id, batch in found_for.items():
            self._wait_for_room(auction_id)
            self._queue.append(auction_id, batch)
            self.context.send(auction_id, QueueGrew())

    def _wait_for_room(self, auction_id: str) -> None:
        """Until the auction has caught up: meanwhile the mailbox fills, and X is slowed. If that does not help, the
        stream is given up until there is room again, and a sweep finds what was missed."""
        deadline = time.monotonic() + BACK_PRESSURE_S
        while self._queue.is_full(auction_id):
            if time.monotonic() > deadline:
                raise QueueFull(f"the queue of {auction_id} is full, and it does not catch up")
            time.sleep(POLL_S)
