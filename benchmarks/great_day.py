"""A day on which very many reply: does it close by itself, with the right result? `make great-day REPLIES=150000`.

A whole process with its server plays one compressed day beside a simulated X that is a process too. Up to 10,000
replies the lags and X's rate windows are the real ones and only the day is short; beyond, both are a sixth, as the
day is. The process is killed (SIGKILL) twice while the day is being closed. In the end every verdict is held against
the ground truth, X must never have been asked beyond a window, and only the auction itself may have named the result.
"""

import argparse
import logging
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import redis
from rich.console import Console
from rich.progress import Progress

import bootstrap
import supervisor
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreError
from adapters.redis.keys import Keys
from adapters.redis.log import LogReader
from adapters.wall_clock import wall_clock_ms
from commands.compressed import MARATHON, RATE_WINDOW_MS, DemoPlan, days_of, demo_settings, x_options
from commands.report import Report, report_of, table_of
from commands.simulated import CREDENTIALS, base_url, simulated_x
from messages.base import Phase
from messages.events import EndFrozen, ResultNamed
from settings import Settings, load
from simulator.launch import ask_x, port_of
from tests.harness import ROOT
from tests.harness.processes import begin, end, end_x

REAL_REPLIES = 10_000  # up to so many all lags are real
KILLED_AFTER_S = (5.0, 10.0)  # of real lags: at the latest so long after the end is frozen, and after a start
END_S = 30.0
OPENS_MS = 12_000  # after the start: what opens too late, on a machine that is busy, is void
POLL_S = 0.05


