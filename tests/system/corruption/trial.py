"""A data directory as it was when its machine lost power, and the trial of a corrupted copy of it.

The directory is made once: a day that is open on a simulated X, bids that are decided, bids and an order that wait in
their queues. A trial lets the real process find a corrupted copy. It is right when every bid has the verdict that it
has without the corruption, and the audit agrees; it may also say what is wrong, in one line, and end.
"""

import logging
import multiprocessing
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import redis

import bootstrap
import supervisor
from adapters import process_file, process_log
from adapters.redis.client import connect
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.redis.queue import Queue
from adapters.wall_clock import wall_clock_ms
from auction.downtime_policy import HOUSE
from commands.audit import audit
from commands.bids import history
from commands.common import CommandError
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, x_options
from commands.simulated import CREDENTIALS
from ledger.entry import LogDamaged
from messages.base import Refusal
from messages.commands import BarBidder, PlaceBid
from messages.events import AuctionOpened
from settings import Settings, load
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX, simulated_x
from tests.system.corruption.spoil import spoil_a_file, spoil_a_key

DAY_SECONDS = 12_000.0  # six tenths of it are the window: longer than all trials together
DECIDED, WAITING = 24, 6
ACCOUNT = "auction_house"  # of the simulated X: every reply begins with it
PATIENCE_S = 20.0
END_S = 10.0
_FORKING = multiprocessing.get_context("fork")
WAY_OUT = re.compile("auction-manager repair|valkey-check-aof|run --begin-anew|start that one")
REPORTED = re.compile("the store was damaged|to the dead letters")
Verdict = tuple[str, str]


class Outcome(msgspec.Struct, frozen=True):
    """What came of a trial: `right`, `reported` (it works, and what is damaged was said), `refused`, or a fault."""

    seed: int
    spoilt: str
    kind: str
    said: str = ""
    seconds: float = 0.0

    @property
    def is_fault(self) -> bool:
        return self.kind not in ("right", "reported", "refused")


