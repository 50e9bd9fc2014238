"""A data directory whose files are damaged is repaired, and a copy of one where nobody may write is audited."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters import process_file
from adapters.process_file import ProcessFile
from adapters.redis import functions
from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.journal import Journal
from adapters.redis.keys import Keys
from adapters.redis.lease import Lease, new_token
from messages.events import DayStarted
from tests.commands.line import Line
from tests.harness import ROOT

KEYS = Keys("m")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Of a marathon with one event, whose process and server have ended."""
    with TemporaryDirectory(prefix="directory-") as folder:
        data_dir, token = Path(folder) / "data", new_token()
        server = EmbeddedServer(data_dir)
        server.ensure()
        client = connect(server.url)
        functions.load(client)
        assert Lease(client, KEYS, token, 600_000).take()
        execute(client, "SET", KEYS.generation, "before")
        journal = Journal(client, KEYS, token, "house")
        journal.begin()
        journal.commit([DayStarted(message_id="house:1", at_ms=1, auction_id="m-01", day=1)])
        client.close()
        server.stop()
        process_file.write(data_dir, ProcessFile("m", 1, 1, "before"))
        yield data_dir


@pytest.mark.requirement("RED-4", "HA-4")
def test_rubbish_behind_the_files_is_moved_aside_and_whoever_remembers_more_is_told(line: Line, data_dir: Path) -> None:
    (file,) = (data_dir / "appendonlydir").glob("*.incr.aof")
    sound = file.read_bytes()
    file.write_bytes(sound + b"rubbish")
    refused = line("audit", "--data-dir", str(data_dir))
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "auction-manager repair --dry-run" in refused.err

    trial = line("repair", "--dry-run", "--data-dir", str(data_dir))
    assert (trial.code, trial.out.count("\n")) == (0, 2), trial
    assert "the 7 bytes" in trial.out
    assert file.read_bytes() == sound + b"rubbish"

    assert line("repair", "--data-dir", str(data_dir)).code == 0
    assert [path.read_bytes() for path in data_dir.glob("*.from-*")] == [b"rubbish"]
    assert line("audit", "--data-dir", str(data_dir)).out.startswith("ok: 1 events")
    process = process_file.read(data_dir)
    assert process is not None
    assert process.generation != "before"
    server = EmbeddedServer(data_dir)
    server.ensure()
    client = connect(server.url)
    assert execute(client, "GET", KEYS.generation) == process.generation.encode()
    client.close()
    server.stop()


@pytest.mark.requirement("RED-5")
def test_a_copy_on_read_only_media_is_audited(data_dir: Path) -> None:
    audit = [sys.executable, "supervisor.py", "audit", "--data-dir", str(data_dir)]
    if os.geteuid() == 0:  # who may write everywhere but where the file system forbids it
        mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
        audit = ["unshare", "--mount", "sh", "-c", mount, "sh", str(data_dir), *audit]
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
            pytest.skip("nothing may be mounted here")
    else:
        data_dir.chmod(0o500)
    before = {path: path.stat().st_mtime_ns for path in data_dir.rglob("*")}
    done = subprocess.run(audit, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    data_dir.chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok: 1 events")
    assert {path: path.stat().st_mtime_ns for path in data_dir.rglob("*")} == before
