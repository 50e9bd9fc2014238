"""The two who go on while others are killed: one puts bids into the queue, one remembers what the log has said."""

import threading
import time

from adapters.redis.client import connect
from adapters.redis.errors import StoreError
from adapters.redis.log import LogReader
from adapters.redis.queue import Queue
from adapters.wall_clock import wall_clock_ms
from benchmarks.running import RunningHouse
from messages.events import BidAccepted, BidRefused

Verdict = BidAccepted | BidRefused

BATCH = 50
RETRY_S = 0.01
READ_S = 0.005
TIMEOUT_S = 2.0
STORE_S = 60.0  # the store is back by then
ENTRIES_A_READ = 64


class Feeder:
    """Bids, in order, at a rate, each batch again until an answer says that it was taken. `run` is for one thread."""

    def __init__(self, house: RunningHouse, rate: int) -> None:
        self._house, self._step_s = house, BATCH / rate
        self._client = connect(house.url, TIMEOUT_S)
        self.taken = 0
        self.over = threading.Event()
        self.fault: Exception | None = None

    def run(self) -> None:
        queue, due_s = Queue(self._client, self._house.keys), time.monotonic()
        try:
            while not self.over.is_set():
                self._append(queue)
                due_s += self._step_s  # what a dead server has kept from being offered is offered afterwards
                time.sleep(max(0.0, due_s - time.monotonic()))
        except Exception as fault:
            self.fault = fault
        finally:
            self._client.close()

    def _append(self, queue: Queue) -> None:
        now_ms, war = wall_clock_ms(), self._house.war
        batch = [war.command(number, now_ms) for number in range(self.taken, self.taken + BATCH)]
        deadline_s = time.monotonic() + STORE_S
        while True:
            try:
                queue.append(self._house.auction_id, batch)
                self.taken += BATCH
                return
            except StoreError:  # the server is dead, or died before it could answer: once more, as an ingest would
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(RETRY_S)


class LogMemory:
    """Every verdict as the log first said it, by post id. `run` is for one thread; it ends once all is read."""

    def __init__(self, house: RunningHouse) -> None:
        self._client = connect(house.url, TIMEOUT_S)
        self._log = LogReader(self._client, house.keys)
        self.verdicts: dict[int, Verdict] = {}
        self.doubled: list[int] = []
        self.over = threading.Event()
        self.fault: Exception | None = None

    def run(self) -> None:
        seq = 0
        try:
            while True:
                ending = self.over.is_set()
                try:
                    entries = self._log.read(seq, ENTRIES_A_READ)
                except StoreError:
                    if ending:
                        raise
                    time.sleep(RETRY_S)
                    continue
                for event in (event for entry in entries for _, event in entry.events_after(seq)):
                    if isinstance(event, Verdict):
                        self._remember(event)
                seq = entries[-1].last_seq if entries else seq
                if not entries:
                    if ending:
                        return
                    time.sleep(READ_S)
        except Exception as fault:
            self.fault = fault
        finally:
            self._client.close()

    def _remember(self, verdict: Verdict) -> None:
        if verdict.post_id in self.verdicts:
            self.doubled.append(verdict.post_id)
        else:
            self.verdicts[verdict.post_id] = verdict
