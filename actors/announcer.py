"""The announcer: the posts of the marathon on X, each made once.

What is to be posted follows from the log and waits in an outbox that moves in one commit with the place in the log. An
attempt is in the log before it is sent; when its outcome is unknown, the own timeline is looked up twice before the
post is sent again. The text of a post follows from its event alone, so that it can be recognised there. What it has
logged itself it hears again only in recovery, where a damaged checkpoint may know less than the log.
"""

import logging
from collections.abc import Sequence

import msgspec

from actors.listener import LogListener
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from adapters.redis.writes import Append, Write
from adapters.x.client import XClient
from adapters.x.errors import PostOutcomeUnknown, XUnavailable
from adapters.x.errors import PostRefused as RefusedByX
from auction.words import auction_post, closing_post, result_post
from messages.base import Event
from messages.codec import pack, pack_batch, unpack
from messages.commands import ConfirmAuctionPost
from messages.events import AnyEvent, AuctionPrepared, ClosingSoon, PostAttempted, PostMade, PostRefused, ResultNamed
from messages.hints import LogGrew, QueueGrew
from supervision import Context

log = logging.getLogger(__name__)

WRITER = "announcer"
LOOK_UPS = 2

# How often X may call a text a duplicate that its timeline does not show, before the post is given up: it would hold
# up the others for ever.
MOST_DUPLICATES = 3

# What X answers when not the post is at fault but we are: our keys, our credits. Someone has to see to it first.
OUR_FAULT = (401, 402)
RETRY_OUR_FAULT_MS = 30_000


class Job(msgspec.Struct, array_like=True):
    """One post to make; `opens` names the auction that it opens. The times (ms) are 0 before the first attempt.

    `unknown` is set while the outcome of the last one is; `looked_up` counts the looks at the timeline since then.
    """

    name: str
    text: str
    opens: str = ""
    first_attempt_ms: int = 0
    last_attempt_ms: int = 0
    unknown: bool = False
    looked_up: int = 0
    duplicates: int = 0
    useless_from_ms: int = 0  # not worth a first attempt any more; 0: always worth it

    def attempted(self, at_ms: int) -> None:
        """One more attempt was made."""
        self.first_attempt_ms = self.first_attempt_ms or at_ms
        self.last_attempt_ms, self.unknown, self.looked_up = at_ms, True, 0


class AnnouncerState(msgspec.Struct, array_like=True):
    """The place in the log, the outbox, and what the texts of later posts need."""

    position: int = 0
    outbox: list[Job] = []
    prepared: dict[str, AuctionPrepared] = {}


