"""Runs the ingest in a process of its own, for rates of bids beyond one interpreter (`x.ingest_process`).

`actors/twitter/ingest_keeper` starts this process and writes an `IngestPlan` to its standard input; the process ends
when that input ends. It shares only the store with the main process: it appends to the input queues. It writes its
hints to standard output, one a line: type and addressee. Exit codes: 0 stopped as asked, 75 has to wait for the store
or for room in a queue, 70 died or hung.
"""

import gc
import logging
import os
import queue
import signal
import sys
import threading
import time
from typing import Any

import msgspec

from actors.ports import StoreAccess
from actors.twitter.ingest import TwitterIngest
from actors.twitter.ingest_keeper import TRY_AGAIN
from adapters import process_log
from adapters.redis.client import connect
from adapters.redis.errors import OutcomeUnknown, QueueFull, StoreUnavailable
from adapters.redis.keys import Keys
from adapters.x.budget import ASSUMED, Budget
from adapters.x.client import XClient
from adapters.x.credentials import Credentials
from adapters.x.stream import PostStream
from supervision import GAVE_UP, Context, Delivery, Exit, Mailbox, Ready

log = logging.getLogger(__name__)

STANDARD_INPUT = 0
NAME = "twitter_ingest"
MAILBOX = 10_000
LOOK_S = 0.5  # how often this process checks whether its actor has ended or hangs


class IngestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the ingest. They are sent through a pipe, since some of them are secret."""

    store_url: str
    store_password: str | None
    store_timeout_s: float
    marathon_id: str
    days: int
    x_base_url: str
    x_is_live: bool
    credentials: Credentials
    request_timeout_s: float
    reconciler: str
    hang_s: float


class IngestProcess:
    """Runs and watches the ingest's actor, the only one of this process."""

    def __init__(self, plan: IngestPlan) -> None:
        self._plan = plan
        self._ended: queue.Queue[Exit] = queue.Queue()
        self._asked_to_end = threading.Event()
        self._saying = threading.Lock()
        self._context = Context(NAME, 1, Mailbox(MAILBOX), self._send, self._report)

    def run(self) -> int:
        """Runs until standard input or the actor ends; returns the exit code."""
        plan = self._plan
        store = StoreAccess(
            lambda: connect(plan.store_url, plan.store_timeout_s, plan.store_password, one_server=True),
            Keys(plan.marathon_id),
            token="",
        )
        budget = Budget(ASSUMED if plan.x_is_live else {})
        x = XClient(plan.x_base_url, plan.credentials, plan.request_timeout_s, budget)

        def make_stream(*callbacks: Any) -> PostStream:
            token = plan.credentials.bearer_token
            return PostStream(plan.x_base_url, token, *callbacks, budget=budget, now_ms=x.clock.steady_ms)

        actor = TwitterIngest.start(self._context, store, x.clock.steady_ms, x, make_stream, plan.days, plan.reconciler)
        threading.Thread(target=self._wait_for_the_end_of_input, daemon=True).start()
        while not self._asked_to_end.wait(LOOK_S) and self._ended.empty() and not self._hangs():
            pass
        if self._asked_to_end.is_set():
            actor.stop(block=False)
        try:
            return _code_of(self._ended.get(timeout=0 if self._hangs() else plan.hang_s).reason)
        except queue.Empty:
            log.error("the ingest has hung for more than %s s", plan.hang_s)
            return GAVE_UP

    def _hangs(self) -> bool:
        busy_since_s = self._context.busy_since_s
        return busy_since_s is not None and time.monotonic() - busy_since_s > self._plan.hang_s

    def _wait_for_the_end_of_input(self) -> None:
        # Not through `sys.stdin`, whose lock a daemon thread would still hold when the interpreter ends.
        while os.read(STANDARD_INPUT, 1):
            pass
        self._asked_to_end.set()

    def _send(self, name: str, message: Any) -> Delivery:
        if name == NAME:
            return self._context.mailbox.offer(message)
        with self._saying:
            sys.stdout.write(f"{type(message).__name__} {name}\n")
            sys.stdout.flush()
        return Delivery.DELIVERED

    def _report(self, said: Ready | Exit) -> None:
        if isinstance(said, Exit):
            self._ended.put(said)


def _code_of(reason: BaseException | None) -> int:
    if reason is None:
        return 0
    if isinstance(reason, StoreUnavailable | OutcomeUnknown | QueueFull):
        log.warning("the ingest waits: %s", reason)
        return TRY_AGAIN
    log.error("the ingest has died", exc_info=reason)
    return GAVE_UP


def main() -> int:
    process_log.begin(logging.INFO)
    for number in (signal.SIGINT, signal.SIGTERM):  # the main process gets these too, and ends this one
        signal.signal(number, signal.SIG_IGN)
    gc.set_threshold(50_000, 20, 20)  # as in `supervisor.run`
    plan = msgspec.json.decode(sys.stdin.buffer.readline(), type=IngestPlan)
    return IngestProcess(plan).run()


if __name__ == "__main__":
    sys.exit(main())
