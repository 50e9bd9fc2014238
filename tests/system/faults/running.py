"""A house under faults, from outside: its process, who bids on its X, and who looks at its `/status` meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import loopback
from adapters import process_file
from adapters.redis.client import connect
from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.wall_clock import wall_clock_ms
from commands.compressed import START_MS
from ledger.entry import LogDamaged
from ledger.hash_chain import verify_chain
from loopback import NoAnswer
from messages.events import BidAccepted, BidRefused
from simulator.launch import PORT_FILE, SimulatorFailed, ask_x
from tests.harness.processes import HouseProcess, end_x
from tests.harness.waiting import until
from tests.system.faults.house import house_plan, house_settings
from tests.system.faults.stores import Embedded, TestedStore

BIDS_A_SECOND, LOOKS_A_SECOND = 5.0, 5.0
START_S, WELL_S, ANSWER_S = 60.0, 120.0, 20.0


@dataclass(frozen=True)
class Sample:
    """`/status` at one moment: how long it took to answer (s), and what it said of the store and of who waits."""

    at_s: float
    took_s: float
    trouble: str
    waiting: tuple[str, ...]
    alarms: dict[str, str] = field(default_factory=dict)


class House(HouseProcess):
    """One house on one store. Entered, it is open; bids come and its status is looked at until it is left."""

    def __init__(self, data_dir: Path, store: TestedStore) -> None:
        super().__init__(data_dir, data_dir.parent / "house.log")
        self.store = store
        self._opens_at_ms = wall_clock_ms() + START_MS
        settings = house_settings(data_dir, house_plan(self._opens_at_ms), "")
        self.keys = Keys(settings.marathon.id)
        self._hashtag = settings.marathon.hashtag
        self.posted: list[int] = []
        self.samples: list[Sample] = []
        self.filler = data_dir
        self.copy: dict[bytes, tuple[bytes, int]] = {}  # of each key its value and for how many ms it lives, or 0
        self._over = threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._bid_on, self._look_on)]

    def __enter__(self) -> "House":
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self.start()
        try:
            until(lambda: bool(self._auction_post()), "the auction opens", START_S, poll_s=0.05)
            until(self.is_ready, "the house is ready", START_S, poll_s=0.05)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(START_S)
        self.end()
        end_x(self.data_dir)

    # ---- the process

    def start(self, *options: str) -> None:
        url = [] if isinstance(self.store, Embedded) else ["--redis-url", self.store.url]
        self.begin("tests.system.faults.house", "--opens-at-ms", str(self._opens_at_ms), *url, *options)

    # ---- what it says

    def ask(self, path: str) -> tuple[int, Any]:
        """Status and JSON answer. Raises NoAnswer."""
        found = process_file.read(self.data_dir)
        if found is None:
            raise NoAnswer("it does not listen yet")
        return loopback.exchange(found.private_port, "GET", path, within_s=ANSWER_S)

    def _look_on(self) -> None:
        while not self._over.wait(1 / LOOKS_A_SECOND):
            began_s = time.monotonic()
            try:
                _, status = self.ask("/status")
            except NoAnswer as fault:
                self.samples.append(Sample(began_s, time.monotonic() - began_s, f"no answer: {fault}", ()))
                continue
            waiting = tuple(f"{actor['state']}" for actor in status["actors"] if actor["state"] != "READY")
            trouble = status["store"]["trouble"] or ""
            took_s = time.monotonic() - began_s
            self.samples.append(Sample(began_s, took_s, trouble, waiting, status["alarms"]))

    # ---- bids

    def _auction_post(self) -> str:
        self.must_live()
        with suppress(NoAnswer):
            current = self.ask("/status")[1]["current"] or {}
            return (current.get("post_id") or "") if current.get("phase") == "ACTIVE" else ""
        return ""

    def _bid_on(self) -> None:
        port = int((self.data_dir / PORT_FILE).read_text(encoding="utf-8"))
        auction_post = self._auction_post()
        number = 0
        while not self._over.wait(1 / BIDS_A_SECOND):
            number += 1
            bid = {"author": f"bidder{number % 40}", "text": f"{number} ETH #{self._hashtag}", "reply_to": auction_post}
            with suppress(SimulatorFailed):
                self.posted.append(int(ask_x(port, "POST", "/_sim/post", bid)["id"]))

    def verdicts(self) -> Counter[int]:
        """How many verdicts each post has in the log. Raises StoreError."""
        found: Counter[int] = Counter()
        client = connect(self.store.url, ANSWER_S, self.store.password)
        try:
            log, seq = LogReader(client, self.keys), 0
            while entries := log.read(seq, 256):
                for entry in entries:
                    found.update(e.post_id for e in entry.events() if isinstance(e, BidAccepted | BidRefused))
                seq = entries[-1].last_seq
        finally:
            client.close()
        return found

    def chain_is_whole(self) -> bool:
        client = connect(self.store.url, ANSWER_S, self.store.password)
        try:
            return verify_chain(LogReader(client, self.keys).read(0, 1_000_000)) is None  # it goes on growing
        finally:
            client.close()

    def undecided(self, of: int) -> int:
        """How many of the first so many posts have no verdict, or more than one."""
        try:
            found = self.verdicts()
        except (StoreError, LogDamaged, OSError):
            return of
        return sum(found[post_id] != 1 for post_id in self.posted[:of])

    def until_well(self, since_s: float) -> float:
        """Waits until it is ready and has decided what was posted by now; how long after `since_s` that was."""
        posted = len(self.posted)
        until(self.is_ready, "the house is ready again", WELL_S, poll_s=0.1)
        until(lambda: self.undecided(posted) == 0, f"all {posted} bids are decided once", WELL_S, poll_s=0.2)
        return time.monotonic() - since_s

    def said_since(self, since_s: float, is_word: Callable[[Sample], bool]) -> Sample | None:
        """The first look since then at which it said so."""
        return next((each for each in list(self.samples) if each.at_s >= since_s and is_word(each)), None)
