"""The reconciler: searches X for posts that the stream did not bring, and looks up whether known posts still exist.

It makes one request to X a turn, and queues what the answer brings before the next request: so a conversation of any
size never makes it hang. An endpoint that fails holds up only the `watermark`, not what the
other endpoints find. `completeness` says which page of a search is next, `recheck` which posts are looked up again.
After a restart it goes on from the watermark in the store.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from actors.auction.receipts import ReceiptReader, StillReading
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.twitter.authors import Authors
from actors.twitter.conversation import MENTIONS, SEARCH, Conversation, Timing
from actors.twitter.finds import Finds
from actors.twitter.following import OpenDay, belongs_below, followed_posts, open_conversations
from actors.twitter.recheck import Recheck, pause_for
from actors.twitter.watermark import Watermarks
from actors.twitter.x_clock import XClockCheck
from actors.twitter.x_outage import XOutage
from adapters import alarms, metrics
from adapters.redis.client import execute
from adapters.redis.queue import DeadLetter, Queue
from adapters.x.client import XClient
from adapters.x.errors import TooMuch, UnreadablePost, XUnavailable
from adapters.x.limits import LONGEST_WAIT_MS
from auction.downtime_policy import HOUSE
from messages.base import Hint, Phase
from messages.commands import AuctionCommand, MakeUpFor
from messages.hints import QueueGrew, SweepNow
from messages.x_ids import posted_at_ms
from supervision import Actor, Context, Delivery

log = logging.getLogger(__name__)

UNREADABLE_KEPT = 100  # unreadable posts remembered a day, so that each becomes a dead letter once
KINDS = (SEARCH, MENTIONS, "users", "lookup", "sights")


class GoOn(Hint, frozen=True):
    """The reconciler's message to itself: make the next request now, without waiting for the tick."""


