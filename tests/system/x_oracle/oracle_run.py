"""One compressed day of the real system beside the simulated X as its own process, with a seeded schedule of faults.

The supervisor runs in this process, with its embedded store, real tweepy clients and all actors, as in a demo. What is
drawn from the seed is the crowd, the schedule, how tight X's limits are, how wrong this process's clock is and whether
it is started again in between. Time itself is real, so a replay has the same faults, but not the same microseconds.
"""

import io
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.console import Console

import bootstrap
import supervisor
from adapters import alarms
from adapters.wall_clock import wall_clock_ms
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, x_options
from commands.follow import Follower
from commands.report import Report
from commands.simulated import CREDENTIALS, base_url, end_simulated_x, simulated_x
from messages.base import Outcome as DayOutcome
from messages.base import Rules
from messages.events import AnyEvent, EndFrozen, PostMade
from process import Process
from settings import Settings, load
from simulator.launch import ask_x
from simulator.oracle import judge

DAY_S = 5.0
BIDDERS = 8
DEADLINE_S = 60.0
REQUEST_MS = 800
TROUBLE_MS = START_MS + round(DAY_S * 800)  # somewhat longer than the window is open
LONGEST_MS = 400  # of a fault: shorter than a request may last, and than what a sweep makes up for
LAST_JOB = "marathon-ended"
FARTHEST_MS = 3_600_000  # from the right time, of this process's clock
GONE = ("deleted_at_ms", "suspended_at_ms", "protected_at_ms", "edited_to")
ON_ITS_WAY_MS = 300  # what X has shown so shortly before may not have been read yet
NO_REASON_TO_WAIT = {"clock"}  # alarms that say nothing of what a day waits for

# How tight a limit may be, per window of about a second: enough for a day, and seldom enough not to be met.
TIGHT = {
    "GET /2/tweets/search/recent": (2, 6),
    "GET /2/users/{id}/mentions": (2, 6),
    "GET /2/tweets": (1, 4),
    "POST /2/tweets": (2, 4),
    "GET /2/users/{id}/tweets": (1, 3),
}


class Outcome(msgspec.Struct, frozen=True):
    """What became of a seed. Right where there are no `differences`; where a day was not over in time, `waits` are the
    alarms that say why. `log` is what was said meanwhile."""

    seed: int
    seconds: float
    differences: list[str]
    waits: list[str] = []
    verdicts: int = 0
    log: str = ""


