"""The reconciler: finds by search what the stream did not bring, and which posts are gone, until it is proven that
nothing is missing. The marks that it puts into an auction's queue are what its watermark is made of.

It makes one request a turn, and what an answer brings is queued before the next one: so it never hangs however many
reply, and what one endpoint finds counts although another one fails; only the proof waits for all of them. Which page
of a search is next `completeness` says, which posts are looked at again `recheck`; what a restart goes on from is the
watermark in the store.
"""

import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from actors.auction.receipts import ReceiptReader, StillReading
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.twitter.authors import Authors
from actors.twitter.conversation import MENTIONS, SEARCH, Conversation, Timing
from actors.twitter.finds import Finds
from actors.twitter.following import OpenDay, belongs_below, followed_posts, open_conversations
from actors.twitter.proof import Proof
from actors.twitter.recheck import Recheck, pause_for
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

UNREADABLE_KEPT = 100  # so many of a day are told from those that were kept before
KINDS = (SEARCH, MENTIONS, "users", "lookup", "sights")


class GoOn(Hint, frozen=True):
    """There may be more to ask at once."""


class TwitterReconciler(Actor):
    """Sweeps when the stream (re)connects, periodically, and at the close until the watermark has passed the end."""

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
        self._proof = Proof(self._client, self.keys, self._receipt_reader, self._append, self._timing.lag_ms)
        self._authors = Authors(self._x, self._clock)
        self._conversations: dict[str, Conversation] = {}
        # Whose turn is next: an auction and a kind of request. And until when X is left alone with one.
        self._turns: deque[tuple[str, str]] = deque()
        self._not_before_ms: dict[str, int] = {}  # by the steady clock, which no setting of the time moves
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
        """Make the next request that is due, if there is one, and come again at once to see whether there are more."""
        was_asked = self._x_clock.read()  # first: by a clock that is behind X's, kept looks seem not to be made yet
        self._follow()
        for conversation in self._conversations.values():
            self._proof.vouch(conversation, self._clock())
        if was_asked or self._asks_for_something():
            self._goes_on = self.context.send(self.context.name, GoOn()) is Delivery.DELIVERED

    def _asks_for_something(self) -> bool:
        if self._x.clock.reached_ms() is None:
            return False  # nothing is proven while nobody knows which time X has reached
        return any(self._asks(*self._next_in_turn()) for _ in range(len(self._turns)))

    def _next_in_turn(self) -> tuple[Conversation, str]:
        auction_id, kind = self._turns[0]
        self._turns.rotate(-1)
        return self._conversations[auction_id], kind

    def _asks(self, conversation: Conversation, kind: str) -> bool:
        """Whether a request of this kind was due, and was tried."""
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
            log.warning("%s is not swept as it should be: %s", conversation.day.auction_id, unavailable)
            if kind == SEARCH:
                self._outage.failed(unavailable, now_ms)
            return True
        except StillReading:
            return False
        if was_due:
            self._proof.mark(conversation)
        return was_due

    def _leave_alone(self, kind: str, unavailable: XUnavailable) -> None:
        """For as long as X asks for; where a window is used up, a process that comes after has to know it too."""
        wait_ms = unavailable.retry_after_ms or RETRY_X_MS
        self._not_before_ms[kind] = self._x.clock.steady_ms() + wait_ms
        if unavailable.status == HTTPStatus.TOO_MANY_REQUESTS:
            execute(self._client, "SET", self.keys.x_held(kind), "", "PX", wait_ms)

    def _follow(self) -> None:
        """The conversations of the open auctions, as the days' state in the store names them."""
        open_days = open_conversations(self._client, self.keys, self._days)
        followed = followed_posts(self._client, self.keys, open_days, self._clock())
        days = {day.auction_id: day for day in open_days.values()}
        for auction_id in self._conversations.keys() - days.keys():
            conversation = self._conversations.pop(auction_id)
            conversation.recheck.forget()
            conversation.finds.forget()
            alarms.clear(_post_alarm(auction_id))
            self._proof.forget(auction_id)
        for auction_id, day in days.items():
            if auction_id not in self._conversations:
                self._conversations[auction_id] = self._conversation(day)
            conversation = self._conversations[auction_id]
            conversation.day = day
            conversation.posts = {post_id for post_id, followed_for in followed.items() if followed_for == auction_id}
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
            self._proof.go_on(conversation, self._clock())
        except ValueError as fault:
            log.warning("%s is swept from its watermark on: its stored looks are damaged: %s", auction_id, fault)
        return conversation

    # ---- what is asked

    def _sweep(self, conversation: Conversation, source: str, now_ms: int) -> bool:
        """Ask this source for the next page of the conversation, and queue what it has."""
        conversation.aim(now_ms)
        day, sweep = conversation.day, conversation.sweeps[source]
        ask = sweep.next(now_ms, conversation.target_ms)
        if ask is None or conversation.finds.is_full:
            return False
        if self._queue.is_full(day.auction_id):
            log.warning("%s is not swept: it has enough to decide, and nothing is lost on X", day.auction_id)
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
                sweep.begin_again()  # X may not take the page's token any more
            raise
        if source == SEARCH:
            self._outage.answered(self._clock())
        for unreadable in page.unreadable:
            self._keep_unreadable(conversation, unreadable)
        found = [post for post in page.posts if belongs_below(conversation.posts, post)]
        if source == SEARCH and ask.from_ms == sweep.reached_ms:
            conversation.finds.compare_with_stream(found, is_first=not ask.token, is_last=not page.next_token)
        conversation.finds.take_in(found, now_ms)
        sweep.read(ask, [post.bid.post_id for post in found], page.next_token, self._clock())
        return True

    def _look_again(self, conversation: Conversation, now_ms: int) -> bool:
        """Look at posts that were seen before, and queue what has become of them."""
        if now_ms - self._timing.search_lag_ms <= posted_at_ms(conversation.day.post_id):
            return False  # X may not show its own newest posts yet
        looked = conversation.recheck.turn(conversation.day, now_ms)
        if looked is None:
            return False
        commands = looked.commands
        if looked.auction_post is not None:
            commands += self._watch_auction_post(conversation, looked.auction_post, now_ms)
        self._append(conversation.day.auction_id, commands)
        return True

    def _watch_auction_post(self, conversation: Conversation, what_became: str, now_ms: int) -> list[AuctionCommand]:
        """A day whose auction post is gone is paused, once; an operator decides how it goes on."""
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
        members = [b"%020d" % post_id for post_id in post_ids]
        found: list[float | None] = (
            execute(self._client, "ZMSCORE", self.keys.bids(auction_id), *members) if members else []
        )
        return found

    def _keep_unreadable(self, conversation: Conversation, fault: UnreadablePost) -> None:
        if fault.raw in conversation.unreadable:
            return
        if len(conversation.unreadable) < UNREADABLE_KEPT:
            conversation.unreadable.add(fault.raw)
        log.warning("a post found in %s is not readable: %s", conversation.day.auction_id, fault)
        metrics.x_unreadable_posts.inc()
        letter = DeadLetter(
            auction_id=conversation.day.auction_id,
            entry_id="",
            data=fault.raw,
            error=str(fault),
            attempts=1,
            at_ms=self._clock(),
        )
        self._queue.dead_letter(letter)


def _post_alarm(auction_id: str) -> str:
    return f"auction_post:{auction_id}"