class TwitterReconciler(Actor):
    """Sweeps each open conversation when the stream connects, periodically, and at the close until the watermark has
    passed the end; while a settlement is on, periodically and without looking up old bids. `days` is how many days the
    marathon may have, `house` the name of the actor that reads the house's queue."""

    def __init__(
        self, context: Context, store: StoreAccess, clock: Clock, x: XClient, timing: Timing, days: int, house: str
    ) -> None:
        super().__init__(context)
        self._store, self._clock, self._x, self._timing, self._days = store, clock, x, timing, days
        self._house = house

    def setup(self) -> None:
        self.keys = self._store.keys
        self._client = self._store.connect()
        self._queue = Queue(self._client, self.keys)
        self._receipt_reader = ReceiptReader(self._client, self.keys)
        self._watermarks = Watermarks(self._client, self.keys, self._receipt_reader, self._append, self._timing.lag_ms)
        self._authors = Authors(self._x, self._clock)
        self._conversations: dict[str, Conversation] = {}
        # Auctions and kinds of request, in the order of their turns; and until when no request of a kind is made.
        self._turns: deque[tuple[str, str]] = deque()
        self._not_before_ms: dict[str, int] = {}  # by the steady clock, which setting the machine's time does not move
        for kind in KINDS:
            left_ms = execute(self._client, "PTTL", self.keys.x_held(kind))
            if 0 < left_ms <= LONGEST_WAIT_MS:
                self._not_before_ms[kind] = self._x.clock.steady_ms() + left_ms
        self._x_clock = XClockCheck(self._x)
        self._goes_on = False
        self._outage = XOutage(self._client, self.keys.x_away, self._tell_house)

    def teardown(self) -> None:
        self._x.close()
        self._client.close()

    def handle(self, message: object) -> object:
        match message:
            case SweepNow():
                for conversation in self._conversations.values():
                    conversation.hurry()
            case GoOn():
                self._goes_on = False
                self._turn()
            case _:
                return NotImplemented
        return None

    def tick(self) -> None:
        if not self._goes_on:
            self._turn()

    # ---- one request a turn

    def _turn(self) -> None:
        """Make the next request that is due; after one, take another turn at once, since more may be due."""
        was_asked = self._x_clock.read()  # first: by a clock that is behind X's, stored looks lie in the future
        self._follow()
        for conversation in self._conversations.values():
            self._watermarks.vouch(conversation, self._clock())
        if was_asked or self._make_due_request():
            self._goes_on = self.context.send(self.context.name, GoOn()) is Delivery.DELIVERED

    def _make_due_request(self) -> bool:
        if self._x.clock.reached_ms() is None:
            return False  # without X's time nothing can be proven
        for _ in range(len(self._turns)):
            auction_id, kind = self._turns[0]
            self._turns.rotate(-1)
            if self._make_request(self._conversations[auction_id], kind):
                return True
        return False

    def _make_request(self, conversation: Conversation, kind: str) -> bool:
        """Make a request of this kind, if one is due. Returns whether one was tried."""
        now_ms = self._clock()
        if self._x.clock.steady_ms() < self._not_before_ms.get(kind, 0):
            return False
        try:
            match kind:
                case "users":
                    was_due = conversation.finds.name_authors(self._authors)
                case "lookup":
                    was_due = self._look_again(conversation, now_ms)
                case "sights":
                    was_due = conversation.finds.see_the_whole(self._x, conversation.posts, now_ms)
                case source:
                    was_due = self._sweep(conversation, source, now_ms)
        except XUnavailable as unavailable:
            self._leave_alone(kind, unavailable)
            log.warning("a request for the sweep of %s has failed: %s", conversation.day.auction_id, unavailable)
            if kind == SEARCH:
                self._outage.failed(unavailable, now_ms)
            return True
        except StillReading:
            return False
        if was_due:
            self._watermarks.mark(conversation)
        return was_due

    def _leave_alone(self, kind: str, unavailable: XUnavailable) -> None:
        """Make no request of this kind for as long as X asks. The end of a used-up window is stored for a later
        process."""
        wait_ms = unavailable.retry_after_ms or RETRY_X_MS
        self._not_before_ms[kind] = self._x.clock.steady_ms() + wait_ms
        if unavailable.status == HTTPStatus.TOO_MANY_REQUESTS:
            execute(self._client, "SET", self.keys.x_held(kind), "", "PX", wait_ms)

    def _follow(self) -> None:
        """Follow the conversations of exactly those auctions that are open, or being settled, by the views of the days
        in the store."""
        open_days = open_conversations(self._client, self.keys, self._days)
        followed = followed_posts(self._client, self.keys, open_days, self._clock())
        days = {day.auction_id: day for day in open_days.values()}
        posts = defaultdict[str, set[int]](set)
        for post_id, auction_id in followed.items():
            posts[auction_id].add(post_id)
        for auction_id, conversation in list(self._conversations.items()):
            day = days.get(auction_id)
            if day and day.is_being_settled == conversation.day.is_being_settled:
                continue
            del self._conversations[auction_id]  # a settlement begins with no doubts about bids
            conversation.recheck.forget()
            conversation.finds.forget()
            alarms.clear(_post_alarm(auction_id))
            self._watermarks.forget(auction_id)
        for auction_id, day in days.items():
            if auction_id not in self._conversations:
                self._conversations[auction_id] = self._conversation(day)
            conversation = self._conversations[auction_id]
            conversation.day = day
            conversation.posts = posts[auction_id]
            if day.phase is Phase.PROCESSING:
                conversation.recheck.close()
        if {auction_id for auction_id, _ in self._turns} != days.keys():
            self._turns = deque((auction_id, kind) for kind in KINDS for auction_id in days)
        if not days:
            self._outage.forget()

    def _conversation(self, day: OpenDay) -> Conversation:
        timing, auction_id = self._timing, day.auction_id
        look = Recheck(self._x, self._receipt_reader, auction_id, day.post_id, timing.interval_ms, timing.lag_ms)
        finds = Finds(day, timing.lag_ms, partial(self._append, auction_id), partial(self._decided, auction_id))
        conversation = Conversation(day, timing, look, finds)
        try:
            self._watermarks.go_on(conversation, self._clock())
        except ValueError as fault:
            log.warning("%s is swept from its watermark on: its stored looks are damaged: %s", auction_id, fault)
        return conversation

    # ---- the requests

    def _sweep(self, conversation: Conversation, source: str, now_ms: int) -> bool:
        """Ask this source for the next page of the conversation and queue its posts. Returns whether X was asked."""
        conversation.aim(now_ms)
        day, sweep = conversation.day, conversation.sweeps[source]
        ask = sweep.next(now_ms, conversation.target_ms)
        if ask is None or conversation.finds.is_full:
            return False
        if self._queue.is_full(day.auction_id):
            log.warning("%s is not swept while its queue is full; the posts stay on X", day.auction_id)
            return False
        ask_x = self._x.search if source == SEARCH else self._x.mentions
        try:
            page = ask_x(day.post_id, ask.to_ms, ask.from_ms, ask.token)
        except TooMuch as too_much:
            if not sweep.cut(ask):
                raise
            log.warning("%s is swept in shorter slices: %s", day.auction_id, too_much)
            return True
        except XUnavailable as unavailable:
            if unavailable.status == HTTPStatus.BAD_REQUEST:
                sweep.begin_again()  # the page's token may have expired
            raise
        if source == SEARCH:
            self._outage.answered(self._clock())
        for unreadable in page.unreadable:
            self._keep_unreadable(conversation, unreadable)
        found = [post for post in page.posts if belongs_below(conversation.posts, post)]
        # What a buyer says has no verdict that would tell whether the stream has brought it.
        if source == SEARCH and ask.from_ms == sweep.reached_ms and not day.is_being_settled:
            conversation.finds.compare_with_stream(found, is_first=not ask.token, is_last=not page.next_token)
        conversation.finds.take_in(found, now_ms)
        sweep.read(ask, [post.bid.post_id for post in found], page.next_token, self._clock())
        return True

    def _look_again(self, conversation: Conversation, now_ms: int) -> bool:
        """Look up posts that were seen before, and queue the commands for those that are gone or back. Returns
        whether X was asked."""
        if conversation.day.is_being_settled:
            return False  # no deletion changes the result
        if now_ms - self._timing.search_lag_ms <= posted_at_ms(conversation.day.post_id):
            return False  # X may not show its newest posts yet
        looked = conversation.recheck.turn(conversation.day, now_ms)
        if looked is None:
            return False
        commands = looked.commands
        if looked.auction_post is not None:
            commands += self._watch_auction_post(conversation, looked.auction_post, now_ms)
        self._append(conversation.day.auction_id, commands)
        return True

    def _watch_auction_post(self, conversation: Conversation, what_became: str, now_ms: int) -> list[AuctionCommand]:
        """The order that pauses an open day whose auction post is gone, once; an operator decides how the day goes on.
        `what_became` is "deleted" or "unavailable", or empty for a post that exists."""
        was_gone, conversation.post_is_gone = conversation.post_is_gone, bool(what_became)
        day, alarm = conversation.day, _post_alarm(conversation.day.auction_id)
        if not what_became:
            alarms.clear(alarm)
            return []
        is_closing = day.phase is Phase.PROCESSING
        paused = "" if is_closing else ": the day is paused; resume, extend or void it"
        alarms.sound(alarm, f"the auction post {day.post_id} of {day.auction_id} is {what_became}{paused}")
        return [] if was_gone or is_closing else [pause_for(day.auction_id, what_became, now_ms)]

    # ---- the store

    def _append(self, auction_id: str, commands: list[AuctionCommand]) -> None:
        if commands:
            self._queue.append(auction_id, commands)
            self.context.send(auction_id, QueueGrew())

    def _tell_house(self, order: MakeUpFor) -> None:
        self._queue.append(HOUSE, [order])
        self.context.send(self._house, QueueGrew())

    def _decided(self, auction_id: str, post_ids: Sequence[int]) -> list[float | None]:
        if not post_ids:
            return []
        members = [b"%020d" % post_id for post_id in post_ids]
        found: list[float | None] = execute(self._client, "ZMSCORE", self.keys.bids(auction_id), *members)
        return found

    def _keep_unreadable(self, conversation: Conversation, fault: UnreadablePost) -> None:
        if fault.raw in conversation.unreadable:
            return
        if len(conversation.unreadable) < UNREADABLE_KEPT:
            conversation.unreadable.add(fault.raw)
        log.warning("a post found in %s is not readable: %s", conversation.day.auction_id, fault)
        metrics.x_unreadable_posts.inc()
        auction_id, error, at_ms = conversation.day.auction_id, str(fault), self._clock()
        self._queue.dead_letter(
            DeadLetter(auction_id=auction_id, entry_id="", data=fault.raw, error=error, attempts=1, at_ms=at_ms)
        )


def _post_alarm(auction_id: str) -> str:
    return f"auction_post:{auction_id}"
