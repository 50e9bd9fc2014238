"""The announcer: makes the marathon's posts on X. Announcements (jobs) are posted exactly once, notices to bidders at
most once.

Jobs follow from the log and wait in an outbox, which is committed together with the position in the log. Each attempt
is logged before it is sent. When its outcome is unknown, the account's timeline is searched twice before a job is sent
again; a notice is dropped. A job's text follows from its event alone, so that its post can be recognised on the
timeline. Events that the announcer itself has logged are read again only in recovery, where a damaged checkpoint may
know less than the log.
"""

import logging
from collections.abc import Sequence

from actors.announcer.jobs import Job
from actors.announcer.notices import Notice
from actors.announcer.outbox import DEFAULTS, Outbox, Posting
from actors.listener import LIMITS, VERDICTS, Limits, LogListener
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

LOOK_UPS = 2

# How often X may call a text a duplicate that the timeline does not show, before the job is given up: it would hold up
# the other posts for ever.
MOST_DUPLICATES = 3

# Statuses by which X refuses our keys or credits, not the post: an operator has to see to these first.
OUR_FAULT = (401, 402)
RETRY_OUR_FAULT_MS = 30_000


class Announcer(LogListener):
    """Makes one post at a time: jobs, oldest first, and a notice only where there is no job.

    `settle_ms` is how long a request of unknown outcome may still be under way, and the time between two searches of
    the timeline.
    """

    writer = "announcer"

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
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(context, store, limits)
        self._clock, self._x, self._posting = clock, x, posting
        self._time_zone, self._settle_ms, self._listeners = time_zone, settle_ms, listeners
        if not posting.receipts:
            self.ignores = VERDICTS
        self._not_before_ms = 0

    def setup(self) -> None:
        super().setup()
        begun = self._journal.begin(reader_of(Outbox))
        self._state = begun.checkpoint or Outbox()
        if not self._posting.receipts:
            self._state.days.clear()  # kept by an earlier run, which sent receipts
        self.position, self._known_seq = self._state.position, begun.seq
        self._changed = False
        self._next_page: str | None = None  # the timeline's next page, while a search of it is under way

    def teardown(self) -> None:
        self._x.close()
        super().teardown()

    def on_event(self, writer: str, seq: int, event: AnyEvent) -> None:
        has_job = self._state.on_event(writer, event, self._posting, self._time_zone)
        if has_job or (seq <= self._known_seq and self._state.recall(event)):
            self._changed = True

    def on_batch_end(self) -> None:
        if self._changed:
            self._changed = False
            self._commit()
            self._work()
        elif self.position - self._state.position >= self._limits.events_between_checkpoints:
            self._commit()  # nothing was to be posted for long: a successor need not read all of that again

    def tick(self) -> None:
        super().tick()
        self._work()

    def _work(self) -> None:
        # Events of our own that are not read again yet may say that a job was posted. And the timeline is searched from
        # the time of an attempt on, which has to be X's time.
        now_ms = self._clock()
        if self._x.clock.reached_ms() is None or self.position < self._known_seq or now_ms < self._not_before_ms:
            return
        if not self._state.outbox:
            if notice := self._state.notice(now_ms, self._posting, self._time_zone):
                self._send_notice(notice)
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
            return  # the commit took so long that a successor may try too: the timeline is searched first
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
        if refused.duplicate:  # an earlier attempt may have made the post: the timeline is searched
            job.duplicates += 1
            self._commit()
        elif refused.status in OUR_FAULT:
            log.error("X refuses our keys or credits, so %s has to wait: %s", job.name, refused)
            self._later(job, RETRY_OUR_FAULT_MS)
        else:
            self._give_up(job, str(refused))

    def _later(self, job: Job, wait_ms: int) -> None:
        """Try the job again after `wait_ms`; this attempt has certainly made no post."""
        job.unknown = False
        self._not_before_ms = self._clock() + wait_ms
        self._commit()

    def _give_up(self, job: Job, why: str) -> None:
        log.error("%s is given up: %s", job.name, why)
        self._state.outbox.remove(job)
        self._commit(PostRefused(message_id=f"refused:{job.name}", at_ms=self._clock(), job=job.name, why=why))

    def _look_up(self, job: Job) -> None:
        now_ms = self._clock()
        # The request may still be under way, even after a crash: each search waits for another `settle_ms`.
        if now_ms < job.last_attempt_ms + self._settle_ms * (job.looked_up + 1):
            return
        try:
            # Not since the last attempt: where X says "duplicate", an earlier one may have made the post.
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
            self._give_up(
                job, "X calls this text a duplicate, but the timeline has no such post since the first attempt"
            )

    def _made(self, job: Job, post_id: int) -> None:
        self._state.outbox.remove(job)
        writes: list[Write] = []
        if job.opens:
            confirm = ConfirmAuctionPost(message_id=f"tweet:{post_id}", post_id=post_id)
            writes.append(Append(self.keys.queue(job.opens), pack_batch([confirm])))
        if job.tells_of:  # that auction decides the replies to the post
            writes.append(HashSet(self.keys.own_posts, {str(post_id): job.tells_of}))
        made = PostMade(message_id=f"made:{job.name}", at_ms=self._clock(), job=job.name, post_id=post_id)
        self._commit(made, writes=writes)
        if job.opens:
            forget_posts(self._client, self.keys, self._state.answered, self._clock())
            self.context.send(job.opens, QueueGrew())

    def _send_notice(self, notice: Notice) -> None:
        """Send the notice once, whatever the outcome: the commit of the attempt already counts it as sent."""
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
