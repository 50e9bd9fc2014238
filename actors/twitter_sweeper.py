"""The sweeper: finds by search what the stream did not bring, and which posts are gone, until it is proven that
nothing is missing. The marks that it puts into an auction's queue are what its watermark is made of.
"""

import logging

import msgspec

from actors.conversations import commands_for, open_conversations
from actors.listener import VERDICTS, LogListener
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.sweeps import Sweep
from adapters.redis.client import execute
from adapters.redis.queue import Queue
from adapters.x.client import XClient
from adapters.x.errors import XUnavailable
from auction.rules import posted_at_ms
from messages.base import Phase
from messages.commands import AuctionCommand, MarkSwept, WithdrawBid
from messages.events import AnyEvent, AuctionOpened, EndFrozen, ResultNamed
from messages.hints import QueueGrew, SweepNow
from supervision import Context

log = logging.getLogger(__name__)


class Timing(msgspec.Struct, frozen=True):
    """When to sweep, in ms: how old a post is once search must know it, how often, how far apart two passes are."""

    search_lag_ms: int
    interval_ms: int
    lag_ms: int


class Conversation(msgspec.Struct):
    """An auction post whose replies are swept. `closing` is set once the auction waits for its last bids."""

    auction_id: str
    post_id: int
    sweep: Sweep
    closing: bool = False
    next_pass_ms: int = 0
    queued: set[int] = msgspec.field(default_factory=set)


class TwitterSweeper(LogListener):
    """Sweeps when the stream (re)connects, periodically, and at the close until the watermark has passed the end."""

    tick_s = 0.1

    deaf_to = VERDICTS

    def __init__(
        self, context: Context, store: StoreAccess, clock: Clock, x: XClient, timing: Timing, days: int
    ) -> None:
        super().__init__(context, store)
        self._store, self._clock, self._x, self._timing, self._days = store, clock, x, timing, days

    def setup(self) -> None:
        self._client = self._store.connect()
        self._queue = Queue(self._client, self.keys)
        self.listen(self._client)
        self.position = self.last_seq()
        self._conversations: dict[str, Conversation] = {}
        for post_id, (auction_id, phase) in open_conversations(self._client, self.keys, self._days).items():
            self._follow(auction_id, post_id, closing=phase is Phase.PROCESSING)

    def teardown(self) -> None:
        self._x.close()
        self._client.close()

    def handle(self, message: object) -> object:
        if not isinstance(message, SweepNow):
            return super().handle(message)
        for conversation in self._conversations.values():
            conversation.next_pass_ms = 0
        return None

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        match event:
            case AuctionOpened():
                self._follow(event.auction_id, event.post_id)
            case EndFrozen() if writer in self._conversations:
                conversation = self._conversations[writer]
                conversation.closing, conversation.next_pass_ms = True, 0
            case ResultNamed():
                self._conversations.pop(event.auction_id, None)

    def tick(self) -> None:
        self.catch_up()
        for conversation in self._conversations.values():
            now_ms = self._clock()
            if now_ms >= conversation.next_pass_ms:
                wait_ms = self._timing.lag_ms if conversation.closing else self._timing.interval_ms
                conversation.next_pass_ms = now_ms + wait_ms
                try:
                    self._pass(conversation, now_ms)
                except XUnavailable as unavailable:
                    log.warning("%s could not be swept: %s", conversation.auction_id, unavailable)
                    conversation.next_pass_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)

    def _follow(self, auction_id: str, post_id: int, closing: bool = False) -> None:
        if auction_id not in self._conversations:
            self._conversations[auction_id] = Conversation(auction_id, post_id, Sweep(self._timing.lag_ms), closing)

    def _pass(self, conversation: Conversation, now_ms: int) -> None:
        swept_to_ms = now_ms - self._timing.search_lag_ms
        if swept_to_ms <= posted_at_ms(conversation.post_id):
            return
        # What is proven need not be searched again: a pass stays short, however long the conversation gets.
        proven_ms = conversation.sweep.proven_ms
        found = {post.bid.post_id: post for post in self._x.search(conversation.post_id, swept_to_ms, proven_ms)}
        commands: list[AuctionCommand] = [
            command
            for post_id, post in sorted(found.items())
            if post_id not in conversation.queued
            for command in commands_for(post)
        ]
        if conversation.closing:
            commands += self._withdrawals(conversation, swept_to_ms)
        marked_ms = conversation.sweep.record(now_ms, swept_to_ms, found)
        if marked_ms is not None:
            commands.append(
                MarkSwept(
                    message_id=f"swept:{conversation.auction_id}:{marked_ms}",
                    swept_to_ms=marked_ms,
                    looked_again=conversation.closing,
                )
            )
        if commands:
            self._queue.append(conversation.auction_id, commands)
            conversation.queued.update(found)
            self.context.send(conversation.auction_id, QueueGrew())

    def _withdrawals(self, conversation: Conversation, swept_to_ms: int) -> list[WithdrawBid]:
        """The posts of the day that are gone: every one that was decided is looked up again."""
        history: list[bytes] = execute(
            self._client, "ZRANGEBYSCORE", self.keys.bids(conversation.auction_id), "-inf", f"({swept_to_ms}"
        )
        gone = self._x.lookup(int(post_id) for post_id in history).gone
        return [
            WithdrawBid(message_id=f"gone:{post_id}", post_id=post_id, cause=cause) for post_id, cause in gone.items()
        ]
