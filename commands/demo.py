"""`demo`: a compressed marathon with everything simulated, checked against the simulator's ground truth.

The simulated X is a process of its own and outlives a killed supervisor, as X would. The same command with the same
data directory goes on where it was; a demo that has been reported begins anew.
"""

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console

import supervisor
from actors.scheduler import DayPlan
from adapters.redis.errors import StoreError
from adapters.redis.log import LogReader
from auction.calendar import Window
from auction.words import log_line
from commands.common import CommandError
from commands.report import Report, report_of, table_of
from commands.simulated import CREDENTIALS, base_url, simulated_x
from messages.base import Lot
from messages.events import (
    AnyEvent,
    BidRefused,
    CharacterSpoke,
    MarathonEnded,
    PostAttempted,
    PostMade,
    PostRefused,
    ResultNamed,
    WatermarkMoved,
)
from settings import Settings, load
from simulator.launch import ask_x

PLAN_FILE = "demo.json"
MARATHON = "demo"
REAL_WINDOW_MS = 3_600_000
ENTRIES_A_LOOK = 256
# What happens too often, or too far inside, to be worth a line of a demo.
QUIET = (BidRefused, CharacterSpoke, PostAttempted, WatermarkMoved)
START_MS = 1_500  # until the first day opens: what a start of everything takes


class DemoPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a data directory's demo is: the options that it was begun with, and when its first day opens (UTC ms)."""

    seed: int
    days: int
    day_seconds: float
    bidders: int
    first_opens_at_ms: int
    reported: bool = False


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("demo", help="a compressed marathon, everything simulated", description=__doc__)
    parser.add_argument("--days", type=_bounded(int, 1, 99), default=2, metavar="N", help="auctions (default 2)")
    parser.add_argument(
        "--day-seconds", type=_bounded(float, 5, 86_400), default=40.0, metavar="S", help="a day's length (default 40)"
    )
    parser.add_argument(
        "--bidders", type=_bounded(int, 2, 10_000), default=12, metavar="N", help="bidders (default 12)"
    )
    parser.add_argument("--seed", type=_bounded(int, 0, 2**31), default=1, metavar="K", help="the crowd's (default 1)")
    parser.add_argument("--once", action="store_true", help="end with the marathon, print the result, audit it")
    parser.add_argument("--report", type=Path, metavar="FILE", help="the result as JSON, with --once")
    parser.add_argument("--port", type=_bounded(int, 0, 65_535), default=0, metavar="P", help="the stage page's port")
    parser.add_argument("--data-dir", type=Path, default=Path("build/demo"), metavar="D", help="default build/demo")
    parser.set_defaults(run=run)


