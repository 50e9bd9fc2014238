"""The X ingest: puts every reply that the filtered stream delivers into the input queue of the auction it belongs to.

It decodes and routes; whether a reply is a bid is decided by the auction. A post counts as received once it stands in
the queue. A crash loses the posts in memory; `reconciler` finds these, and those that the stream did not bring.

The store is all that it shares with other actors, so it may also run in a process of its own (`ingest_process`).
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from actors.ports import RETRY_X_MS, Clock, MakeStream, StoreAccess, Stream
from actors.twitter.authors import Authors, lacks_author
from actors.twitter.awaiting_author import AwaitingAuthor
from actors.twitter.following import commands_for, followed_posts, is_whole, open_conversations
from adapters import metrics
from adapters.redis.errors import QueueFull
from adapters.redis.queue import DeadLetter, Queue
from adapters.x.client import XClient
from adapters.x.errors import UnreadablePost, XUnavailable
from adapters.x.payload import FoundPost, read_payload
from adapters.x.stream import EndCause, StreamEnd
from adapters.x.versions import direct_reply, first_versions
from messages.base import Hint
from messages.commands import PlaceBid, WithdrawBid
from messages.hints import QueueGrew, SweepNow
from supervision import Actor, Context, Delivery

log = logging.getLogger(__name__)

SOURCE = "stream"
POLL_S = 0.01

# How often (ms) the stream's rules are checked while an auction is open: somebody else may have changed them.
RULES_MS = 60_000

# Once a stream has held for so long (ms), its end is counted as a first failure.
STABLE_MS = 180_000


class Limits(NamedTuple):
    """How much of the stream waits, and for how long."""

    back_pressure_s: float = 5.0
    """How long the stream's thread waits for room in the mailbox, and the actor for room in a queue: waiting slows X,
    which disconnects if that lasts."""
    lines_a_message: int = 512
    waiting_bytes: int = 2**26
    """The bytes that may wait in the mailbox, beside the number of messages: a post can have a megabyte."""


LIMITS = Limits()


class RawPosts:
    """A message with lines of the stream as they came. Lines are added to it until the actor takes it: a message for
    each line would cost as much as decoding the line."""

    def __init__(self, *lines: bytes) -> None:
        self._lines, self._open = list(lines), True
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: bytes, most: int) -> bool:
        """Add a line. Returns False where the message has `most` lines or was taken."""
        with self._changing:
            if not self._open or len(self._lines) >= most:
                return False
            self._lines.append(line)
            return True

    def take(self) -> list[bytes]:
        """Take the lines out, after which none is added any more."""
        with self._changing:
            self._open = False
            return self._lines


class StreamConnected(Hint, frozen=True):
    """The stream is connected: a sweep has to find what was posted before."""


class StreamEnded(Hint, frozen=True):
    """The stream that this incarnation of the ingest has started has ended."""

    end: StreamEnd
    incarnation: int


class TwitterIngest(Actor):
    """Follows the conversations below our posts about open auctions, which the store names. `days` is how many days
    the marathon may have, `reconciler` the name of the actor that is told to sweep."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        x: XClient,
        make_stream: MakeStream,
        days: int,
        reconciler: str,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(context)
        self._store, self._clock, self._x, self._make_stream = store, clock, x, make_stream
        self._days, self._reconciler, self._limits = days, reconciler, limits
        self._stream: Stream | None = None
        self._rules: frozenset[int] | None = None  # None: not known, since a predecessor may have set some
        self._rules_due_ms = 0
        self._not_before_ms = self._connected_ms = self._failures = 0
        # Only the stream's thread changes the first number, only the actor's the second: so they need no lock.
        self._bytes_in = self._bytes_out = 0
        self._newest: RawPosts | None = None  # the last message that the stream's thread has sent

    def setup(self) -> None:
        self._client = self._store.connect()
        self._queue = Queue(self._client, self._store.keys)
        self._awaiting_author = AwaitingAuthor(
            Authors(self._x, self._clock), self._queue, self._store.keys.awaiting_author
        )
        self._find_followed()

    def teardown(self) -> None:
        if self._stream:
            self._stream.stop()
        self._x.close()
        self._client.close()

    # ---- which conversations are followed

    def _find_followed(self) -> None:
        days = open_conversations(self._client, self._store.keys, self._days)
        self._auctions = followed_posts(self._client, self._store.keys, days, self._clock())

    def tick(self) -> None:
        self._find_followed()
        self._queue_named()
        wanted = frozenset(self._auctions)
        if not wanted and self._stream:
            self._stream.stop(0.0)  # X charges for each post that it brings
        if self._clock() < self._not_before_ms or not self._keep_rules(wanted) or not wanted:
            return
        if self._stream is None and not any(map(self._queue.is_full, self._auctions.values())):
            stream = self._make_stream(self._on_raw, self._on_connected, self._on_ended)
            try:
                stream.start()
            except XUnavailable as unavailable:
                self._not_before_ms = self._clock() + (unavailable.retry_after_ms or RETRY_X_MS)
                return
            self._stream = stream

    def _keep_rules(self, wanted: frozenset[int]) -> bool:
        """Set the stream's rules to follow the `wanted` conversations, and check them each RULES_MS. Returns whether
        they are set."""
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
        most_s = self._limits.back_pressure_s
        give_up_s = time.monotonic() + most_s
        while not self._has_room(raw):
            if time.monotonic() > give_up_s:
                log.error("a post of the stream was dropped: no room for it in %s s; a sweep will find it", most_s)
                return
            time.sleep(POLL_S)

    def _has_room(self, raw: bytes) -> bool:
        if self._bytes_in - self._bytes_out > self._limits.waiting_bytes:
            return False
        self._bytes_in += len(raw)  # before the actor can count these bytes as taken
        if not self._send(raw):
            self._bytes_in -= len(raw)
            return False
        return True

    def _send(self, raw: bytes) -> bool:
        if self._newest is not None and self._newest.add(raw, self._limits.lines_a_message):
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
        """Set when to connect again, after the wait that X prescribes for the failures so far. A stream that held
        for STABLE_MS ends the count of failures; one that was stopped on purpose is no failure."""
        now_ms, connected_ms = self._clock(), self._connected_ms
        self._stream, self._connected_ms = None, 0
        if end.cause is EndCause.STOPPED:
            return
        if connected_ms and now_ms - connected_ms > STABLE_MS:
            self._failures = 0
        wait_ms = end.wait_ms(self._failures)
        log.warning("the stream has ended (%s); the next connection is in %s ms", end, wait_ms)
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
                # A predecessor's stream that was still connecting may end only now; this incarnation's goes on.
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
        # Lines that a predecessor left unread were never counted in `_bytes_in`.
        self._bytes_out = min(self._bytes_in, self._bytes_out + sum(map(len, lines)))

    def _auction_of(self, found: FoundPost) -> str:
        auctions = self._auctions
        return auctions.get(found.bid.replied_to_id or 0) or auctions.get(found.conversation_id or 0) or ""

    def _queue_named(self) -> None:
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
        """Wait until the auction's queue has room; meanwhile the mailbox fills, and X is slowed. Raises QueueFull after
        `back_pressure_s`: the stream ends with this actor until there is room, and a sweep finds what was missed."""
        deadline = time.monotonic() + self._limits.back_pressure_s
        while self._queue.is_full(auction_id):
            if time.monotonic() > deadline:
                raise QueueFull(f"the queue of {auction_id} is full, and the auction does not catch up")
            time.sleep(POLL_S)