class GreatDay(msgspec.Struct, frozen=True, kw_only=True):
    """The day: how many reply within how long, and what of X's and our own lags is left of the real ones."""

    replies: int
    window_s: float
    scale: float
    opens_at_ms: int = 0

    @property
    def plan(self) -> DemoPlan:
        bidders = min(max(self.replies // 20, 2), 10_000)
        return DemoPlan(
            seed=1, days=1, day_seconds=self.window_s / 0.6, bidders=bidders, first_opens_at_ms=self.opens_at_ms
        )

    def settings(self, data_dir: Path) -> Settings:
        """Those of a demo of this length, with lags of their own."""
        shipped, scale, replace = load(None, {}), self.scale, msgspec.structs.replace
        demo = demo_settings(shipped, self.plan, data_dir, 0)
        x = replace(
            demo.x,
            search_lag_ms=round(shipped.x.search_lag_ms * scale),
            sweep_interval_ms=round(shipped.x.sweep_interval_ms * scale),
            sweep_lag_ms=round(shipped.x.sweep_lag_ms * scale),
        )
        allowance_ms, bound_ms = shipped.rules.delivery_allowance_ms, shipped.rules.close_bound_ms
        rules = replace(
            demo.rules,
            delivery_allowance_ms=round(allowance_ms * scale),
            close_bound_ms=max(round(bound_ms * scale), demo.rules.close_bound_ms),
        )
        return replace(demo, x=x, rules=rules)

    def x_options(self, data_dir: Path) -> dict[str, object]:
        """How the simulated X of this day behaves."""
        return x_options(self.settings(data_dir), self.plan) | {
            "bids": self.replies,
            "rate-window-ms": round(RATE_WINDOW_MS * self.scale),
            "rate-day-ms": 86_400_000,
            "idle-exit-s": 120,
        }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=150_000, help="default 150000")
    parser.add_argument("--window-s", type=float, help="how long they may bid; default 60, and 600 for more than 10000")
    parser.add_argument("--scale", type=float, help="of all lags; default 1, and 1/6 for more than 10000 replies")
    parser.add_argument("--kills", type=int, default=2, choices=range(3), help="while it is closed; default 2")
    parser.add_argument("--within-s", type=float, default=2_400.0, help="until the result; default 2400")
    parser.add_argument("--play", type=Path, help=argparse.SUPPRESS)  # the other process: plays in this directory
    parser.add_argument("--opens-at-ms", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    is_real = args.replies <= REAL_REPLIES
    day = GreatDay(
        replies=args.replies,
        window_s=args.window_s or (60.0 if is_real else 600.0),
        scale=args.scale or (1.0 if is_real else 1 / 6),
        opens_at_ms=args.opens_at_ms or wall_clock_ms() + OPENS_MS,
    )
    if args.play:
        return play(args.play, day)
    with tempfile.TemporaryDirectory(prefix="great-day-") as folder:
        data_dir = Path(folder) / "data"
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started here ends with it
        try:
            return watch(data_dir, day, args.kills, args.within_s)
        finally:
            end_x(data_dir)


def play(data_dir: Path, day: GreatDay) -> int:
    """Be the process, until it is asked to end."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = day.settings(data_dir)
    port, _ = simulated_x(data_dir, day.x_options(data_dir))
    dependencies = bootstrap.Dependencies(base_url(port), CREDENTIALS, days_of(settings, day.plan), begin_late=True)
    return supervisor.run(settings, dependencies)


class House:
    """The process that plays, from outside. `peak_mb` is the most memory that one of its lives had."""

    def __init__(self, data_dir: Path, day: GreatDay) -> None:
        self._command = [sys.executable, "-m", "benchmarks.great_day", "--play", str(data_dir)]
        self._command += ["--replies", str(day.replies), "--window-s", str(day.window_s), "--scale", str(day.scale)]
        self._command += ["--opens-at-ms", str(day.opens_at_ms)]
        self._log = data_dir.parent / "words"
        self._server, self._keys = EmbeddedServer(data_dir), Keys(MARATHON)  # only asked
        self._client: redis.Redis | None = None
        self.peak_mb = 0.0

    def start(self) -> None:
        """Start the house's process, or one that goes on where a killed one has left off."""
        with self._log.open("ab") as log:
            self._process = begin(self._command, cwd=ROOT, stderr=log)

    def kill(self) -> None:
        """SIGKILL: server and X live on."""
        self.look()
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it in good order, its server too."""
        end(self._process, END_S)

    def look(self) -> None:
        """See how much memory it has taken."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "0 0")
        self.peak_mb = max(self.peak_mb, int(line.split()[1]) / 1024)

    @property
    def client(self) -> redis.Redis:
        """A client of our own on its server."""
        if self._client is None:
            self._client = connect(self._server.url)
        return self._client

    def day(self) -> tuple[str, int, int]:
        """Phase, watermark and end of the day; nothing where there is none yet. Raises RuntimeError where it ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"it has ended with {self._process.returncode}: {self.words()}")
        try:
            phase, *times = execute(self.client, "HMGET", self._keys.day(1), "phase", "watermark_ms", "ends_at_ms")
        except StoreError:  # it is not up yet, or gone with the process, which the next look tells
            return "", 0, 0
        return (phase or b"").decode(), *(int(each or 0) for each in times)  # type: ignore[return-value]  # two times

    def words(self) -> str:
        """What it has said last."""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def watch(data_dir: Path, day: GreatDay, kills: int, within_s: float) -> int:
    """Have the day played, kill while it is closed, and judge it. Prints the figures; 1 where something is wrong."""
    house, keys = House(data_dir, day), Keys(MARATHON)
    house.start()
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("the day is held", total=day.window_s)
            until_s = time.monotonic() + within_s
            _until_phase(
                house, (Phase.PROCESSING, Phase.COMPLETED), until_s, lambda: progress.update(task, advance=POLL_S)
            )
            progress.add_task("the day is closed", total=None)
            killed = sum(_kill(house, day.scale * each + day.replies / 5_000) for each in KILLED_AFTER_S[:kills])
            _until_phase(house, (Phase.COMPLETED,), until_s, house.look)
        house.look()
        report, (frozen, named) = judged(house.client, keys, data_dir)
        windows = ask_x(_port(data_dir), "GET", "/_sim/rates")["windows"]
    finally:
        house.end()
    faults = [] if report.right else ["the result is not that of the ground truth"]
    faults += [f"{named.by} has named the result"] if named.by else []
    faults += [f"X was asked too often: {window}" for window in windows if window["exceeded"] or window["early"]]
    faults += [f"killed {killed} times only"] if killed < kills else []
    requests = Counter({f"{window['endpoint']} ({window['by']})": window["total"] for window in windows})
    Console(stderr=True).print(table_of(report))
    [judged_day] = report.days
    verdicts = judged_day.accepted + sum(judged_day.refused.values())
    print(
        f"{day.replies:,} replies within {day.window_s:g} s, {verdicts:,} verdicts on what was in time, "
        f"lags of {day.scale:.3g} of the real ones, "
        f"killed {killed} times in the close\n"
        f"from the end to the result: {(named.at_ms - frozen.ends_at_ms) / 1000:.1f} s\n"
        f"requests: {', '.join(f'{number:,} {name}' for name, number in requests.most_common())}\n"
        f"memory of the process: {house.peak_mb:.0f} MB at the most"
    )
    print("\n".join(f"NOT RIGHT: {fault}" for fault in faults) or "right: every verdict is that of the ground truth")
    return int(bool(faults))


def _until_phase(house: House, phases: tuple[Phase, ...], until_s: float, meanwhile: Any) -> None:
    while house.day()[0] not in phases:
        if time.monotonic() > until_s:
            raise RuntimeError(f"the day has not come to {phases[-1]}: {house.day()}; {house.words()}")
        meanwhile()
        time.sleep(POLL_S)


def _kill(house: House, after_s: float) -> bool:
    """Kill it once half of what is not proven yet is, or after a while, and start it again; False where it is over."""
    _, watermark_ms, ends_at_ms = house.day()
    half_ms, until_s = (watermark_ms + ends_at_ms) // 2, time.monotonic() + after_s
    while (seen := house.day())[1] < half_ms and seen[0] == Phase.PROCESSING and time.monotonic() < until_s:
        time.sleep(POLL_S)
    if seen[0] != Phase.PROCESSING:
        return False
    house.kill()
    house.start()
    return True


def judged(client: redis.Redis, keys: Keys, data_dir: Path) -> tuple[Report, tuple[EndFrozen, ResultNamed]]:
    """The report, and when the day was frozen and its result named."""
    port, posts, after = _port(data_dir), list[Any](), "0"
    while page := ask_x(port, "GET", f"/_sim/truth?after={after}")["posts"]:
        posts += page
        after = page[-1]["id"]
    account = ask_x(port, "GET", f"/_sim/truth?after={after}")["account"]
    report = report_of(client, keys, 1, {"posts": posts, "account": account})
    found = dict[type, Any]()
    for entry in LogReader(client, keys).entries():
        if not entry.kinds.isdisjoint((EndFrozen, ResultNamed)):
            found |= {type(event): event for event in entry.events()}
    if EndFrozen not in found:
        raise RuntimeError(f"the day was not held: {report.days}")
    return report, (found[EndFrozen], found[ResultNamed])


def _port(data_dir: Path) -> int:
    port = port_of(data_dir)
    if port is None:
        raise RuntimeError("the simulated X does not answer")
    return port


if __name__ == "__main__":
    sys.exit(main())