class Ground:
    """The directory that is corrupted, the simulated X that all trials share, and what is right."""

    def __init__(self, folder: Path, x: SimulatedX) -> None:
        self._folder, self._x = folder, x
        self.master = folder / "master"
        self.plan = DemoPlan(
            seed=1, days=1, day_seconds=DAY_SECONDS, bidders=2, first_opens_at_ms=wall_clock_ms() + START_MS
        )
        self.keys = Keys(self.settings(self.master).marathon.id)
        self.auction_id = bootstrap.auction_id(self.settings(self.master), 1)
        self.right: dict[int, Verdict] = {}
        self._make()

    def settings(self, data_dir: Path) -> Settings:
        """Of a process on this directory: X is searched as in a short day."""
        settings = demo_settings(load(None, {}), self.plan, data_dir, port=0)
        x = msgspec.structs.replace(
            settings.x,
            receipts=False,
            standing_interval_ms=10**9,
            search_lag_ms=200,
            sweep_interval_ms=400,
            sweep_lag_ms=200,
        )
        return msgspec.structs.replace(settings, x=x)

    def _make(self) -> None:
        self.master.mkdir()
        with self.running(self.master) as process:
            client = until(lambda: self._client_of(self.master), within_s=PATIENCE_S)
            post = until(lambda: self._opened(client), within_s=PATIENCE_S)
            decided = [self._reply(number, post) for number in range(DECIDED)]
            until(lambda: len(self._verdicts(client)) >= DECIDED, within_s=PATIENCE_S)
            # Whoever has lost power has been at work for longer than a moment.
            until(lambda: seen_of(self.master) >= LogReader(client, self.keys).last_seq() - 2, within_s=PATIENCE_S)
            process.kill()
            process.join()
        waiting = [self._reply(number, post) for number in range(DECIDED, DECIDED + WAITING)]
        queue = Queue(client, self.keys)
        for bid in waiting:
            queue.append(self.auction_id, [bid])
        queue.append(HOUSE, [_order()])
        client.close()
        end_server(self.master)
        self._posts = {bid.post_id for bid in (*decided, *waiting)}
        found = self.trial(0, "nothing")
        assert found.kind == "right", found
        assert self.right.keys() == self._posts

    def _client_of(self, data_dir: Path) -> redis.Redis | None:
        with suppress(StoreError, OSError):
            server = EmbeddedServer(data_dir)
            return connect(server.url) if server.alive() else None
        return None

    def _opened(self, client: redis.Redis) -> int:
        with suppress(StoreError):
            for entry in LogReader(client, self.keys).read(0, 1_000):
                for event in entry.events():
                    if isinstance(event, AuctionOpened):
                        return event.post_id
        return 0

    def _reply(self, number: int, post: int) -> PlaceBid:
        text, author = f"{1 + number}.5 ETH #{self.settings(self.master).marathon.hashtag}", f"bidder_{number % 5}"
        post_id = self._x.reply(author, text, post)
        account = 900_000 + number % 5
        return PlaceBid(
            message_id=f"tweet:{post_id}",
            post_id=post_id,
            author_id=account,
            author_handle=author,
            author_created_at_ms=0,
            replied_to_id=post,
            text=f"@{ACCOUNT} {text}",
            hashtags=(self.settings(self.master).marathon.hashtag,),
            source="stream",
            found_at_ms=wall_clock_ms(),
        )

    # ---- a trial

    def trial(self, seed: int, of: str = "") -> Outcome:
        """Corrupt a copy, let a process find it, and judge. `of` is what is corrupted: a "key", a "file" or "nothing";
        left to the seed where it is empty."""
        began_s = time.monotonic()
        data_dir = self._folder / f"trial-{seed}"
        shutil.copytree(self.master, data_dir, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
        try:
            spoilt = self._spoil(data_dir, Random(seed), of)
            kind, said = self._judged(data_dir)
        finally:
            end_server(data_dir)
        outcome = Outcome(seed, spoilt, kind, said, round(time.monotonic() - began_s, 2))
        if not outcome.is_fault:
            shutil.rmtree(data_dir)  # made by this trial
        return outcome

    def _spoil(self, data_dir: Path, random: Random, of: str) -> str:
        of = of or random.choices(("key", "file"), (7, 3))[0]
        if of == "nothing":
            return of
        if of == "file":
            return spoil_a_file(data_dir, random)
        server = EmbeddedServer(data_dir)
        server.ensure()
        client = connect(server.url)
        try:
            return spoil_a_key(client, random)
        finally:
            client.close()
            server.stop()

    def _judged(self, data_dir: Path) -> tuple[str, str]:
        """The kind of outcome, and what was said."""
        with self.running(data_dir) as process:
            give_up_s, client = time.monotonic() + PATIENCE_S, None
            found: dict[int, Verdict] = {}
            while process.is_alive() and time.monotonic() < give_up_s:
                client = client or self._client_of(data_dir)
                with suppress(StoreError, LogDamaged, CommandError, redis.RedisError):
                    found = self._verdicts(client) if client else {}
                    if found.keys() >= self._posts:
                        break
                time.sleep(0.02)
            if not process.is_alive():
                return self._ended(process, data_dir)
            words = _words(data_dir)
            assert client is not None
            difference = audit(client, self.keys).difference
            client.close()
            os.kill(process.pid or 0, signal.SIGTERM)
            process.join(END_S)
            if process.exitcode != 0:
                return f"exit code {process.exitcode}", _words(data_dir)
        if difference:
            return "reported", difference
        self.right = self.right or found
        if other := [(one, found.get(one), right) for one, right in self.right.items() if found.get(one) != right]:
            return "bids are not what they were", f"{len(found)} verdicts, other ones: {other}; {words}"
        return ("reported" if REPORTED.search(words) else "right"), words

    def _verdicts(self, client: redis.Redis) -> dict[int, Verdict]:
        """What is true of each bid now: its text, and why it is refused."""
        found = history(client, self.keys, self.auction_id)
        return {bid.seen.post_id: (bid.seen.text, str(bid.refusal or "")) for bid in found}

    def _ended(self, process: Any, data_dir: Path) -> tuple[str, str]:
        words = _words(data_dir)
        told = [line for line in words.splitlines() if WAY_OUT.search(line)]
        if process.exitcode == 1 and told and "Traceback" not in words:
            return "refused", told[-1]
        return f"ended with {process.exitcode}", words

    @contextmanager
    def running(self, data_dir: Path) -> Iterator[Any]:
        """The real process on this directory, forked so that it need not import everything again."""
        settings = self.settings(data_dir)
        dependencies = bootstrap.Dependencies(self._x.base_url, CREDENTIALS, days_of(settings, self.plan))
        process = _FORKING.Process(target=_be, args=(settings, dependencies))
        process.start()
        try:
            yield process
        finally:
            if process.is_alive():
                process.kill()
            process.join()


def seen_of(data_dir: Path) -> int:
    """How far the log had come when the process wrote that down."""
    found = process_file.read(data_dir)
    return found.seq if found else 0


def end_server(data_dir: Path) -> None:
    """The server that a killed or refused process has left behind is gone."""
    server = EmbeddedServer(data_dir)
    if (process_id := server.process_id()) is not None:
        os.kill(process_id, signal.SIGKILL)
        until(lambda: not server.alive(), within_s=END_S)


def _be(settings: Settings, dependencies: bootstrap.Dependencies) -> None:
    with (settings.data_dir / "process.log").open("ab", buffering=0) as words:
        os.dup2(words.fileno(), sys.stdout.fileno())
        os.dup2(words.fileno(), sys.stderr.fileno())
    process_log.begin(logging.ERROR)
    try:
        code = supervisor.run(settings, dependencies)
    except (CommandError, StoreError, LogDamaged, OSError) as error:
        print(f"auction-manager: {error}", file=sys.stderr)
        code = 1
    sys.stderr.flush()
    os._exit(code)  # nothing of the parent is to be torn down here


def _words(data_dir: Path) -> str:
    return (data_dir / "process.log").read_text(encoding="utf-8", errors="replace").strip()


def _order() -> BarBidder:
    return BarBidder(
        message_id="ban",
        by="ann",
        why="for the trial",
        said_at_ms=1,
        bidder_id=1,
        from_ms=1,
        reason=Refusal.BANNED,
    )


@contextmanager
def ground(folder: Path) -> Iterator[Ground]:
    """A directory to corrupt, and its X."""
    plan = DemoPlan(seed=1, days=1, day_seconds=DAY_SECONDS, bidders=2, first_opens_at_ms=wall_clock_ms())
    options = x_options(demo_settings(load(None, {}), plan, folder, port=0), plan)
    quick = {name.replace("-", "_"): value for name, value in options.items()}
    quick |= {"bids": 0, "index_lag_ms": 0, "search_end_lag_ms": 0, "rate_window_ms": 1_000, "idle_exit_s": 7_200}
    with simulated_x(folder, **quick) as x:
        yield Ground(folder, x)
