"""A house that is killed, or finds the disk full, at each operation on each of its files: `make disk-faults`.

One life is the real process of a house (or the making of a demo's plan, or a simulated X), forked, from its start to
its end in good order. A hook counts what it does to files, and at one of these operations kills it or lets the
operation fail. Or its files may not grow beyond a random size, or its disk has random room left (a real one in memory,
where one may be mounted): then each write of it and of its server can be cut in the middle.

Around it lie canaries: the working directory, and a folder beside the data directory. Then must hold: nothing outside
of the data directory has changed; who was not killed has said why in one line and has left nobody behind; and the next
life works and still has what was acknowledged. Exit code 1 where that did not hold.
"""

import argparse
import errno
import fcntl
import hashlib
import itertools
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import Progress

import bootstrap
import supervisor
from adapters.redis.client import execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreError
from commands.common import CommandError
from commands.simulated import CREDENTIALS, end_simulated_x, simulated_x
from ledger.entry import LogDamaged
from process import Process
from settings import load
from simulator.launch import PORT_FILE
from simulator.x.__main__ import main as be_x
from supervision import GAVE_UP
from tests.harness.disks import can_mount, mount, unmount
from tests.harness.privates import end_planned_demo
from tests.harness.processes import end_world

AT_A_TIME = 2
LIFE_S, END_S = 60, 5
SAME, DEPTH = 2, 8  # calls of one place that count; frames of the standard library between it and the function
DISK_BYTES = 2**22
MOST_BYTES = 200_000  # more than the server writes in a life
OPERATIONS = {"open", "mkdir", "chmod", "unlink", "rename", "replace", "rmdir", "fsync", "write", "flush", "fork_exec"}
OUR_FILES = {"own_files.py", "embedded.py", "process_file.py", "launch.py", "demo.py"}
KEY = "what is acknowledged"


class Fault(StrEnum):
    """What happens to a life."""

    KILLED = "killed before an operation"
    REFUSED = "an operation finds the disk full"
    CUT = "no file may grow further"
    FULL = "a disk with so much room"


class Before(StrEnum):
    """What is there when a life begins."""

    NOTHING = "a new directory"
    ENDED = "one that ended in good order"
    ADOPTED = "the server of a killed house"
    ALL_KILLED = "a killed house and its killed server"


@dataclass(frozen=True)
class Place:
    """Where a run plays: all in one folder."""

    folder: Path
    is_deep: bool

    @property
    def data_dir(self) -> Path:
        """Of a deep one the path is too long for a socket in it."""
        return self.disk / Path("d" * 60, "e" * 60) if self.is_deep else self.disk / "data"

    @property
    def disk(self) -> Path:
        """What may be a file system of its own."""
        return self.folder / "disk"

    @property
    def work(self) -> Path:
        """The working directory of every life, and a canary."""
        return self.folder / "work"

    def canaries(self) -> dict[str, tuple[object, ...]]:
        """Everything outside of the data directory, to be compared."""
        found = dict[str, tuple[object, ...]]()
        for path in sorted(self.folder.rglob("*")):
            if self.disk in (path, *path.parents):
                continue
            stat = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (stat.st_ino, stat.st_mode, stat.st_mtime_ns, content)
        return found


@dataclass
class Life:
    """What became of one."""

    code: int
    operations: int
    acknowledged: int
    said: str


# ---- what lives


def house(place: Place, acknowledge: Callable[[int], None], dies: bool = False) -> int:
    """The real process, until it has written one value; the exit code."""
    settings = load(None, {})
    http = msgspec.structs.replace(settings.http, public_port=0, private_port=0)
    settings = msgspec.structs.replace(settings, data_dir=place.data_dir, http=http)

    def on_ready(process: Process) -> None:
        before = int(execute(process.client, "GET", KEY) or 0)
        acknowledge(before)
        execute(process.client, "SET", KEY, before + 1)
        acknowledge(before + 1)
        if dies:
            os.kill(os.getpid(), signal.SIGKILL)

    return supervisor.run(
        settings, bootstrap.Dependencies("http://127.0.0.1:9", CREDENTIALS, []), on_ready, lambda: True
    )


def plan(place: Place, acknowledge: Callable[[int], None]) -> int:
    """A demo's plan: made, ended, and made anew, which erases what the demo before has kept."""
    asked = Namespace(data_dir=place.data_dir, seed=1, days=1, day_seconds=5.0, bidders=2)
    end_planned_demo(asked)
    end_planned_demo(asked)
    return 0


def launched_x(place: Place, acknowledge: Callable[[int], None]) -> int:
    """Whoever starts a simulated X, and ends it."""
    port, _ = simulated_x(place.data_dir, {})
    end_simulated_x(place.data_dir, port)
    return 0


def own_x(place: Place, acknowledge: Callable[[int], None]) -> int:
    """The simulated X itself, which ends because nobody asks it."""
    place.data_dir.mkdir(parents=True, exist_ok=True)
    return be_x(["--idle-exit-s", "0.1", "--port-file", str(place.data_dir / PORT_FILE)])