def _bounded(kind: type[float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = most + 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return number

    return read


def run(args: argparse.Namespace) -> int:
    if args.report and not args.once:
        raise CommandError("--report is written at the end of the marathon: it goes with --once")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    plan = _plan(args)
    settings = demo_settings(load(None, dict(os.environ)), plan, args.data_dir, args.port)
    port = simulated_x(args.data_dir, x_options(settings, plan))
    surroundings = supervisor.Surroundings(base_url(port), CREDENTIALS, days_of(settings, plan))
    follower = _Follower(settings, Console(stderr=True, highlight=False))
    reports: list[Report] = []

    def is_over() -> bool:
        if not follower.is_over():
            return False
        reports.append(follower.report(port, plan.seed))
        return True

    code = supervisor.run(settings, surroundings, follower.begin, is_over if args.once else follower.look)
    if not reports:
        if args.once:
            print(f"not finished; the same command goes on with {args.data_dir}", file=sys.stderr)
        return code or int(args.once)
    report = reports[0]
    Console(highlight=False).print(table_of(report))
    if args.report:
        args.report.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    _write_plan(args.data_dir, msgspec.structs.replace(plan, reported=True))
    ask_x(port, "POST", "/_sim/stop", {})
    return code or (0 if report.right else 1)


# ---- the plan of the days


def _plan(args: argparse.Namespace) -> DemoPlan:
    """The plan that the directory holds, or a new one."""
    asked = {name: getattr(args, name) for name in ("seed", "days", "day_seconds", "bidders")}
    file = args.data_dir / PLAN_FILE
    if file.exists():
        plan = msgspec.json.decode(file.read_bytes(), type=DemoPlan)
        if not plan.reported:
            begun = {name: getattr(plan, name) for name in asked}
            if begun != asked:
                words = " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in begun.items())
                raise CommandError(
                    f"{args.data_dir} holds an unfinished demo, begun with {words}; go on with these, "
                    "or choose another --data-dir"
                )
            return plan
        shutil.rmtree(args.data_dir)
    elif args.data_dir.exists() and any(args.data_dir.iterdir()):
        raise CommandError(f"{args.data_dir} is not empty and holds no demo; choose another --data-dir")
    args.data_dir.mkdir(parents=True, exist_ok=True)
    plan = DemoPlan(**asked, first_opens_at_ms=supervisor.clock_ms() + START_MS)
    _write_plan(args.data_dir, plan)
    return plan


def _write_plan(data_dir: Path, plan: DemoPlan) -> None:
    written = data_dir / f"{PLAN_FILE}.new"
    written.write_bytes(msgspec.json.encode(plan))
    written.replace(data_dir / PLAN_FILE)


def demo_settings(shipped: Settings, plan: DemoPlan, data_dir: Path, port: int) -> Settings:
    """The shipped settings with every duration scaled to the demo's day: six tenths of it are the window."""
    day_ms = plan.day_seconds * 1000
    window_ms = day_ms * 0.6

    def scaled(real_ms: int, least_ms: int) -> int:
        return max(round(real_ms * window_ms / REAL_WINDOW_MS), least_ms)

    replace = msgspec.structs.replace
    rules = replace(
        shipped.rules,
        soft_close_ms=scaled(shipped.rules.soft_close_ms, 1),
        soft_close_cap_ms=round(day_ms * 0.1),
        delivery_allowance_ms=scaled(shipped.rules.delivery_allowance_ms, 200),
        close_bound_ms=scaled(shipped.rules.close_bound_ms, 30_000),
    )
    return replace(
        shipped,
        data_dir=data_dir,
        marathon=replace(shipped.marathon, id=MARATHON, days=plan.days, first_date=date(2027, 3, 1)),
        rules=rules,
        x=replace(
            shipped.x,
            mode="simulated",
            search_lag_ms=scaled(shipped.x.search_lag_ms, 300),
            sweep_interval_ms=scaled(shipped.x.sweep_interval_ms, 1_000),
            sweep_lag_ms=scaled(shipped.x.sweep_lag_ms, 300),
            request_timeout_ms=2_000,
        ),
        redis=replace(shipped.redis, url=""),
        http=replace(shipped.http, public_port=port, private_port=0, inject_enabled=True),
        livestream=replace(shipped.livestream, timer_interval_ms=500),
        chain=replace(shipped.chain, rpc_url=""),
    )


def days_of(settings: Settings, plan: DemoPlan) -> Sequence[DayPlan]:
    """The days, one after the other, from the first opening on."""
    day_ms = round(plan.day_seconds * 1000)
    days = []
    for day in range(1, plan.days + 1):
        opens_at_ms = plan.first_opens_at_ms + (day - 1) * day_ms
        window = Window(
            day=day,
            local_date=date(2027, 3, 1),
            opens_at_ms=opens_at_ms,
            closes_at_ms=opens_at_ms + round(day_ms * 0.6),
        )
        lot = Lot(token_id=day, title=f"Demo lot {day}")
        days.append(DayPlan(supervisor.auction_id(settings, day), window, lot, settings.rules_for(1)))
    return days


# ---- the simulated X


def x_options(settings: Settings, plan: DemoPlan) -> dict[str, object]:
    """How the simulated X of this demo behaves: everything scaled like the day."""
    rules = settings.rules_for(1)
    window_ms = round(plan.day_seconds * 600)
    return {
        "seed": plan.seed,
        "keepalive-s": 1,
        "stream-latency-ms": 20,
        "rules-delay-ms": 0,
        "index-lag-ms": settings.x.search_lag_ms // 2,
        "search-end-lag-ms": settings.x.search_lag_ms,
        "hashtag": rules.hashtag,
        "window-ms": window_ms,
        "after-close-ms": window_ms // 10,
        "bidders": plan.bidders,
        "bids": 5 * plan.bidders,
        "reserve-wei": int(rules.reserve_wei),
        "increment-wei": int(rules.increment_wei),
        "increment-basis-points": rules.increment_basis_points,
        "minimum-account-age-ms": rules.minimum_account_age_ms,
        "late-ms": window_ms // 20,
    }


# ---- following what happens


class _Follower:
    """Tells what happens on the terminal, and knows when the marathon is over and everything is posted."""

    def __init__(self, settings: Settings, console: Console) -> None:
        self._settings, self._console = settings, console
        self._after = 0
        self._unposted: set[str] = set()
        self._days_ended = False

    def begin(self, process: supervisor.Process) -> None:
        """The process is up: from here on its log can be read."""
        self._log = LogReader(process.client, process.keys)
        self._client, self._keys = process.client, process.keys
        self._console.print(f"stage page http://127.0.0.1:{process.public_port}/")
        self._console.print(f"status     auction-manager status --data-dir {self._settings.data_dir}")

    @property
    def ended(self) -> bool:
        """Every day has its outcome, and every result stands on X."""
        return self._days_ended and not self._unposted

    def look(self) -> bool:
        """Shows what is new; answers that nothing has to end."""
        try:
            entries = self._log.read(self._after, ENTRIES_A_LOOK)
        except StoreError:
            return False  # the store is away; the supervisor sees to that, and the next look shows what was missed
        for entry in entries:
            for _, event in entry.events_after(self._after):
                self._hear(event)
            self._after = entry.last_seq
        return False

    def is_over(self) -> bool:
        """Shows what is new; answers whether that was all."""
        self.look()
        return self.ended

    def report(self, x_port: int, seed: int) -> Report:
        """The marathon held against the simulator's ground truth."""
        truth = ask_x(x_port, "GET", "/_sim/truth")
        return report_of(self._client, self._keys, seed, truth, self._settings.marathon.time_zone)

    def _hear(self, event: AnyEvent) -> None:
        match event:
            case ResultNamed():
                self._unposted.add(f"result:{event.auction_id}")
            case PostMade() | PostRefused():
                self._unposted.discard(event.job)
            case MarathonEnded():
                self._days_ended = True
        if not isinstance(event, QUIET):
            self._console.print(log_line(event), markup=False)
