"""The proof that nothing is missing: what an auction's queue and the store are told of how far its conversation is
proven, and the dead letters that hold up its close.

What is proven `completeness` and `recheck` say; `reconciler` asks X.
"""

from collections.abc import Callable

import redis

from actors.auction.receipts import ReceiptReader, StillReading
from actors.twitter.completeness import packed, unpacked
from actors.twitter.conversation import Conversation
from actors.twitter.dead_letters import open_letters
from adapters import alarms
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.queue import Queue
from messages.base import Phase
from messages.commands import AuctionCommand, MarkSwept

Append = Callable[[str, list[AuctionCommand]], None]
"""Puts commands into the queue of the auction with this id."""


class Proof:
    """The proofs of all conversations. `lag_ms` is how far apart two looks are that prove something. All methods raise
    the store's errors."""

    def __init__(
        self, client: redis.Redis, keys: Keys, receipt_reader: ReceiptReader, append: Append, lag_ms: int
    ) -> None:
        self._client, self._keys, self._queue = client, keys, Queue(client, keys)
        self._receipt_reader, self._append, self._lag_ms = receipt_reader, append, lag_ms

    def go_on(self, conversation: Conversation, now_ms: int) -> None:
        """Take over the looks that an earlier process has stored. Raises ValueError where they are damaged."""
        if stored := execute(self._client, "GET", self._keys.looked(conversation.day.auction_id)):
            conversation.go_on(unpacked(stored), now_ms)

    def mark(self, conversation: Conversation) -> None:
        """Say how far it is proven that nothing is missing: behind the posts that this vouches for."""
        day, proven_ms = conversation.day, conversation.proven_ms
        if proven_ms > conversation.marked_ms:
            mark = MarkSwept(message_id=f"swept:{day.auction_id}:{proven_ms}", swept_to_ms=proven_ms)
            self._append(day.auction_id, [mark])
            conversation.marked_ms = proven_ms
            conversation.finds.forget_before(proven_ms)
        # The end is frozen once a search has reached it, and a lost lead still moves it until then.
        if conversation.reached_ms > conversation.searched_ms and not conversation.recheck.doubts(day):
            conversation.searched_ms = conversation.reached_ms
            execute(self._client, "SET", self._keys.searched(day.auction_id), conversation.searched_ms)
        if (looks := conversation.looks()) != conversation.stored_looks:
            conversation.stored_looks = looks
            execute(self._client, "SET", self._keys.looked(day.auction_id), packed(looks))

    def vouch(self, conversation: Conversation, now_ms: int) -> None:
        """Say that the result may be named: everything before the end is decided, all that could change who wins was
        looked at after it, and no post of the day lies undecided with the dead letters."""
        day = conversation.day
        if day.phase is not Phase.PROCESSING or day.watermark_ms < day.ends_at_ms or now_ms < conversation.vouch_ms:
            return
        try:
            if not conversation.recheck.is_settled:
                return
            letters = open_letters(
                self._queue, day.auction_id, lambda post: self._receipt_reader.bidder(day.auction_id, post) is not None
            )
        except StillReading:
            return
        conversation.vouch_ms, alarm = now_ms + self._lag_ms, _letters_alarm(day.auction_id)
        if letters:
            ids = ", ".join(letters[:3])
            alarms.sound(
                alarm,
                f"{day.auction_id} is not closed while posts of it are dead letters ({ids}): "
                "`auction-manager dead-letters retry` or `discard` them",
            )
            return
        alarms.clear(alarm)
        message_id = f"looked-again:{day.auction_id}:{day.watermark_ms}"
        self._append(
            day.auction_id, [MarkSwept(message_id=message_id, swept_to_ms=day.watermark_ms, looked_again=True)]
        )

    def forget(self, auction_id: str) -> None:
        """The day has its result."""
        alarms.clear(_letters_alarm(auction_id))


def _letters_alarm(auction_id: str) -> str:
    return f"letters_of:{auction_id}"
