"""The sweeper: finds by search what the stream did not bring, and which posts are gone, until it is proven that
nothing is missing. The marks that it puts into an auction's queue are what its watermark is made of.
"""

import logging
from http import HTTPStatus

import msgspec

from actors.authors import Authors, GivenUp
from actors.conversations import belongs_below, commands_for, is_whole, open_conversations
from actors.first_sights import FirstSights, Sights
from actors.listener import VERDICTS, LogListener
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.second_look import SecondLook, pause_for
from actors.sweeps import Sweep
from adapters import alarms, metrics
from adapters.redis.client import execute
from adapters.redis.queue import DeadLetter, Queue
from adapters.x.client import BATCH, XClient
from adapters.x.errors import TooManyPages, UnreadablePost, XUnavailable
from adapters.x.payload import FoundPost
from auction.catch_up import HOUSE, LEAST_OUTAGE_MS
from auction.rules import posted_at_ms
from messages.base import Outage, Phase
from messages.codec import pack_batch
from messages.commands import AuctionCommand, MakeUpFor, MarkSwept
from messages.events import AnyEvent, AuctionOpened, EndFrozen, ResultNamed
from messages.hints import QueueGrew, SweepNow
from supervision import Context

log = logging.getLogger(__name__)

CLOCK_ALARM = "x_clock"
CLOCK_HOLDS_S = 600.0  # for so long X's clock is carried on, by then half a second behind

UNREADABLE_KEPT = 100  # so many of a day are told from those that were kept before


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
    second_look: SecondLook
    sights: FirstSights
    closing: bool = False
    next_pass_ms: int = 0
    settled: set[int] = msgspec.field(default_factory=set)  # queued or given up, of what is not proven yet
    unreadable: set[bytes] = msgspec.field(default_factory=set)  # dead letters by now
    post_is_gone: bool = False