class Watcher(Follower):
    """Follows the day until all is said, on X and in the log."""

    def __init__(
        self,
        settings: Settings,
        console: Console,
        x_port: int,
        closes_at_ms: int,
        leave_at_s: float,
        is_first: bool,
    ) -> None:
        super().__init__(settings, console)
        self._is_first, self._frozen_ms = is_first, 0
        self.made: list[PostMade] = []
        self.differences: list[str] | None = None
        self.waits: list[str] = []
        self.verdicts = 0
        self._x_port, self._closes_at_ms, self._leave_at_s = x_port, closes_at_ms, leave_at_s
        # The last fault may be that X cannot be reached, and then nothing can be asked of it.
        self._not_before_s = time.monotonic() + (TROUBLE_MS + 2 * LONGEST_MS) / 1000
        self._not_after_s = time.monotonic() + DEADLINE_S

    def begin(self, process: Process) -> None:
        super().begin(process)
        self._supervisor = process.supervisor

    def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, PostMade):
            self.made.append(event)
        if isinstance(event, EndFrozen):
            self._frozen_ms = event.at_ms
        super().on_event(event)

    def is_over(self) -> bool:
        """Whether there is nothing more to come; then `differences` says what is not as it must be."""
        self.look()
        if time.monotonic() >= self._leave_at_s:
            return True
        if time.monotonic() < self._not_before_s:
            return False
        truth = ask_x(self._x_port, "GET", "/_sim/truth")
        on_x = [post for post in truth["posts"] if post["author"] == truth["account"]]
        is_late = time.monotonic() > self._not_after_s
        if not is_late and not (self.ended and self._has_said_all(on_x)):
            return False
        if is_late and not self._days_ended:
            self.waits = [what for name, what in alarms.sounding().items() if name not in NO_REASON_TO_WAIT]
        if self.waits:
            self.differences = []
            return True
        self.differences = [f"not everything was said after {DEADLINE_S:g} s"] if is_late else []
        self.differences += self._compare(on_x)
        return True

    def _has_said_all(self, on_x: list[dict[str, Any]]) -> bool:
        return any(event.job == LAST_JOB for event in self.made) and not list(_unknown(self.made, on_x))

    def _compare(self, on_x: list[dict[str, Any]]) -> Iterator[str]:
        report: Report = self.report(self._x_port, seed=0)
        self.verdicts = sum(day.accepted + sum(day.refused.values()) for day in report.days)
        for day in report.days:
            if not day.right:
                yield f"day {day.day} is {msgspec.json.encode(day).decode()}"
            if day.outcome != DayOutcome.VOID:
                yield from self._owed_end(self._closes_at_ms + day.moved_ms)
        for what, found in (("audit", report.audit), ("posts", report.posts)):
            if found != "ok":
                yield f"{what}: {found}"
        yield from _posted_wrongly(self.made, on_x)
        for window in ask_x(self._x_port, "GET", "/_sim/rates")["windows"]:
            # A process that was started again does not know what its predecessor has asked: X's first 429 tells it.
            # And of the two who ask for the rules when they begin one may be under way while the other is refused.
            early = window["early"] - window["endpoint"].endswith("/stream/rules")
            if self._is_first and (window["exceeded"] or early > 0):
                yield f"X was asked too often: {window}"
        for child in self._supervisor.tree():
            if child.restarts:
                yield f"{child.name} has died {child.restarts} times"

    def _owed_end(self, ends_at_ms: int) -> Iterator[str]:
        """The leads that must have moved the end, and have not: won in the soft close, whoever else is gone by now, and
        shown by X before the end was frozen."""
        rules = self._settings.rules_for(1)
        latest_ms = self._closes_at_ms + rules.soft_close_cap_ms
        truth = ask_x(self._x_port, "GET", "/_sim/truth")["posts"]
        posts = [post for post in truth if post["posted_at_ms"] < ends_at_ms]
        stayed = [post | dict.fromkeys(GONE) for post in posts]
        leading = self._led(posts, rules, ends_at_ms) & self._led(stayed, rules, ends_at_ms)
        for post in posts:
            owed_ms = min(post["posted_at_ms"] + rules.soft_close_ms, latest_ms)
            shown_ms = min([*post["streamed_at_ms"], post["read_at_ms"] or self._frozen_ms], default=self._frozen_ms)
            if post["id"] in leading and owed_ms > ends_at_ms and shown_ms < self._frozen_ms - ON_ITS_WAY_MS:
                yield f"the end owes {owed_ms - ends_at_ms} ms to {post['text']!r}"

    @staticmethod
    def _led(posts: list[dict[str, Any]], rules: Rules, ends_at_ms: int) -> set[str]:
        """Which of them won the lead, as those before them stood."""
        own = {int(post["conversation_id"]) for post in posts}
        opened_at_ms = min((post["posted_at_ms"] for post in posts), default=ends_at_ms)
        accepted = [
            judge(posts[:count], rules, own, opened_at_ms, ends_at_ms)["accepted"] for count in range(len(posts) + 1)
        ]
        return {
            post["id"] for post, before, after in zip(posts, accepted, accepted[1:], strict=False) if after > before
        }


@contextmanager
def _clock_of(seed: int, console: Console) -> Iterator[None]:
    """The machine's clock is wrong from the start, or right, and is set now and then; that of X is always right."""
    random = Random(f"{seed}:clock")
    offsets = [random.choice((0, 12_000, random.randint(-FARTHEST_MS, FARTHEST_MS)))]
    offsets += [random.randint(-FARTHEST_MS, FARTHEST_MS) for _ in range(random.choice((0, 0, 1, 3)))]
    began_s, right_ns = time.monotonic(), time.time_ns
    jumps_s = sorted(random.uniform(0, START_MS / 1000 + DAY_S) for _ in offsets[1:])
    console.print({"our clock is ahead by (ms)": offsets, "jumps_s": jumps_s})

    def wrong_ns() -> int:
        passed_s = time.monotonic() - began_s
        return right_ns() + offsets[sum(at_s <= passed_s for at_s in jumps_s)] * 1_000_000

    time.time_ns = wrong_ns
    try:
        yield
    finally:
        time.time_ns = right_ns


