"""Demo days of many seeds, each watched as a viewer sees it and the host speaks of it: nothing may name a leader who
does not lead. `make leaders`, or python -m tests.system.demo.who_leads --seeds 50.

Exit code 1 where something does: the seed and what was shown or said.
"""

import argparse
import asyncio
import multiprocessing
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track

import bootstrap
import supervisor
from adapters.livestream.hub import Viewer
from adapters.wall_clock import wall_clock_ms
from commands.compressed import START_MS, DemoPlan, days_of, demo_settings, x_options
from commands.follow import Follower
from commands.simulated import CREDENTIALS, base_url, end_simulated_x, simulated_x
from process import Process
from settings import load
from tests.harness.privates import hub_of, loop_of
from tests.harness.who_leads import wrong_frames, wrong_lines

DEADLINE_S = 120.0
ENTRIES = 1_000_000


class Watched(msgspec.Struct, frozen=True):
    """What became of a seed: how many lines and frames there were, and what was wrong with them."""

    seed: int
    lines: int
    frames: int
    wrong: list[str]


class Watcher(Follower):
    """Keeps every frame that a viewer gets, and at the end compares them and the host's lines with the log."""

    def begin(self, process: Process) -> None:
        super().begin(process)
        self.frames: list[dict[str, Any]] = []
        self.wrong: list[str] | None = None
        self.lines = 0
        self._not_after_s = time.monotonic() + DEADLINE_S
        viewer = Viewer(self._keep, self._leave)
        self._viewing = asyncio.run_coroutine_threadsafe(hub_of(process).feed(viewer), loop_of(process).loop)

    def _leave(self) -> None:
        self._viewing.cancel()

    async def _keep(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))

    def is_over(self) -> bool:
        """Whether the day has ended; then `wrong` says what was."""
        self.look()
        is_late = time.monotonic() > self._not_after_s
        if not self.ended and not is_late:
            return False
        entries = self._log.read(0, ENTRIES)
        self.lines = sum(entry.count for entry in entries if entry.writer == "eliza_bridge")
        self.wrong = ["the day has not ended"] * is_late + [*wrong_lines(entries), *wrong_frames(self.frames, entries)]
        return True


def watch(seed: int, day_seconds: float = 5.0) -> Watched:
    """A demo day of this seed. To be called in the main thread, because it takes the process's signals."""
    with TemporaryDirectory(prefix="leaders-") as folder:
        data_dir = Path(folder) / "day"
        plan = DemoPlan(seed=seed, days=1, day_seconds=day_seconds, bidders=20, first_opens_at_ms=0)
        settings = demo_settings(load(None, {}), plan, data_dir, port=0)
        port, _ = simulated_x(data_dir, x_options(settings, plan))
        try:
            plan = msgspec.structs.replace(plan, first_opens_at_ms=wall_clock_ms() + START_MS)
            dependencies = bootstrap.Dependencies(base_url(port), CREDENTIALS, days_of(settings, plan))
            watcher = Watcher(settings, Console(quiet=True))
            code = supervisor.run(settings, dependencies, watcher.begin, watcher.is_over)
            wrong = [f"the process ended with {code}"] if code or watcher.wrong is None else watcher.wrong
            return Watched(seed, watcher.lines, len(watcher.frames), wrong)
        finally:
            end_simulated_x(data_dir, port)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50, help="days to watch (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="of the first; the next one is one more (default 1)")
    parser.add_argument("--jobs", type=int, default=4, help="days at a time; mostly they wait (default 4)")
    arguments = parser.parse_args()
    console = Console(stderr=True, highlight=False)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    # A process for each day, forked from one that has imported everything and started nothing.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["supervisor", "commands.compressed"])
    with context.Pool(arguments.jobs, maxtasksperchild=1) as pool:
        watching = pool.imap_unordered(watch, seeds)
        found = list(track(watching, "days watched", total=len(seeds), console=console))
    for day in sorted(found, key=lambda day: day.seed):
        for what in day.wrong:
            console.print(f"seed {day.seed}: {what}", markup=False, soft_wrap=True)
    lines, frames = sum(day.lines for day in found), sum(day.frames for day in found)
    wrong = sum(len(day.wrong) for day in found)
    print(f"{len(found)} days, {lines} lines of the host and {frames} frames: {wrong} name a leader who does not lead")
    return int(wrong > 0 or not lines or not frames)


if __name__ == "__main__":
    sys.exit(main())
