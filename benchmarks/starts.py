"""Many starts of a house, as the other benchmarks make them, under load of CPU and disk. `make starts RUNS=1000`.

Each is to be seen open within ten seconds from its command on, whatever else the machine does. Two are made at a time.
Exit code 1 where one was not. The load is a busy loop, and a writer that syncs as much as the disk takes.
"""

import argparse
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from benchmarks.running import RunningHouse

AT_A_TIME = 2
WITHIN_S = 10.0
BLOCK, BLOCKS = 2**20, 64  # bytes a write, and writes until the file is begun anew


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000, help="starts (default 1000)")
    parser.add_argument("--within", type=float, default=WITHIN_S, metavar="S", help="each is open by then (default 10)")
    parser.add_argument("--busy", type=int, default=1, metavar="N", help="busy loops beside them (default 1)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started here ends with it
    console, taken_s, wrong = Console(stderr=True), list[float](), 0
    with loaded(args.busy), ThreadPoolExecutor(AT_A_TIME) as pool, Progress(console=console) as progress:
        for found in progress.track(pool.map(start, range(args.runs)), total=args.runs, description="starting"):
            if isinstance(found, float):
                taken_s.append(found)
            if isinstance(found, str) or found > args.within:
                wrong += 1
                console.print(found if isinstance(found, str) else f"open only after {found:.1f} s", markup=False)
    if taken_s:
        least, median, most = min(taken_s), statistics.median(taken_s), max(taken_s)
        print(f"open after: min {least:.2f} s, median {median:.2f} s, max {most:.2f} s")
    print(f"{args.runs} starts, {wrong} not open within {args.within:g} s")
    return int(wrong > 0)


def start(_number: int) -> float | str:
    """Seconds from the command until the house was seen open, or why it was not."""
    with tempfile.TemporaryDirectory(prefix="start-") as folder:
        began_s = time.monotonic()
        try:
            with RunningHouse(Path(folder)):
                return time.monotonic() - began_s
        except RuntimeError as fault:
            return str(fault)


@contextmanager
def loaded(busy: int) -> Iterator[None]:
    """Inside, so many cores and the disk are busy."""
    works = [*[_compute] * busy, _write]
    # Not forked: threads are about to start here.
    spawned = multiprocessing.get_context("spawn")
    processes = [spawned.Process(target=work, args=(os.getpid(),), daemon=True) for work in works]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _compute(parent_id: int) -> None:
    """Until the parent is gone, which may have been killed."""
    while os.getppid() == parent_id:
        pass


def _write(parent_id: int) -> None:
    block = os.urandom(BLOCK)
    with tempfile.TemporaryFile() as file:  # it has no name, so nothing is left of it when its process is killed
        while os.getppid() == parent_id:
            file.seek(0)
            for _ in range(BLOCKS):
                file.write(block)
                os.fsync(file.fileno())


if __name__ == "__main__":
    sys.exit(main())