def play(seed: int, suspended: float = 0.5) -> Outcome:
    """A day with the faults of this seed; `suspended` is an option of the crowd.

    To be called in the main thread, because it takes the process's signals.
    """
    began_s = time.monotonic()
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger().addHandler(handler)
    try:
        with TemporaryDirectory(prefix="oracle-") as folder:
            watcher = _day(seed, suspended, Path(folder) / "day", Console(file=said, width=200))
            differences, waits, verdicts = watcher.differences or [], watcher.waits, watcher.verdicts
    except Exception as fault:  # whatever it is, it is this seed's: the others go on
        logging.getLogger().exception("the day could not be played")
        differences, waits, verdicts = [f"{type(fault).__name__}: {fault}"], [], 0
    finally:
        logging.getLogger().removeHandler(handler)
    return Outcome(seed, time.monotonic() - began_s, differences, waits, verdicts, said.getvalue())


def _day(seed: int, suspended: float, data_dir: Path, console: Console) -> Watcher:
    plan = DemoPlan(seed=seed, days=1, day_seconds=DAY_S, bidders=BIDDERS, first_opens_at_ms=0)
    settings = demo_settings(load(None, {}), plan, data_dir, port=0)
    settings = msgspec.structs.replace(settings, x=msgspec.structs.replace(settings.x, request_timeout_ms=REQUEST_MS))
    port, _ = simulated_x(data_dir, x_options(settings, plan) | {"suspended": suspended})
    try:
        _make_trouble(seed, port, console)
        plan = msgspec.structs.replace(plan, first_opens_at_ms=wall_clock_ms() + START_MS)
        days = days_of(settings, plan)
        dependencies = bootstrap.Dependencies(base_url(port), CREDENTIALS, days, begin_late=True)
        with _clock_of(seed, console):
            for number, leave_at_s in enumerate((*_restarts_s(seed), float("inf"))):
                watcher = Watcher(settings, console, port, days[0].window.closes_at_ms, leave_at_s, number == 0)
                code = supervisor.run(settings, dependencies, watcher.begin, watcher.is_over)
                if code:
                    watcher.differences = [f"the process ended with {code}", *(watcher.differences or ())]
                if watcher.differences is not None:
                    break
        return watcher
    finally:
        end_simulated_x(data_dir, port)


def _restarts_s(seed: int) -> Sequence[float]:
    """When the process leaves, to be started again at once."""
    random = Random(f"{seed}:restarts")
    leaves = [random.uniform(0, START_MS / 1000 + DAY_S) for _ in range(random.choice((0, 0, 1)))]
    return [time.monotonic() + leave_s for leave_s in sorted(leaves)]


def _make_trouble(seed: int, port: int, console: Console) -> None:
    random = Random(f"{seed}:limits")
    for endpoint, (low, high) in TIGHT.items():
        if random.random() < 0.4:
            limit = {"endpoint": endpoint, "limit": random.randint(low, high)}
            ask_x(port, "POST", "/_sim/rates", limit)
            console.print(limit)
    order = {"seed": seed, "duration_ms": TROUBLE_MS, "longest_ms": LONGEST_MS}
    for step in ask_x(port, "POST", "/_sim/schedule", order)["steps"]:
        console.print(step)


def _unknown(made: list[PostMade], on_x: list[dict[str, Any]]) -> Iterator[str]:
    """The announcements that nobody has noted. A reply is a receipt: one whose answer is lost is left as it is."""
    known = {str(event.post_id) for event in made}
    for post in on_x:
        if post["id"] not in known and post["replied_to"] is None:
            yield f"nobody knows of the post {post['text']!r}"


def _posted_wrongly(made: list[PostMade], on_x: list[dict[str, Any]]) -> Iterator[str]:
    """Whether what stands on X is what the log says was made, each of it once."""
    yield from _unknown(made, on_x)
    jobs = Counter(event.job for event in made)
    yield from (f"{job} was made {count} times" for job, count in jobs.items() if count > 1)
    texts = Counter((post["replied_to"], post["text"]) for post in on_x)
    yield from (f"{text!r} stands on X {count} times" for (_, text), count in texts.items() if count > 1)
    there = {post["id"] for post in on_x}
    yield from (f"{event.job} does not stand on X" for event in made if str(event.post_id) not in there)