# What lives, what may be there before, and how many operations it has at most.
SCENES: list[tuple[Callable[..., int], list[Before], int]] = [
    (house, list(Before), 34),
    (plan, [Before.NOTHING, Before.ENDED], 38),
    (launched_x, [Before.NOTHING, Before.ENDED], 16),
    (own_x, [Before.NOTHING], 10),
]


def live(be: Callable[..., int], place: Place, fault: Fault | None = None, at: int = 0, **options: Any) -> Life:
    """One life of it, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _begin(be, place, fault, at, writing, options)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as words:  # a pipe, which no full disk cuts
        said = words.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told = {word: int(number) for word, number in re.findall(r"^(operations|acknowledged) (\d+)$", said, re.MULTILINE)}
    return Life(code, told.get("operations", 0), told.get("acknowledged", 0), said)


def _begin(
    be: Callable[..., int], place: Place, fault: Fault | None, at: int, words: int, options: dict[str, Any]
) -> None:
    """The child, which does not return."""
    code = 99
    try:
        os.setsid()
        signal.alarm(LIFE_S)  # whoever hangs is ended by it
        os.chdir(place.work)
        os.dup2(words, 1)
        os.dup2(words, 2)
        hook = Hook(fault, at)
        if fault is Fault.CUT:
            resource.setrlimit(resource.RLIMIT_FSIZE, (at, resource.RLIM_INFINITY))
        sys.setprofile(hook)
        try:
            code = be(place, lambda number: _tell("acknowledged", number), **options)
        except (CommandError, StoreError, LogDamaged, OSError) as error:  # what the command line makes one line of
            print(f"auction-manager: {error}", file=sys.stderr)
            code = 1
        finally:
            sys.setprofile(None)
        _tell("operations", hook.count)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _tell(word: str, number: int) -> None:
    os.write(1, f"\n{word} {number}\n".encode())


class Hook:
    """Sees every call of a built-in function in this thread; counts those that do something to a file of ours.

    Who polls does the same again and again: of one place in the code the first two calls count."""

    def __init__(self, fault: Fault | None, at: int) -> None:
        self.count, self._fault, self._at = 0, fault, at
        self._places: Counter[tuple[object, int]] = Counter()

    def __call__(self, frame: FrameType, event: str, called: Any) -> None:
        if event != "c_call" or called.__name__ not in OPERATIONS or (place := _place(frame)) is None:
            return
        self._places[place] += 1
        if self._places[place] > SAME:
            return
        self.count += 1
        if self.count != self._at:
            return
        if self._fault is Fault.KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._fault is Fault.REFUSED:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _place(frame: FrameType | None) -> tuple[object, int] | None:
    """Where in our code this is called, perhaps through the standard library."""
    for _ in range(DEPTH):
        if frame is None:
            return None
        if os.path.basename(frame.f_code.co_filename) in OUR_FILES:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


# ---- one run: what was before, a life with a fault, and the next life


@dataclass(frozen=True)
class Case:
    """One run. `at` is the operation, or how many bytes a file may have."""

    be: Callable[..., int]
    before: Before
    is_deep: bool
    fault: Fault
    at: int

    def __str__(self) -> str:
        where = "deep" if self.is_deep else "short"
        return f"{self.be.__name__}, {self.before}, {where} path, {self.fault}: {self.at}"


@dataclass
class Outcome:
    """What was found wrong, in words, and whether the fault came to pass."""

    case: Case
    happened: bool = False
    wrong: list[str] = field(default_factory=list)


def play(case: Case) -> Outcome:
    """One run, in a folder of its own; one that goes wrong leaves it behind."""
    folder = Path(tempfile.mkdtemp(prefix="disk-"))
    place = Place(folder, case.is_deep)
    outcome = Outcome(case)
    _plant(place)
    canaries = place.canaries()
    if case.fault is Fault.FULL:
        mount(place.disk, DISK_BYTES)
    try:
        known = _prepare(case, place)
        with nearly_full(place.disk, case.at) if case.fault is Fault.FULL else nullcontext():
            life = live(case.be, place, case.fault, case.at)
        outcome.happened = life.code != 0
        _judge(outcome, place, life)
        after = live(case.be, place)
        if after.code != 0:
            outcome.wrong.append(f"the next life ended with {after.code}: {_last_line(after.said)}")
        most = next(most for be, _, most in SCENES if be is case.be)
        if after.operations > most:
            outcome.wrong.append(f"it has {after.operations} operations, and only {most} of them are tried")
        if case.be is house and after.acknowledged <= max(known, life.acknowledged):
            outcome.wrong.append(f"{life.acknowledged} was acknowledged, and then {after.acknowledged}")
        if beside := [path.name for path in place.data_dir.glob(".*")]:
            outcome.wrong.append(f"the next life has left {beside}")
        outcome.wrong += _left(place)
    finally:
        _end_all(place)
        if case.fault is Fault.FULL:
            unmount(place.disk)
    if (found := place.canaries()) != canaries:
        outcome.wrong.append(f"outside has changed: {sorted(set(found.items()) ^ set(canaries.items()))}")
    if not outcome.wrong:
        shutil.rmtree(folder)
    else:
        outcome.wrong.append(f"see {folder}")
    return outcome


@contextmanager
def nearly_full(disk: Path, room: int) -> Iterator[None]:
    """Inside, there is only so much room, in bytes."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(disk).free - room))
    try:
        yield
    finally:
        filler.unlink()