class TwitterSweeper(LogListener):
    """Sweeps when the stream (re)connects, periodically, and at the close until the watermark has passed the end."""

    tick_s = 0.1

    deaf_to = VERDICTS

    def __init__(
        self, context: Context, store: StoreAccess, clock: Clock, x: XClient, timing: Timing, days: int, house: str
    ) -> None:
        super().__init__(context, store)
        self._store, self._clock, self._x, self._timing, self._days = store, clock, x, timing, days
        self._house = house

    def setup(self) -> None:
        self._client = self._store.connect()
        self._queue = Queue(self._client, self.keys)
        self.listen(self._client)
        self.position = self.last_seq()
        self._clock_read_s = float("-inf")
        self._authors = Authors(self._x, self._clock)
        self._conversations: dict[str, Conversation] = {}
        for post_id, (auction_id, phase) in open_conversations(self._client, self.keys, self._days).items():
            self._follow(auction_id, post_id, closing=phase is Phase.PROCESSING)
        self._x_away_ms = int(execute(self._client, "GET", self.keys.x_away) or 0)

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
        if writer in self._conversations:
            self._conversations[writer].second_look.hear(event)
        match event:
            case AuctionOpened():
                self._follow(event.auction_id, event.post_id)
            case EndFrozen() if writer in self._conversations:
                conversation = self._conversations[writer]
                conversation.closing, conversation.next_pass_ms = True, 0
            case ResultNamed() if event.auction_id in self._conversations:
                conversation = self._conversations.pop(event.auction_id)
                conversation.second_look.forget()
                self._watch_sights(conversation, [])
                alarms.clear(_post_alarm(event.auction_id))

    def tick(self) -> None:
        self.keep_up()
        self._read_x_clock()
        self._forget_x_when_idle()
        if self._x.clock.reached_ms() is None:
            return  # nothing is proven, since nobody knows which time X has reached
        for conversation in self._conversations.values():
            now_ms = self._clock()
            if now_ms >= conversation.next_pass_ms:
                wait_ms = self._timing.lag_ms if conversation.closing else self._timing.interval_ms
                conversation.next_pass_ms = now_ms + wait_ms
                try:
                    self._pass(conversation, now_ms)
                    self._x_is_here()
                except XUnavailable as unavailable:
                    if _is_away(unavailable):
                        self._x_is_away(now_ms)
                    log.warning("%s could not be swept: %s", conversation.auction_id, unavailable)
                    conversation.next_pass_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)

    def _read_x_clock(self) -> None:
        """At the beginning, and when X has not been asked for a while: an opening must not come late, and keys that X
        does not take, or a machine whose clock is wrong, are an alarm before they matter."""
        now_s = self._x.clock.steady_s()
        if self._x.clock.unread_s() < CLOCK_HOLDS_S or now_s < self._clock_read_s + RETRY_X_MS / 1000:
            return
        self._clock_read_s = now_s
        try:
            self._x.check_keys()
        except XUnavailable as unavailable:
            log.warning("the keys to X could not be checked, nor its clock be read: %s", unavailable)
        if self._x.clock.reached_ms() is None:
            alarms.sound(
                CLOCK_ALARM, "no answer of X has shown its time: no day opens, and none is closed, before one has"
            )
        else:
            alarms.clear(CLOCK_ALARM)

    # ---- X's own outages

    def _x_is_away(self, now_ms: int) -> None:
        """From here on no auction takes its end for final, until the house has been told how long it was.

        Said again with each failure: the house may just be done with an outage before this one.
        """
        self._x_away_ms = self._x_away_ms or now_ms
        execute(self._client, "SET", self.keys.x_away, self._x_away_ms)

    def _x_is_here(self) -> None:
        if not self._x_away_ms:
            return
        outage = Outage(from_ms=self._x_away_ms, to_ms=self._clock())
        if outage.to_ms - outage.from_ms >= LEAST_OUTAGE_MS:
            order = MakeUpFor(
                message_id=f"outage:X:{outage.from_ms}", by=HOUSE, why="", said_at_ms=outage.to_ms, outage=outage
            )
            self._queue.append(HOUSE, [order])
            self.context.send(self._house, QueueGrew())
        else:
            execute(self._client, "DEL", self.keys.x_away)
        self._x_away_ms = 0

    def _forget_x_when_idle(self) -> None:
        """Nobody can tell when X is back when nothing is asked of it."""
        if self._x_away_ms and not self._conversations:
            execute(self._client, "DEL", self.keys.x_away)
            self._x_away_ms = 0

    def _follow(self, auction_id: str, post_id: int, closing: bool = False) -> None:
        if auction_id not in self._conversations:
            look = SecondLook(self._client, self.keys, self._x, auction_id, post_id, self._timing.lag_ms)
            sweep, sights = Sweep(self._timing.lag_ms), FirstSights(post_id, self._timing.lag_ms)
            self._conversations[auction_id] = Conversation(auction_id, post_id, sweep, look, sights, closing)

    # ---- a pass

    def _pass(self, conversation: Conversation, now_ms: int) -> None:
        swept_to_ms = now_ms - self._timing.search_lag_ms
        if swept_to_ms <= posted_at_ms(conversation.post_id):
            return
        if self._queue.is_full(conversation.auction_id):
            log.warning("%s is not swept: it has enough to decide, and nothing is lost on X", conversation.auction_id)
            return
        sights = self._find(conversation, swept_to_ms, now_ms)
        self._watch_sights(conversation, sights.stuck)
        known = self._authors.complete([post for post in sights.whole if post.bid.post_id not in conversation.settled])
        waiting = sorted(post.bid.post_id for post in [*sights.waiting, *known.waiting])
        commands: list[AuctionCommand] = [command for post in known.ready for command in commands_for(post)]
        looked = conversation.second_look.look(now_ms, swept_to_ms if conversation.closing else None)
        commands += looked.commands
        commands += self._watch_auction_post(conversation, looked.auction_post, now_ms)
        if waiting:
            # The pass proves nothing from the first post on of which something is not known yet.
            swept_to_ms = min(swept_to_ms, posted_at_ms(waiting[0]))
            conversation.next_pass_ms = min(conversation.next_pass_ms, now_ms + RETRY_X_MS)
        for given_up in known.given_up:
            self._give_up(conversation.auction_id, given_up)
        marked_ms = conversation.sweep.record(
            now_ms, swept_to_ms, {post.bid.post_id for post in [*sights.whole, *sights.waiting]}
        )
        if marked_ms is not None:
            commands.append(
                MarkSwept(
                    message_id=f"swept:{conversation.auction_id}:{marked_ms}",
                    swept_to_ms=marked_ms,
                    looked_again=conversation.closing and looked.settled,
                )
            )
        if commands:
            self._queue.append(conversation.auction_id, commands)
            self.context.send(conversation.auction_id, QueueGrew())
        settled = {post.bid.post_id for post in sights.whole} - set(waiting)
        # A pass never looks behind what is proven: what was settled there need not be remembered.
        conversation.settled = {one for one in settled if posted_at_ms(one) >= conversation.sweep.proven_ms}

    def _find(self, conversation: Conversation, swept_to_ms: int, now_ms: int) -> Sights:
        """What the search finds of the conversation, and what it does not but the mentions of the account do; what both
        show only in part is looked up too."""
        # What is proven need not be searched again: a pass stays short, however long the conversation gets.
        post_id, proven_ms = conversation.post_id, conversation.sweep.proven_ms
        pages = [
            self._x.search(post_id, swept_to_ms, proven_ms),
            self._x.mentions(post_id, swept_to_ms, proven_ms),
        ]
        for unreadable in (fault for page in pages for fault in page.unreadable):
            self._keep_unreadable(conversation, unreadable)
        found = [post for page in pages for post in page.posts if belongs_below(post_id, post)]
        whole = {post.bid.post_id for post in found if is_whole(post, (post_id,))}
        parts = {post.bid.post_id for post in found} - whole - conversation.settled
        undecided = self._undecided(conversation.auction_id, sorted(parts))
        again = self._x.posts(undecided[:BATCH]).posts if undecided else []
        # What has a verdict needs no other sight, and what turns out to stand elsewhere none at all.
        passed = parts - set(undecided) | {post.bid.post_id for post in again if not belongs_below(post_id, post)}
        sights = [post for post in [*found, *again] if post.bid.post_id not in passed]
        return conversation.sights.take(now_ms, sights)

    def _undecided(self, auction_id: str, post_ids: list[int]) -> list[int]:
        """Which of these posts have no verdict yet: another source may have shown the whole of them before."""
        if not post_ids:
            return []
        members = [f"{post_id:020d}" for post_id in post_ids]
        scores = execute(self._client, "ZMSCORE", self.keys.bids(auction_id), *members)
        return [post_id for post_id, score in zip(post_ids, scores, strict=True) if score is None]

    def _watch_sights(self, conversation: Conversation, stuck: list[FoundPost]) -> None:
        """A post of which X keeps something back holds up the close, and an operator knows it."""
        alarm = f"half_a_post:{conversation.auction_id}"
        if not stuck:
            alarms.clear(alarm)
            return
        first = stuck[0]
        alarms.sound(
            alarm,
            f"X does not say {first.lacks} of post {first.bid.post_id} ({len(stuck)} such posts): "
            f"{conversation.auction_id} is not closed before it does, or an operator names the result",
        )

    def _watch_auction_post(self, conversation: Conversation, what_became: str, now_ms: int) -> list[AuctionCommand]:
        """A day whose auction post is gone is paused, once; an operator decides how it goes on."""
        was_gone, conversation.post_is_gone = conversation.post_is_gone, bool(what_became)
        alarm, auction_id = _post_alarm(conversation.auction_id), conversation.auction_id
        if not what_became:
            alarms.clear(alarm)
            return []
        paused = "" if conversation.closing else ": the day is paused; resume, extend or void it"
        alarms.sound(alarm, f"the auction post {conversation.post_id} of {auction_id} is {what_became}{paused}")
        return [] if was_gone or conversation.closing else [pause_for(auction_id, what_became, now_ms)]

    # ---- what cannot be decided

    def _keep_unreadable(self, conversation: Conversation, fault: UnreadablePost) -> None:
        if fault.raw in conversation.unreadable:
            return
        if len(conversation.unreadable) < UNREADABLE_KEPT:
            conversation.unreadable.add(fault.raw)
        log.warning("a post found in %s is not readable: %s", conversation.auction_id, fault)
        metrics.x_unreadable_posts.inc()
        self._dead_letter(conversation.auction_id, fault.raw, str(fault), 1)

    def _give_up(self, auction_id: str, given_up: GivenUp) -> None:
        log.error("the author of post %s is not known: %s", given_up.post.bid.post_id, given_up.error)
        metrics.x_posts_without_author.inc()
        error = f"the author could not be looked up: {given_up.error}"
        self._dead_letter(auction_id, pack_batch(commands_for(given_up.post)), error, given_up.attempts)

    def _dead_letter(self, auction_id: str, data: bytes, error: str, attempts: int) -> None:
        self._queue.dead_letter(
            DeadLetter(
                auction_id=auction_id, entry_id="", data=data, error=error, attempts=attempts, at_ms=self._clock()
            )
        )


def _post_alarm(auction_id: str) -> str:
    return f"auction_post:{auction_id}"


def _is_away(unavailable: XUnavailable) -> bool:
    """Whether it is X that is down, for everybody: an answer that refuses us alone is no outage of X."""
    if isinstance(unavailable, TooManyPages):
        return False
    return unavailable.status is None or unavailable.status >= HTTPStatus.INTERNAL_SERVER_ERROR
