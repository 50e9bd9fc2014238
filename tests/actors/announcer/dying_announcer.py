"""An announcer in a process of its own, which is killed, as by `kill -9`, at the step that its command line names."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from actors.announcer.actor import Announcer
from actors.ports import StoreAccess
from adapters.redis.client import connect
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.x.client import XClient
from commands.simulated import CREDENTIALS
from messages.base import Event
from messages.events import PostAttempted, PostMade
from supervision import Context, Delivery, Mailbox
from tests.harness.stage import SETTLE_MS

STEPS = (
    "before the attempt is logged",
    "after it is logged, before the post is sent",
    "after it is sent, before the answer",
    "after the answer, before it is logged",
    "after it is logged that the post was made",
)


def die(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


class DyingClient(XClient):
    """Dies right before the post is sent, before its answer is read, or after it was."""

    step = ""

    def create_post(self, text: str, reply_to_id: int | None = None) -> int:
        if self.step == STEPS[1]:
            die()
        if self.step == STEPS[2]:
            http.client.HTTPConnection.getresponse = die  # type: ignore[assignment, method-assign]
        post_id = super().create_post(text, reply_to_id)
        if self.step == STEPS[3]:
            die()
        return post_id


def dying_commit(step: str) -> Any:
    """`Journal.commit`, which dies before an attempt is committed, or after it is committed that a post was made."""
    commit = Journal.commit

    def dying(self: Journal, events: Sequence[Event], *more: Any) -> int:
        if step == STEPS[0] and any(isinstance(event, PostAttempted) for event in events):
            die()
        seq = commit(self, events, *more)
        if step == STEPS[4] and any(isinstance(event, PostMade) for event in events):
            die()
        return seq

    return dying


def main(step: str, store_url: str, marathon_id: str, token: str, x_url: str) -> None:
    """Announces until it dies; after 60 s it has missed its step, and ends."""
    Journal.commit = dying_commit(step)  # type: ignore[method-assign]
    client = DyingClient(x_url, CREDENTIALS, 10)
    client.step = step
    access = StoreAccess(lambda: connect(store_url), Keys(marathon_id), token)
    context = Context("announcer", 1, Mailbox(10), lambda *_: Delivery.UNKNOWN, lambda _: None)
    announcer = Announcer(context, access, lambda: time.time_ns() // 1_000_000, client, "UTC", SETTLE_MS, [])
    announcer.setup()
    client.check_keys()  # as the reconciler does, so that X's time is known
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        announcer.tick()


if __name__ == "__main__":
    main(*sys.argv[1:])
