"""The watermark of each auction: tells the auction how far its conversation is proven complete, and that its result may
be named.

It also stores how far a conversation was searched, and the looks that a restart goes on from. `completeness` and
`recheck` establish what is proven; `reconciler` asks X.
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
"""Appends commands to the queue of the auction with this id."""


class Watermarks:
    """The watermarks of all open conversations. Two looks prove something if they lie `lag_ms` apart. All methods raise
    the store's errors."""

    def __init__(
        self, client: redis.Redis, keys: Keys, receipt_reader: ReceiptReader, append: Append, lag_ms: int
    ) -> None:
        self._client, self._keys, self._queue = client, keys, Queue(client, keys)
        self._receipt_reader, self._append, self._lag_ms = receipt_reader, append, lag_ms

    def go_on(self, conversation: Conversation, now_ms: int) -> None:
        """Take over the looks that an earlier process has stored (time in UTC ms). Raises ValueError where they are
        damaged."""
        if stored := execute(self._client, "GET", self._keys.looked(conversation.day.auction_id)):
            conversation.go_on(unpacked(stored), now_ms)

    def mark(self, conversation: Conversation) -> None:
        """Queue a `MarkSwept` where the proof has advanced, after the posts that it covers; store how far the search
        has come and its looks."""
        day, proven_ms = conversation.day, conversation.proven_ms
        if proven_ms > conversation.marked_ms:
            mark = MarkSwept(message_id=f"swept:{day.auction_id}:{proven_ms}", swept_to_ms=proven_ms)
            self._append(day.auction_id, [mark])
            conversation.marked_ms = proven_ms
            conversation.finds.forget_before(proven_ms)
        # The auction freezes its end once a search has reached it. A leader in doubt holds that up: losing the lead
        # moves the end.
        if conversation.reached_ms > conversation.searched_ms and not conversation.recheck.doubts(day):
            conversation.searched_ms = conversation.reached_ms
            execute(self._client, "SET", self._keys.searched(day.auction_id), conversation.searched_ms)
        if (looks := conversation.looks()) != conversation.stored_looks:
            conversation.stored_looks = looks
            execute(self._client, "SET", self._keys.looked(day.auction_id), packed(looks))

    def vouch(self, conversation: Conversation, now_ms: int) -> None:
        """Queue the mark that lets the result be named: everything before the end is decided, every post that could
        change the winner was looked up after the end, and no post of the day is an undecided dead letter. `now_ms` in
        UTC ms."""
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
        """Clear the alarm of an auction that has its result."""
        alarms.clear(_letters_alarm(auction_id))


def _letters_alarm(auction_id: str) -> str:
    return f"letters_of:{auction_id}"