def _plant(place: Place) -> None:
    place.disk.mkdir()
    for path in ("work/letters/first", "work/photo", "work/socket", "beside/data/deep/photo", "disk.json"):
        file = place.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def _prepare(case: Case, place: Place) -> int:
    """Makes what is there before; what was acknowledged by then."""
    if case.before is Before.NOTHING:
        return 0
    lives = [live(case.be, place)]
    if case.before in (Before.ADOPTED, Before.ALL_KILLED):
        lives.append(live(case.be, place, dies=True))
        if case.before is Before.ALL_KILLED and (server := EmbeddedServer(place.data_dir).process_id()):
            os.kill(server, signal.SIGKILL)
    return max(life.acknowledged for life in lives)


def _judge(outcome: Outcome, place: Place, life: Life) -> None:
    case = outcome.case
    if case.fault is Fault.KILLED and life.code in (0, -signal.SIGKILL):
        return
    if life.code not in (0, 1, GAVE_UP):
        outcome.wrong.append(f"it ended with {life.code}: {_last_line(life.said)}")
    if life.code == 1 and "auction-manager: " not in life.said and case.be is not own_x:
        outcome.wrong.append(f"it did not say why: {_last_line(life.said)}")
    if case.before is not Before.ADOPTED or life.code == 0:  # who was not adopted yet is left alone
        outcome.wrong += _left(place)


def _left(place: Place) -> list[str]:
    """Who still lives in the directory, though he had the time to end."""
    give_up_s = time.monotonic() + END_S
    while held := [path.name for path in place.data_dir.glob("*.lock") if _is_held(path)]:
        if time.monotonic() > give_up_s:
            return [f"somebody still holds {name}" for name in held]
        time.sleep(0.01)
    return []


def _is_held(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _end_all(place: Place) -> None:
    if place.data_dir.exists():
        end_world(place.data_dir)


def _last_line(said: str) -> str:
    lines = [line for line in said.splitlines() if line and not line.startswith(("operations ", "acknowledged "))]
    return (lines or ["nothing"])[-1]


# ---- many


def cases(seed: int, runs: int) -> list[Case]:
    """So many runs: each operation of each life once, killed and refused; every other one also with a random bound."""
    mounts = can_mount()
    chance, all_of_them = random.Random(seed), list[Case]()
    for be, befores, most in SCENES:
        for before, is_deep, at in itertools.product(befores, (False, True)[: 1 + (be is house)], range(1, most + 1)):
            all_of_them += [Case(be, before, is_deep, fault, at) for fault in (Fault.KILLED, Fault.REFUSED)]
            if at % 2:
                cut = Fault.FULL if be is house and at % 4 == 1 and mounts else Fault.CUT
                all_of_them.append(Case(be, before, is_deep, cut, int(MOST_BYTES ** chance.random()) - 1))
    chance.shuffle(all_of_them)
    return [*itertools.islice(itertools.cycle(all_of_them), runs)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000, help="faults (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="of their order and of the bounds (default 1)")
    args = parser.parse_args()
    console, began_s = Console(stderr=True), time.monotonic()
    with multiprocessing.get_context("fork").Pool(AT_A_TIME) as pool, Progress(console=console) as progress:
        found = progress.track(
            pool.imap_unordered(play, cases(args.seed, args.runs)), total=args.runs, description="disk faults"
        )
        outcomes = list(_told(found, console))
    for fault in Fault:
        if not (of_it := [outcome for outcome in outcomes if outcome.case.fault is fault]):
            continue
        scenes = Counter(outcome.case.be.__name__ for outcome in of_it)
        happened, wrong = (
            sum(map(bool, column)) for column in zip(*((o.happened, o.wrong) for o in of_it), strict=True)
        )
        print(f"{fault:<34} {len(of_it):>5} runs, {happened:>5} ended by it, {wrong:>3} wrong   {dict(scenes)}")
    wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    print(f"{args.runs} faults in {time.monotonic() - began_s:.0f} s, {wrong} went wrong")
    return int(wrong > 0)


def _told(found: Iterable[Outcome], console: Console) -> Iterator[Outcome]:
    for outcome in found:
        if outcome.wrong:
            console.print(f"{outcome.case}: {'; '.join(outcome.wrong)}", markup=False)
        yield outcome


if __name__ == "__main__":
    sys.exit(main())
