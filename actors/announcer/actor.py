"""The announcer: the posts of the marathon on X. What announces something is made once, what bidders are told at most
once.

What is to be posted follows from the log and waits in an outbox that moves in one commit with the place in the log. An
attempt is in the log before it is sent; when its outcome is unknown, the own timeline is looked up twice before a job's
post is sent again, and a notice is let go. The text of a job follows from its event alone, so that it can be recognised
there. What it has logged itself it hears again only in recovery, where a damaged checkpoint may know less than the log.
"""

import logging
from collections.abc import Sequence

from actors.announcer.notices import Notice
from actors.announcer.outbox import DEFAULTS, Job, Outbox, Posting
from actors.listener import VERDICTS, LogListener
from actors.ports import RETRY_X_MS, Clock, StoreAccess
from actors.twitter.following import forget_posts
from adapters.redis.writes import Append, HashSet, Write
from adapters.x.client import XClient
from adapters.x.errors import PostOutcomeUnknown, XUnavailable
from adapters.x.errors import PostRefused as RefusedByX
from messages.base import Event
from messages.codec import pack, pack_batch, reader_of
from messages.commands import ConfirmAuctionPost
from messages.events import AnyEvent, PostAttempted, PostMade, PostRefused
from messages.hints import LogGrew, QueueGrew
from supervision import Context

log = logging.getLogger(__name__)

WRITER = "announcer"
EVENTS_BETWEEN_CHECKPOINTS = 10_000
LOOK_UPS = 2

# How often X may call a text a duplicate that its timeline does not show, before the post is given up: it would hold
# up the others for ever.
MOST_DUPLICATES = 3

# What X answers when not the post is at fault but we are: our keys, our credits. Someone has to see to it first.
OUR_FAULT = (401, 402)
RETRY_OUR_FAULT_MS = 30_000


class Announcer(LogListener):
    """Makes one post at a time: the jobs, oldest first, and only when there is none of them a notice.

    `settle_ms` is how long a request of unknown outcome can still live, and the time between two looks at the timeline.
    """

    def __init__(
        self,
        context: Context,
        store: StoreAccess,
        clock: Clock,
        x: XClient,
        time_zone: str,
        settle_ms: int,
        listeners: Sequence[str],
        posting: Posting = DEFAULTS,
    ) -> None:
        super().__init__(context, store)
        self._store, self._clock, self._x = store, clock, x
        self._time_zone, self._settle_ms, self._listeners = time_zone, settle_ms, listeners
        self._posting = posting
        if not posting.receipts:
            self.ignores = VERDICTS
        self._not_before_ms = 0

    def setup(self) -> None:
        self._client = self._store.connect()
        self._journal = self._store.journal(self._client, WRITER)
        begun = self._journal.begin(reader_of(Outbox))
        self._state = begun.checkpoint or Outbox()
        if not self._posting.receipts:
            self._state.days.clear()  # of when there were receipts
        self.position, self._known_seq = self._state.position, begun.seq
        self._changed = False
        self._next_page: str | None = None  # of the timeline, where a look at it has not come to its end
        self.listen(self._client)

    def teardown(self) -> None:
        self._x.close()
        self._client.close()

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        has_job = self._state.on_event(writer, event, self._posting, self._time_zone)
        if has_job or (seq <= self._known_seq and self._state.recall(event)):
            self._changed = True

    def on_batch_end(self) -> None:
        if self._changed:
            self._changed = False
            self._commit()
            self._work()
        elif self.position - self._state.position >= EVENTS_BETWEEN_CHECKPOINTS:
            self._commit()  # nothing was to be done for long: a successor need not hear all of it again

    def tick(self) -> None:
        self.keep_up()
        self._work()

    def _work(self) -> None:
        # Before all is heard that was logged, what looks like a post to make may have been made. And an attempt will be
        # looked for on X from its own time on, which has to be X's.
        now_ms = self._clock()
        if self._x.clock.reached_ms() is None or self.position < self._known_seq or now_ms < self._not_before_ms:
            return
        if not self._state.outbox:
            if notice := self._state.notice(now_ms, self._posting, self._time_zone):
                self._tell(notice)
            return
        job = self._state.outbox[0]
        if job.useless_from_ms and not job.unknown and now_ms >= job.useless_from_ms:
            self._give_up(job, "it would have come too late")
        elif job.unknown:
            self._look_up(job)
        else:
            self._attempt(job)

    def _attempt(self, job: Job) -> None:
        now_ms = self._clock()
        job.attempted(now_ms)
        self._commit_attempt(job.name, job.text, now_ms)
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
            since_ms = job.first_attempt_ms - self._settle_ms
            posts, self._next_page = self._x.own_posts(since_ms, self._next_page)
        except XUnavailable as unavailable:
            self._next_page = None
            self._not_before_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)
            return
        found = next((post_id for post_id, text in posts if text == job.text), None)
        if found is not None:
            self._next_page = None
            self._made(job, found)
            return
        if self._next_page:
            return  # one request a turn
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
        if job.tells_of:  # who replies to it is judged by that auction
            writes.append(HashSet(self.keys.own_posts, {str(post_id): job.tells_of}))
        made = PostMade(message_id=f"made:{job.name}", at_ms=self._clock(), job=job.name, post_id=post_id)
        self._commit(made, writes=writes)
        if job.opens:
            forget_posts(self._client, self.keys, self._state.prepared, self._clock())
            self.context.send(job.opens, QueueGrew())

    def _tell(self, notice: Notice) -> None:
        """Once, whatever becomes of it: from the commit on it is taken for sent."""
        self._commit_attempt(notice.name, notice.text, self._clock())
        name, now_ms = notice.name, self._clock()
        try:
            post_id = self._x.create_post(notice.text, notice.reply_to)
        except PostOutcomeUnknown as unknown:
            log.warning("whether %s was posted is unknown, and it is not tried again: %s", name, unknown)
            self._not_before_ms = now_ms + RETRY_X_MS
        except XUnavailable as unavailable:
            log.warning("%s was not posted, and is not tried again: %s", name, unavailable)
            self._not_before_ms = now_ms + (unavailable.retry_after_ms or RETRY_X_MS)
        except RefusedByX as refused:
            log.warning("X refuses %s: %s", name, refused)
            if refused.status in OUR_FAULT:
                self._not_before_ms = now_ms + RETRY_OUR_FAULT_MS
            self._commit(PostRefused(message_id=f"refused:{name}", at_ms=now_ms, job=name, why=str(refused)))
        else:
            self._commit(PostMade(message_id=f"made:{name}", at_ms=now_ms, job=name, post_id=post_id))

    def _commit_attempt(self, name: str, text: str, now_ms: int) -> None:
        self._state.budget.spend(now_ms)
        self._commit(PostAttempted(message_id=f"attempt:{name}:{now_ms}", at_ms=now_ms, job=name, text=text))

    def _commit(self, *events: Event, writes: Sequence[Write] = ()) -> None:
        self._state.position = self.position
        self._journal.commit(events, writes, pack(self._state))
        if events:
            for name in self._listeners:
                self.context.send(name, LogGrew())
