"""The sweeper: finds by search what the stream did not bring, and which posts are gone, until it is proven that
nothing is missing. The marks that it puts into an auction's queue are what its watermark is made of.

It makes one request a turn, and what an answer brings is queued before the next one: so it never hangs however many
reply, and what one endpoint finds counts although another one fails; only the proof waits for all of them. Which page
of a search is next `sweeps` says, which posts are looked at again `second_look`; what a restart goes on from is the
watermark in the store.
"""

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from http import HTTPStatus

import msgspec

from actors.absences import Absences
from actors.authors import MOST_WAITING, Authors, lacks_author
from actors.conversations import OpenDay, belongs_below, commands_for, followed_posts, open_conversations
from actors.first_sights import FirstSights
from actors.histories import Histories, StillReading
from actors.letters import open_letters
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.second_look import SecondLook, pause_for
from actors.sweeps import Sweep
from adapters import alarms, metrics
from adapters.redis.client import execute
from adapters.redis.queue import DeadLetter, Queue
from adapters.x.client import BATCH, XClient
from adapters.x.errors import UnreadablePost, XUnavailable
from adapters.x.payload import FoundPost
from auction.bid_text import read_bid
from auction.catch_up import HOUSE, LEAST_OUTAGE_MS
from auction.rules import posted_at_ms
from messages.base import Hint, Outage, Phase, Refusal
from messages.commands import AuctionCommand, MakeUpFor, MarkSwept
from messages.hints import QueueGrew, SweepNow
from supervision import Actor, Context, Delivery

log = logging.getLogger(__name__)

CLOCK_ALARM = "x_clock"
CLOCK_HOLDS_S = 600.0  # for so long X's clock is carried on, by then half a second behind

UNREADABLE_KEPT = 100  # so many of a day are told from those that were kept before
SEARCH, MENTIONS, USERS, LOOKUP, SIGHTS = KINDS = ("search", "mentions", "users", "lookup", "sights")


class GoOn(Hint, frozen=True):
    """There may be more to ask at once."""


class Timing(msgspec.Struct, frozen=True):
    """When to sweep, in ms: how old a post is once search must know it, how often, how far apart two looks are."""

    search_lag_ms: int
    interval_ms: int
    lag_ms: int


class Conversation:
    """An auction post whose replies are swept, and how far that is."""

    def __init__(self, day: OpenDay, timing: Timing, second_look: SecondLook) -> None:
        self.day, self.second_look, self._timing = day, second_look, timing
        self.posts = {day.post_id}  # the auction post, and what else was posted about the auction
        self.marked_ms = self.target_ms = max(day.watermark_ms, posted_at_ms(day.post_id))
        self.sweeps = {source: Sweep(timing.lag_ms, self.marked_ms) for source in (SEARCH, MENTIONS)}
        # Of what is not proven yet: what was queued or needs no verdict, what waits for its author, and what X has
        # shown only a part of.
        self.settled: set[int] = set()
        self.waiting: dict[int, FoundPost] = {}
        self.halves: set[int] = set()
        self.sights, self.absences = FirstSights(day.post_id, timing.lag_ms), Absences(timing.lag_ms)
        self.next_sight_ms = 0
        self.unreadable: set[bytes] = set()  # dead letters by now
        self.post_is_gone = False
        self.brought = self.missed = 0  # by the stream, of what the look under way has found
        self.searched_ms = 0  # as the store has it
        self.vouch_ms = 0  # when it is looked next whether the result may be named
        self._next_ms = 0

    def hurry(self) -> None:
        """Something may be missing: what is due later is due now."""
        self._next_ms = 0
        self.second_look.hurry()

    def aim(self, now_ms: int) -> None:
        """How far first looks reach: at each interval as far as the search can, and up to the end once it can."""
        known_ms, ends_at_ms = now_ms - self._timing.search_lag_ms, self.day.ends_at_ms
        if self.target_ms < ends_at_ms <= known_ms:
            self.target_ms = ends_at_ms
        elif now_ms >= self._next_ms:
            self.target_ms, self._next_ms = max(known_ms, self.target_ms), now_ms + self._timing.interval_ms

    @property
    def proven_ms(self) -> int:
        """Everything posted before it was found and is queued."""
        return min(self._waiting_from_ms, *(sweep.proven_ms for sweep in self.sweeps.values()))

    @property
    def reached_ms(self) -> int:
        """Everything posted before it that a search finds was found once and is queued."""
        return min(self._waiting_from_ms, self.sweeps[SEARCH].reached_ms)

    @property
    def _waiting_from_ms(self) -> int:
        waiting = self.waiting.keys() | self.halves
        return posted_at_ms(min(waiting)) if waiting else 2**62


