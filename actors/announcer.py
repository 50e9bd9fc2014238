"""The announcer: the posts of the marathon on X, each made once.

What is to be posted follows from the log and waits in an outbox that moves in one commit with the place in the log. An
attempt is in the log before it is sent; when its outcome is unknown, the own timeline is looked up twice before the
post is sent again. The text of a post follows from its event alone, so that it can be recognised there.
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
from auction.words import auction_post, result_post
from messages.base import Event
from messages.codec import pack, pack_batch, unpack
from messages.commands import ConfirmAuctionPost
from messages.events import AnyEvent, AuctionPrepared, PostAttempted, PostMade, PostRefused, ResultNamed
from messages.hints import LogGrew, QueueGrew
from supervision import Context

log = logging.getLogger(__name__)

WRITER = "announcer"
LOOK_UPS = 2


class Job(msgspec.Struct, array_like=True):
    """One post to make. `attempted_at_ms` is set while its outcome is unknown; `opens` names the auction it opens."""

    name: str
    text: str
    opens: str = ""
    attempted_at_ms: int | None = None
    looked_up: int = 0


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
        super().__init__(context, store.keys)
        self._store, self._clock, self._x = store, clock, x
        self._time_zone, self._settle_ms, self._listeners = time_zone, settle_ms, listeners
        self._not_before_ms = 0

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        begun = self._journal.begin()
        self._state = unpack(begun.checkpoint, AnnouncerState) if begun.checkpoint else AnnouncerState()
        self.position = self._state.position
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
            self._changed = True
        elif isinstance(event, ResultNamed):
            prepared = self._state.prepared.pop(event.auction_id)
            self._state.outbox.append(Job(f"result:{event.auction_id}", result_post(prepared, event)))
            self._changed = True

    def heard(self) -> None:
        if self._changed:
            self._changed = False
            self._commit()
            self._work()

    def tick(self) -> None:
        self.catch_up()
        self._work()

    def _work(self) -> None:
        if not self._state.outbox or self._clock() < self._not_before_ms:
            return
        job = self._state.outbox[0]
        if job.attempted_at_ms is None:
            self._attempt(job)
        else:
            self._look_up(job, job.attempted_at_ms)

    def _attempt(self, job: Job) -> None:
        now_ms = self._clock()
        job.attempted_at_ms, job.looked_up = now_ms, 0
        self._commit(
            PostAttempted(message_id=f"attempt:{job.name}:{now_ms}", at_ms=now_ms, job=job.name, text=job.text)
        )
        try:
            post_id = self._x.create_post(job.text)
        except PostOutcomeUnknown as unknown:
            log.warning("whether %s was posted is unknown: %s", job.name, unknown)
            self._not_before_ms = now_ms + self._settle_ms
        except XUnavailable as refused:
            log.warning("%s was not posted: %s", job.name, refused)
            job.attempted_at_ms = None
            self._not_before_ms = now_ms + (refused.retry_after_ms or RETRY_X_MS)
            self._commit()
        except RefusedByX as refused:
            self._refused(job, refused)
        else:
            self._made(job, post_id)

    def _refused(self, job: Job, refused: RefusedByX) -> None:
        if refused.duplicate:  # a hint that an attempt before this one has arrived: the timeline will tell
            self._not_before_ms = self._clock() + self._settle_ms
            return
        log.error("X refuses %s: %s", job.name, refused)
        self._state.outbox.remove(job)
        self._commit(PostRefused(message_id=f"refused:{job.name}", at_ms=self._clock(), job=job.name, why=str(refused)))

    def _look_up(self, job: Job, attempted_at_ms: int) -> None:
        now_ms = self._clock()
        # After a crash the request may still be under way: it gets its time before the first look, and again after.
        if now_ms < attempted_at_ms + self._settle_ms * (job.looked_up + 1):
            return
        try:
            posts = self._x.own_posts(attempted_at_ms - self._settle_ms)
        except XUnavailable as unavailable:
            self._not_before_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)
            return
        found = next((post_id for post_id, text in posts if text == job.text), None)
        if found is not None:
            self._made(job, found)
            return
        job.looked_up += 1
        if job.looked_up >= LOOK_UPS:
            job.attempted_at_ms = None
        self._commit()

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
