"""The embedded server keeps what it has answered, through every way in which it or its parent may die."""

import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis

from adapters.redis import functions
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer, Patience
from adapters.redis.errors import DirectoryInUse, ServerFailed, StoreError, StoreUnavailable
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease
from adapters.redis.log import LogReader
from ledger.hash_chain import verify_chain
from tests.adapters.redis.conftest import MakeEvent
from tests.harness.waiting import until

KEYS = Keys("m")
SUPERVISOR = """
import sys, time
from pathlib import Path
from adapters.redis.client import connect
from adapters.redis.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.ensure()
client = connect(server.url)
client.set("kept", "yes")
print("up", flush=True)
time.sleep(60)
"""


@contextmanager
def client_of(server: EmbeddedServer) -> Iterator[redis.Redis]:
    client = connect(server.url)
    try:
        yield client
    finally:
        client.close()


@contextmanager
def killed_supervisor(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a supervisor that has a server; afterwards it is killed, if the test has not done so."""
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, data_dir], stdout=subprocess.PIPE, cwd=Path.cwd())
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


def process_id(client: redis.Redis) -> int:
    return int(client.info("server")["process_id"])


def no_server_lives_in(data_dir: Path) -> bool:
    """The server holds its lock as long as it lives."""
    with (data_dir / "server.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@pytest.mark.requirement("RED-3")
def test_it_starts_privately_and_stops_leaving_nothing_behind(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    assert server.ensure()
    assert not server.ensure()
    assert server.alive()
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
    with client_of(server) as client:
        settings = client.config_get("*")
    assert not no_server_lives_in(data_dir)
    assert settings["port"] == "0"
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["aof-use-rdb-preamble"] == "no"
    assert settings["save"] == ""
    assert b"Ready to accept connections" in server.log_file.read_bytes()
    server.stop()
    assert not server.alive()
    assert no_server_lives_in(data_dir)
    assert not list(data_dir.glob("*sock*"))
    server.stop()


@pytest.mark.requirement("RED-3", "RED-5")
def test_every_committed_event_is_there_after_the_server_was_killed(data_dir: Path, event: MakeEvent) -> None:
    server = EmbeddedServer(data_dir)
    server.ensure()
    with client_of(server) as client:
        functions.load(client)
        assert Lease(client, KEYS, "token", 60_000).take()
        journal = Journal(client, KEYS, "token", "m-01")
        journal.begin()
        committed = 0
        pid = process_id(client)
        with suppress(StoreError):
            while committed < 100_000:
                committed = journal.commit([event()], checkpoint=b"state")
                if committed == 100:
                    os.kill(pid, signal.SIGKILL)
        assert 100 <= committed < 100_000
        assert not server.alive()
        assert server.ensure()
        assert process_id(client) != pid
        # The function library, the lease and the log have survived; one commit may have been unanswered.
        begun = journal.begin()
        assert begun.sequence in (committed, committed + 1)
        log = LogReader(client, KEYS)
        entries = log.read(0, 10_000)
        assert verify_chain(entries, log.heads()) is None
        assert entries[-1].last_seq == begun.sequence
        assert journal.commit([event()]) == begun.sequence + 1
    server.stop()


@pytest.mark.requirement("RED-3", "SUP-1")
def test_a_successor_adopts_the_server_of_a_killed_supervisor(data_dir: Path) -> None:
    with killed_supervisor(data_dir) as first:
        server = EmbeddedServer(data_dir)
        with client_of(server) as client:
            first_pid = process_id(client)
            first.send_signal(signal.SIGKILL)
            first.wait(10)
            assert not server.ensure()
            assert process_id(client) == first_pid
            assert client.get("kept") == b"yes"
        server.stop()
        assert no_server_lives_in(data_dir)
        assert server.ensure()
        with client_of(server) as client:
            assert client.get("kept") == b"yes"
        server.stop()


@pytest.mark.requirement("RED-3", "HA-1")
def test_a_second_supervisor_is_refused_with_one_line_and_harms_nothing(data_dir: Path) -> None:
    with killed_supervisor(data_dir):
        second = EmbeddedServer(data_dir)
        with pytest.raises(DirectoryInUse, match="another supervisor works in") as refused:
            second.ensure()
        assert "\n" not in str(refused.value)
        second.stop()
        assert second.alive()
    third = EmbeddedServer(data_dir)
    assert not third.ensure()
    third.stop()


@pytest.fixture
def deep(data_dir: Path) -> Path:
    """A directory whose path is too long for a socket in it."""
    return data_dir / ("d" * 60) / ("e" * 60)


@pytest.mark.requirement("RED-3")
def test_a_long_path_gets_its_socket_elsewhere(deep: Path) -> None:
    server = EmbeddedServer(deep)
    server.ensure()
    elsewhere = server.socket.parent
    assert elsewhere != deep
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
    with client_of(server) as client:
        client.set("kept", "yes")
        os.kill(process_id(client), signal.SIGKILL)
        assert server.ensure() or server.alive()
        assert server.socket.parent == elsewhere
        assert client.get("kept") == b"yes"
    server.stop()
    assert not elsewhere.exists()


@pytest.mark.requirement("RED-3")
def test_whoever_looks_finds_a_server_elsewhere_by_its_directory_alone(deep: Path) -> None:
    with killed_supervisor(deep) as first:
        first.kill()
        first.wait(10)
        assert EmbeddedServer(deep).alive()
        successor = EmbeddedServer(deep)
        assert not successor.ensure()
        elsewhere = successor.socket.parent
        (elsewhere / "of somebody else").touch()
        successor.stop()
    assert [path.name for path in elsewhere.iterdir()] == ["of somebody else"]
    (elsewhere / "of somebody else").unlink()
    elsewhere.rmdir()


@pytest.mark.requirement("RED-3")
@pytest.mark.parametrize("is_link", [False, True])
def test_a_folder_elsewhere_that_others_can_write_in_is_refused(deep: Path, tmp_path: Path, is_link: bool) -> None:
    deep.mkdir(parents=True)
    elsewhere = EmbeddedServer(deep).socket.parent
    if is_link:
        elsewhere.symlink_to(tmp_path)
    else:
        elsewhere.mkdir()
        elsewhere.chmod(0o777)
    try:
        with pytest.raises(ServerFailed, match="must be a private folder of the owner"):
            EmbeddedServer(deep).ensure()
    finally:
        elsewhere.unlink() if is_link else elsewhere.rmdir()


@pytest.mark.requirement("RED-3")
@pytest.mark.parametrize("says", [b"", b"valkey.sock", b"../valkey.sock"])
def test_a_stop_removes_nothing_by_a_path_that_stands_in_a_file(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    canaries = [tmp_path / "work" / "deep" / "letters", tmp_path / "work" / "photo", data_dir.parent / "beside"]
    for canary in canaries:
        canary.parent.mkdir(parents=True, exist_ok=True)
        canary.touch()
    monkeypatch.chdir(tmp_path / "work")
    server = EmbeddedServer(data_dir)
    server.ensure()
    (data_dir / "socket").write_bytes(says)
    server_id = server.process_id()
    assert server_id is not None
    os.kill(server_id, signal.SIGKILL)
    with suppress(StoreError, OSError):
        server.stop()
    assert all(canary.exists() for canary in canaries)
    assert no_server_lives_in(data_dir)


@pytest.mark.requirement("RED-3")
def test_everything_in_the_directory_is_for_its_owner_alone(data_dir: Path) -> None:
    data_dir.mkdir(mode=0o755)
    before = os.umask(0o022)
    try:
        server = EmbeddedServer(data_dir)
        server.ensure()
        with client_of(server) as client:
            execute(client, "SET", "kept", "yes")
            execute(client, "BGREWRITEAOF")
            until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
    finally:
        os.umask(before)
    everything = [data_dir, *data_dir.rglob("*")]
    assert len(everything) >= 6
    assert [path for path in everything if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
    server.stop()


@pytest.mark.requirement("RED-3", "HA-1")
def test_a_process_without_a_descriptor_left_still_sees_that_its_server_lives(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    server.ensure()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.dup(0)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 20, before[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        assert not server.ensure()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in taken:
            os.close(descriptor)
    server.stop()


@pytest.mark.requirement("RED-3")
def test_erasing_takes_what_the_server_has_kept_and_nothing_else(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    server.ensure()
    with client_of(server) as client:
        execute(client, "SET", "kept", "yes")
    (data_dir / "appendonlydir" / "letters").touch()
    (data_dir / "photo").touch()
    with pytest.raises(DirectoryInUse):
        EmbeddedServer(data_dir).erase()
    server.stop()
    EmbeddedServer(data_dir).erase()
    assert [path.name for path in (data_dir / "appendonlydir").iterdir()] == ["letters"]
    assert (data_dir / "photo").exists()
    server.ensure()
    with client_of(server) as client:
        assert client.get("kept") is None
    server.stop()


@pytest.mark.requirement("RED-3")
@pytest.mark.parametrize(
    "unreadable",
    [b"*3\r\n$3\r\nSAT\r\n", b"*3\r\n$3\r\nSAT\r\n$1\r\n1\r\n$7\r\none\x1ctwo\r\n"],
    ids=["no command", "no command, with what separates lines elsewhere in what the server quotes of it"],
)
def test_files_that_cannot_be_read_are_said_at_once(data_dir: Path, unreadable: bytes) -> None:
    server = EmbeddedServer(data_dir)
    server.ensure()
    with client_of(server) as client:
        execute(client, "SET", "kept", "yes")
        execute(client, "SET", "kept", "again")
    server.stop()
    (log,) = data_dir.glob("appendonlydir/*.incr.aof")
    log.write_bytes(unreadable + log.read_bytes())
    with pytest.raises(ServerFailed, match=r"ended at once: .*append only file.*; .*auction-manager repair") as failed:
        server.ensure()
    assert "\n" not in str(failed.value)
    server.stop()


@pytest.mark.requirement("RED-3")
def test_a_hanging_server_is_killed_in_the_end(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir, Patience(stop_s=0.3, ping_s=0.2))
    server.ensure()
    with client_of(server) as client:
        pid = process_id(client)
    os.kill(pid, signal.SIGSTOP)
    assert not server.alive()
    server.stop()
    assert no_server_lives_in(data_dir)


@pytest.mark.requirement("RED-3")
def test_a_client_of_one_server_is_told_once_that_another_answers(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    server.ensure()
    client = connect(server.url, one_server=True)
    try:
        execute(client, "SET", "kept", "yes")
        server.stop()
        server.ensure()
        with pytest.raises(StoreUnavailable, match="another server process"):
            execute(client, "SET", "kept", "no")
        assert execute(client, "GET", "kept") == b"yes"
    finally:
        client.close()
        server.stop()