class TwitterSweeper(Actor):
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
        self._histories = Histories(self._client, self.keys)
        self._authors = Authors(self._x, self._clock)
        self._conversations: dict[str, Conversation] = {}
        # Whose turn is next: an auction and a kind of request. And until when X is left alone with one.
        self._turns: deque[tuple[str, str]] = deque()
        self._not_before_ms: dict[str, int] = {}
        self._clock_read_s = float("-inf")
        self._goes_on = False
        self._x_away_ms = int(execute(self._client, "GET", self.keys.x_away) or 0)

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
        self._follow()
        for conversation in self._conversations.values():
            self._vouch(conversation)
        if self._read_x_clock() or self._asks_for_something():
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
        if now_ms < self._not_before_ms.get(kind, 0):
            return False
        try:
            match kind:
                case "users":
                    was_due = self._name_authors(conversation)
                case "lookup":
                    was_due = self._look_again(conversation, now_ms)
                case "sights":
                    was_due = self._see_the_whole(conversation, now_ms)
                case source:
                    was_due = self._sweep(conversation, source, now_ms)
        except XUnavailable as unavailable:
            self._not_before_ms[kind] = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)
            log.warning("%s is not swept as it should be: %s", conversation.day.auction_id, unavailable)
            if kind == SEARCH and _is_away(unavailable):
                self._x_is_away(now_ms)
            return True
        except StillReading:
            return False
        if was_due:
            self._mark(conversation)
        return was_due

    def _follow(self) -> None:
        """The conversations of the open auctions, as the days' state in the store names them."""
        open_days = open_conversations(self._client, self.keys, self._days)
        followed = followed_posts(self._client, self.keys, open_days, self._clock())
        days = {day.auction_id: day for day in open_days.values()}
        for auction_id in self._conversations.keys() - days.keys():
            self._conversations.pop(auction_id).second_look.forget()
            alarms.clear(_post_alarm(auction_id))
            alarms.clear(_authors_alarm(auction_id))
            alarms.clear(_letters_alarm(auction_id))
            alarms.clear(_stream_alarm(auction_id))
            alarms.clear(_half_alarm(auction_id))
        for auction_id, day in days.items():
            conversation = self._conversations.get(auction_id)
            if conversation is None:
                look = SecondLook(
                    self._x, self._histories, auction_id, day.post_id, self._timing.interval_ms, self._timing.lag_ms
                )
                conversation = self._conversations[auction_id] = Conversation(day, self._timing, look)
            conversation.day = day
            conversation.posts = {post_id for post_id, followed_for in followed.items() if followed_for == auction_id}
            if day.phase is Phase.PROCESSING:
                conversation.second_look.close()
        if {auction_id for auction_id, _ in self._turns} != days.keys():
            self._turns = deque((auction_id, kind) for kind in KINDS for auction_id in days)
        if not days:
            self._forget_x()

    def _read_x_clock(self) -> bool:
        """At the beginning, and when X has not been asked for a while: an opening must not come late, and keys that X
        does not take, or a machine whose clock is wrong, are an alarm before they matter. Whether X was asked."""
        now_s = self._x.clock.steady_s()
        if self._x.clock.unread_s() < CLOCK_HOLDS_S or now_s < self._clock_read_s + RETRY_X_MS / 1000:
            return False
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
        return True

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

    def _forget_x(self) -> None:
        """Nobody can tell when X is back when nothing is asked of it."""
        if self._x_away_ms:
            execute(self._client, "DEL", self.keys.x_away)
            self._x_away_ms = 0

    # ---- what is asked

    def _sweep(self, conversation: Conversation, source: str, now_ms: int) -> bool:
        """Ask this source for the next page of the conversation, and queue what it has."""
        conversation.aim(now_ms)
        day, sweep = conversation.day, conversation.sweeps[source]
        ask = sweep.next(now_ms, conversation.target_ms)
        if ask is None or len(conversation.waiting) + len(conversation.halves) >= MOST_WAITING:
            return False
        if self._queue.is_full(day.auction_id):
            log.warning("%s is not swept: it has enough to decide, and nothing is lost on X", day.auction_id)
            return False
        ask_x = self._x.search if source == SEARCH else self._x.mentions
        try:
            page = ask_x(day.post_id, ask.to_ms, ask.from_ms, ask.token)
        except XUnavailable as unavailable:
            if unavailable.status == HTTPStatus.BAD_REQUEST:
                sweep.begin_again()  # X may not take the page's token any more
            raise
        if source == SEARCH:
            self._x_is_here()
        for unreadable in page.unreadable:
            self._keep_unreadable(conversation, unreadable)
        found = [post for post in page.posts if belongs_below(conversation.posts, post)]
        if source == SEARCH and ask.from_ms == sweep.reached_ms:
            self._compare_with_stream(conversation, found, is_first=not ask.token, is_last=not page.next_token)
        self._take_in(conversation, found, now_ms)
        sweep.read(ask, [post.bid.post_id for post in found], page.next_token, self._clock())
        return True

    def _compare_with_stream(
        self, conversation: Conversation, found: Sequence[FoundPost], *, is_first: bool, is_last: bool
    ) -> None:
        """Whether the stream has brought what a first look finds; it had time enough. One that brings less than it
        misses is deaf: somebody else may have deleted its rules."""
        day, alarm = conversation.day, _stream_alarm(conversation.day.auction_id)
        if is_first:
            conversation.brought = conversation.missed = 0
        scores = self._decided(conversation, [post.bid.post_id for post in found])
        for bid, score in zip([post.bid for post in found], scores, strict=True):
            if score is not None:
                conversation.brought += 1
            elif read_bid(bid.text, day.hashtag, bid.hashtags) is not Refusal.NO_HASHTAG:
                conversation.missed += 1
        if conversation.missed > conversation.brought:
            what = f"the stream has not brought {conversation.missed} posts of {day.auction_id} that a search finds"
            alarms.sound(alarm, f"{what}: look at its rules and at the process's log")
        elif is_last and conversation.brought:
            alarms.clear(alarm)

    def _take_in(self, conversation: Conversation, found: Iterable[FoundPost], now_ms: int) -> None:
        """Queue each post once, as soon as it was seen whole and its author is known."""
        sights = conversation.sights.take(now_ms, [one for one in found if one.bid.post_id not in conversation.settled])
        conversation.halves -= {post.bid.post_id for post in sights.whole}
        conversation.waiting.update((post.bid.post_id, post) for post in sights.whole if lacks_author(post))
        self._queue_found(conversation, [post for post in sights.whole if not lacks_author(post)])
        if halves := [post.bid.post_id for post in sights.waiting if post.bid.post_id not in conversation.halves]:
            # What has a verdict needs no other sight: another source has shown the whole of it.
            scores = self._decided(conversation, halves)
            undecided = {one for one, score in zip(halves, scores, strict=True) if score is None}
            conversation.settled.update(set(halves) - undecided)
            conversation.halves |= undecided
            conversation.next_sight_ms = 0
        alarm, auction_id = _half_alarm(conversation.day.auction_id), conversation.day.auction_id
        if stuck := [post for post in sights.stuck if post.bid.post_id in conversation.halves]:
            what = f"X does not say {stuck[0].lacks} of post {stuck[0].bid.post_id} ({len(stuck)} such posts)"
            alarms.sound(alarm, f"{what}: {auction_id} is not closed before it does, or an operator names the result")
        elif not conversation.halves:
            alarms.clear(alarm)

    def _queue_found(self, conversation: Conversation, posts: Sequence[FoundPost]) -> None:
        self._append(conversation, [command for post in posts for command in commands_for(post)])
        for post in posts:
            conversation.settled.add(post.bid.post_id)
            conversation.waiting.pop(post.bid.post_id, None)

    def _decided(self, conversation: Conversation, post_ids: Sequence[int]) -> list[float | None]:
        """For each of these posts whether it has a verdict: None for none."""
        members = [b"%020d" % post_id for post_id in post_ids]
        key = self.keys.bids(conversation.day.auction_id)
        found: list[float | None] = execute(self._client, "ZMSCORE", key, *members) if members else []
        return found

    def _see_the_whole(self, conversation: Conversation, now_ms: int) -> bool:
        """Look up posts of which the searches show only a part. What stands elsewhere needs no verdict here; what is
        gone is left to the searches to find again."""
        asked = sorted(conversation.halves)[:BATCH]
        if not asked or now_ms < conversation.next_sight_ms:
            return False
        page = self._x.posts(asked)
        conversation.next_sight_ms = now_ms + self._timing.lag_ms
        shown = {post.bid.post_id for post in page.posts}
        elsewhere = {post.bid.post_id for post in page.posts if not belongs_below(conversation.posts, post)}
        conversation.settled |= elsewhere
        conversation.halves -= elsewhere | conversation.absences.gone(now_ms, shown, set(asked) - shown)
        self._take_in(conversation, page.posts, now_ms)
        return True

    def _name_authors(self, conversation: Conversation) -> bool:
        """Look up authors whom X did not name. A post whose author X does not know stands with his id alone: nobody is
        refused because a look-up failed. While X cannot say, the post waits, and the proof with it."""
        if not conversation.waiting:
            return False
        done = self._authors.complete([conversation.waiting[post_id] for post_id in sorted(conversation.waiting)])
        self._queue_found(conversation, done.ready + [each.post for each in done.given_up if each.hopeless])
        alarm, auction_id = _authors_alarm(conversation.day.auction_id), conversation.day.auction_id
        if unsaid := [each for each in done.given_up if not each.hopeless]:
            what = f"the author of post {unsaid[0].post.bid.post_id} of {auction_id} cannot be looked up"
            alarms.sound(alarm, f"{what} ({unsaid[0].error}): X is asked on, and the auction is not closed before")
        if not conversation.waiting:
            alarms.clear(alarm)
        return done.has_asked

    def _look_again(self, conversation: Conversation, now_ms: int) -> bool:
        """Look at posts that were seen before, and queue what has become of them."""
        if now_ms - self._timing.search_lag_ms <= posted_at_ms(conversation.day.post_id):
            return False  # X may not show its own newest posts yet
        looked = conversation.second_look.turn(conversation.day, now_ms)
        if looked is None:
            return False
        commands = looked.commands
        if looked.auction_post is not None:
            commands += self._watch_auction_post(conversation, looked.auction_post, now_ms)
        self._append(conversation, commands)
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

    # ---- what is proven

    def _mark(self, conversation: Conversation) -> None:
        """Say how far it is proven that nothing is missing: behind the posts that this vouches for."""
        day, proven_ms = conversation.day, conversation.proven_ms
        if proven_ms > conversation.marked_ms:
            mark = MarkSwept(message_id=f"swept:{day.auction_id}:{proven_ms}", swept_to_ms=proven_ms)
            self._append(conversation, [mark])
            conversation.marked_ms = proven_ms
            # No look goes behind what is proven: what was settled of it need not be remembered.
            conversation.settled = {one for one in conversation.settled if posted_at_ms(one) >= proven_ms}
        # The end is frozen once a search has reached it, and a lost lead still moves it until then.
        if conversation.reached_ms > conversation.searched_ms and not conversation.second_look.doubts(day):
            conversation.searched_ms = conversation.reached_ms
            execute(self._client, "SET", self.keys.searched(day.auction_id), conversation.searched_ms)

    def _vouch(self, conversation: Conversation) -> None:
        """Say that the result may be named: everything before the end is decided, all that could change who wins was
        looked at after it, and no post of the day lies undecided with the dead letters."""
        day, now_ms = conversation.day, self._clock()
        if day.phase is not Phase.PROCESSING or day.watermark_ms < day.ends_at_ms or now_ms < conversation.vouch_ms:
            return
        try:
            if not conversation.second_look.is_settled:
                return
            letters = open_letters(
                self._queue, day.auction_id, lambda post: self._histories.bidder(day.auction_id, post) is not None
            )
        except StillReading:
            return
        conversation.vouch_ms, alarm = now_ms + self._timing.lag_ms, _letters_alarm(day.auction_id)
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
        self._append(conversation, [MarkSwept(message_id=message_id, swept_to_ms=day.watermark_ms, looked_again=True)])

    def _append(self, conversation: Conversation, commands: list[AuctionCommand]) -> None:
        if commands:
            self._queue.append(conversation.day.auction_id, commands)
            self.context.send(conversation.day.auction_id, QueueGrew())

    # ---- what cannot be decided

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


def _authors_alarm(auction_id: str) -> str:
    return f"authors:{auction_id}"


def _stream_alarm(auction_id: str) -> str:
    return f"deaf_stream:{auction_id}"


def _half_alarm(auction_id: str) -> str:
    return f"half_a_post:{auction_id}"


def _letters_alarm(auction_id: str) -> str:
    return f"letters_of:{auction_id}"


def _is_away(unavailable: XUnavailable) -> bool:
    """Whether it is X that is down, for everybody: an answer that refuses us alone is no outage of X."""
    return unavailable.status is None or unavailable.status >= HTTPStatus.INTERNAL_SERVER_ERROR
