"""A start that fails, or is no longer wanted, gives back all that it has begun."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

import bootstrap
import own_files
import supervisor
from adapters.http import public
from adapters.redis.client import execute
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from commands.simulated import CREDENTIALS, end_simulated_x
from settings import load
from simulator.launch import port_of
from tests.harness import ROOT
from tests.harness.store import Store
from tests.harness.waiting import PATIENCE_S

MARK = "START_OF_THIS_TEST"  # in the environment of the process and of everything that it begins
KEYS = Keys(load(None, {}).marathon.id)
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="processes are found by their environment"
)


class Start:
    """`run` as a process of its own."""

    def __init__(self, data_dir: Path, *options: str, **settings: str) -> None:
        self.data_dir = data_dir
        self._mark = f"{MARK}={uuid.uuid4()}"
        ports = {"http__public_port": "0", "http__private_port": "0"}
        said = {f"AUCTION_MANAGER__{name.upper()}": value for name, value in (ports | settings).items()}
        environment = os.environ | said | dict([self._mark.split("=")])
        command = [sys.executable, "supervisor.py", "run", "--data-dir", str(data_dir), *options]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)

    def end(self) -> str:
        """What it has said."""
        try:
            return self.process.communicate(timeout=PATIENCE_S)[1]
        finally:
            self.process.kill()

    def left(self) -> list[str]:
        """What of it is still there: its processes, locks that somebody holds, sockets and port files."""
        left = [str(path) for pattern in ("*.sock", "*.port") for path in self.data_dir.glob(pattern)]
        for path in self.data_dir.glob("*.lock"):
            lock = own_files.lock_file(path)
            left += [] if own_files.try_lock(lock) else [str(path)]
            os.close(lock)
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or is somebody else's
                if self._mark.encode() in (path / "environ").read_bytes().split(b"\0"):
                    left.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return left


@contextmanager
def taken_port(_store: Store, data_dir: Path) -> Iterator[dict[str, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield {"http__public_port": str(listening.getsockname()[1])}


@contextmanager
def taken_private_port(store: Store, data_dir: Path) -> Iterator[dict[str, str]]:
    with taken_port(store, data_dir) as taken:
        yield {"http__private_port": taken["http__public_port"]}


@contextmanager
def directory_in_use(_store: Store, data_dir: Path) -> Iterator[dict[str, str]]:
    own_files.private_folder(data_dir)
    lock = own_files.lock_file(data_dir / "supervisor.lock")
    assert own_files.try_lock(lock)
    yield {}
    os.close(lock)


@contextmanager
def no_place_for_the_process_file(_store: Store, data_dir: Path) -> Iterator[dict[str, str]]:
    own_files.private_folder(data_dir / "process.json")
    yield {}


@contextmanager
def no_store(_store: Store, data_dir: Path) -> Iterator[dict[str, str]]:
    yield {"redis__url": f"unix://{data_dir}/nobody.sock"}


@contextmanager
def lease_of_another(store: Store, _data_dir: Path) -> Iterator[dict[str, str]]:
    assert Lease(store.client, KEYS, new_token(), 600_000).take()
    yield {"redis__url": store.url}


@contextmanager
def newer_keys(store: Store, _data_dir: Path) -> Iterator[dict[str, str]]:
    execute(store.client, "SET", KEYS.version, "1000")
    yield {"redis__url": store.url}


@pytest.mark.requirement("RED-3")
@needs_proc
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (taken_port, "already in use"),
        (taken_private_port, "already in use"),
        (directory_in_use, "another supervisor works in"),
        (no_place_for_the_process_file, "process.json"),
        (no_store, "nobody.sock"),
        (lease_of_another, "another process owns the marathon"),
        (newer_keys, "written by a newer version"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_start_that_fails_says_why_in_one_line_and_leaves_nothing(store: Store, fault: object, says: str) -> None:
    assert callable(fault)
    with TemporaryDirectory(prefix="start-") as folder, ExitStack() as stack:
        data_dir = Path(folder) / "data"
        start = Start(data_dir, "--begin-late", **stack.enter_context(fault(store, data_dir)))
        said = start.end()
        assert start.process.returncode == 1, said
        assert "Traceback" not in said
        assert [says in line for line in said.splitlines() if line.startswith("auction-manager: ")] == [True], said
        stack.close()
        assert start.left() == []


@pytest.mark.requirement("CHN-4")
@needs_proc
@pytest.mark.parametrize(
    ("variables", "settings", "says"),
    [
        ({"OPERATOR_KEY": "no-key"}, {}, "chain: the operator's key is not 32 bytes as hex digits"),
        (
            {"OPERATOR_KEY_PASSWORD": "pass-word"},
            {"chain__operator_keyfile": "/nowhere/key.json"},
            "chain: /nowhere/key.json: No such file or directory",
        ),
    ],
)
def test_a_bad_key_is_one_line_at_the_start_and_leaves_nothing(
    variables: dict[str, str], settings: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"AUCTION_MANAGER_CHAIN_{name}", value)
    chain = {"chain__rpc_urls": '["http://127.0.0.1:1"]', "chain__contract": "0x" + "c0" * 20}
    with TemporaryDirectory(prefix="start-") as folder:
        start = Start(Path(folder) / "data", "--begin-late", **chain, **settings)
        said = start.end()
        assert start.process.returncode == 2, said
        assert said.splitlines()[-1] == says
        assert "Traceback" not in said
        assert start.left() == []


@pytest.mark.requirement("LIFE-2", "RED-3")
@needs_proc
def test_a_marathon_whose_first_days_are_over_does_not_begin_and_leaves_nothing() -> None:
    with TemporaryDirectory(prefix="start-") as folder:
        start = Start(Path(folder) / "data", marathon__first_date="2020-03-01")
        said = start.end()
        assert start.process.returncode == 2, said
        assert "Traceback" not in said
        assert "marathon.first_date: 2020-03-01 is over by our clock, so 30 of 30 days would be announced" in said
        assert start.left() == []


@pytest.mark.requirement("RED-3")
@needs_proc
@pytest.mark.parametrize(
    "step", ["", "simulated-x.lock", "simulated-x.port", "supervisor.lock", "valkey.sock", "process.json"]
)
def test_a_start_that_is_asked_to_end_ends_in_good_order_at_any_moment(step: str) -> None:
    chance = random.Random(step)
    # Before the first line of the program runs, SIGINT is Python's own, which may lose it.
    number = chance.choice([signal.SIGTERM, signal.SIGINT]) if step else signal.SIGTERM
    with TemporaryDirectory(prefix="start-") as folder:
        start = Start(Path(folder) / "data", "--begin-late")
        while step and not (start.data_dir / step).exists():
            assert start.process.poll() is None
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.5))  # whichever moment this is, the end has to be a good one
        start.process.send_signal(number)
        said = start.end()
        if start.process.returncode == -number:
            assert not start.data_dir.exists(), "it ended before its first line"
        else:
            assert start.process.returncode == 0, said
        if "ready: " in said and (port := port_of(start.data_dir)) is not None:
            end_simulated_x(start.data_dir, port)  # from then on it outlives its house
        assert start.left() == [], said


@pytest.mark.requirement("SUP-1")
def test_pages_that_are_missing_are_said_at_the_start_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(None, {})
    http = msgspec.structs.replace(settings.http, public_port=0, private_port=0)
    settings = msgspec.structs.replace(settings, data_dir=tmp_path / "data", http=http)
    where = bootstrap.Dependencies("http://127.0.0.1:9", CREDENTIALS, bootstrap.plan_of(settings), begin_late=True)
    monkeypatch.setattr(public, "PAGES", tmp_path)
    before = threading.active_count()
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        supervisor.process_of(settings, where).start()
    assert threading.active_count() == before
    assert not (settings.data_dir / "valkey.sock").exists()