class Announcer(LogListener):
    """Makes one post at a time, oldest first. `settle_ms` is how long a request of unknown outcome can still live,
    and the time between two looks at the timeline."""

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        x: XClient,
        time_zone: str,
        settle_ms: int,
        listeners: Sequence[str],
    ) -> None:
        super().__init__(context, store)
        self._store, self._clock, self._x = store, clock, x
        self._time_zone, self._settle_ms, self._listeners = time_zone, settle_ms, listeners
        self._not_before_ms = 0

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        begun = self._journal.begin()
        self._state = unpack(begun.checkpoint, AnnouncerState) if begun.checkpoint else AnnouncerState()
        self.position, self._known_seq = self._state.position, begun.seq
        self._changed = False
        self.listen(self._client)

    def teardown(self) -> None:
        self._x.close()
        self._client.close()

    def hear(self, writer: str, seq: int, event: AnyEvent) -> None:
        if isinstance(event, AuctionPrepared):
            self._state.prepared[event.auction_id] = event
            text = auction_post(event, self._time_zone)
            self._state.outbox.append(Job(f"auction-post:{event.auction_id}", text, opens=event.auction_id))
        elif isinstance(event, ClosingSoon):
            text = closing_post(self._state.prepared[writer], event, self._time_zone)
            job = Job(f"closing:{writer}:{event.left_ms}", text, useless_from_ms=event.ends_at_ms)
            self._state.outbox.append(job)
        elif isinstance(event, ResultNamed):
            prepared = self._state.prepared.pop(event.auction_id)
            self._state.outbox.append(Job(f"result:{event.auction_id}", result_post(prepared, event)))
        elif seq > self._known_seq or not self._recalls(event):
            return
        self._changed = True

    def _recalls(self, event: AnyEvent) -> bool:
        """Take in what an earlier incarnation has logged; whether the checkpoint did not know it."""
        if not isinstance(event, PostAttempted | PostMade | PostRefused):
            return False
        job = next((job for job in self._state.outbox if job.name == event.job), None)
        if job is None or (isinstance(event, PostAttempted) and event.at_ms <= job.last_attempt_ms):
            return False
        if isinstance(event, PostAttempted):
            job.attempted(event.at_ms)
        else:
            self._state.outbox.remove(job)
        return True

    def heard(self) -> None:
        if self._changed:
            self._changed = False
            self._commit()
            self._work()

    def tick(self) -> None:
        self.catch_up()
        self._work()

    def _work(self) -> None:
        # Before all is heard that was logged, what looks like a post to make may have been made.
        if not self._state.outbox or self.position < self._known_seq or self._clock() < self._not_before_ms:
            return
        job = self._state.outbox[0]
        if job.useless_from_ms and not job.first_attempt_ms and self._clock() >= job.useless_from_ms:
            self._give_up(job, "it would have come too late")
        elif job.unknown:
            self._look_up(job)
        else:
            self._attempt(job)

    def _attempt(self, job: Job) -> None:
        now_ms = self._clock()
        job.attempted(now_ms)
        self._commit(
            PostAttempted(message_id=f"attempt:{job.name}:{now_ms}", at_ms=now_ms, job=job.name, text=job.text)
        )
        if self._clock() - now_ms >= self._settle_ms:
            return  # held up for so long that a successor may have taken it for lost: the timeline has to tell first
        try:
            post_id = self._x.create_post(job.text)
        except PostOutcomeUnknown as unknown:
            log.warning("whether %s was posted is unknown: %s", job.name, unknown)
            self._not_before_ms = now_ms + self._settle_ms
        except XUnavailable as unavailable:
            log.warning("%s was not posted: %s", job.name, unavailable)
            self._later(job, unavailable.retry_after_ms or RETRY_X_MS)
        except RefusedByX as refused:
            self._refused(job, refused)
        else:
            self._made(job, post_id)

    def _refused(self, job: Job, refused: RefusedByX) -> None:
        if refused.duplicate:  # a hint that an attempt before this one has arrived: the timeline will tell
            job.duplicates += 1
            self._commit()
        elif refused.status in OUR_FAULT:
            log.error("X refuses us, so %s has to wait: %s", job.name, refused)
            self._later(job, RETRY_OUR_FAULT_MS)
        else:
            self._give_up(job, str(refused))

    def _later(self, job: Job, wait_ms: int) -> None:
        """The attempt has certainly made no post: nothing to look for, only to wait."""
        job.unknown = False
        self._not_before_ms = self._clock() + wait_ms
        self._commit()

    def _give_up(self, job: Job, why: str) -> None:
        log.error("%s is given up: %s", job.name, why)
        self._state.outbox.remove(job)
        self._commit(PostRefused(message_id=f"refused:{job.name}", at_ms=self._clock(), job=job.name, why=why))

    def _look_up(self, job: Job) -> None:
        now_ms = self._clock()
        # After a crash the request may still be under way: it gets its time before the first look, and again after.
        if now_ms < job.last_attempt_ms + self._settle_ms * (job.looked_up + 1):
            return
        try:
            # A duplicate may be the post of an attempt before the newest one.
            posts = self._x.own_posts(job.first_attempt_ms - self._settle_ms)
        except XUnavailable as unavailable:
            self._not_before_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)
            return
        found = next((post_id for post_id, text in posts if text == job.text), None)
        if found is not None:
            self._made(job, found)
            return
        job.looked_up += 1
        job.unknown = job.looked_up < LOOK_UPS
        if job.unknown or job.duplicates < MOST_DUPLICATES:
            self._commit()
        else:
            self._give_up(job, "X has a post of this text, but not among those of the account since the first attempt")

    def _made(self, job: Job, post_id: int) -> None:
        self._state.outbox.remove(job)
        writes: list[Write] = []
        if job.opens:
            confirm = ConfirmAuctionPost(message_id=f"tweet:{post_id}", post_id=post_id)
            writes.append(Append(self._store.keys.queue(job.opens), pack_batch([confirm])))
        made = PostMade(message_id=f"made:{job.name}", at_ms=self._clock(), job=job.name, post_id=post_id)
        self._commit(made, writes=writes)
        if job.opens:
            self.context.send(job.opens, QueueGrew())

    def _commit(self, *events: Event, writes: Sequence[Write] = ()) -> None:
        self._state.position = self.position
        self._journal.commit(events, writes, pack(self._state))
        if events:
            for name in self._listeners:
                self.context.send(name, LogGrew())
