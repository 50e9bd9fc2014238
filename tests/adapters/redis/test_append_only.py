"""Damaged files of the embedded server: it starts, or one line says what to type, and that helps or says it cannot."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import ServerFailed

pytestmark = pytest.mark.requirement("RED-3", "HA-4")

KEYS = 100
VALUE = "v" * 100


@pytest.fixture
def files(data_dir: Path) -> Path:
    """The folder of the files of a server that has ended, after a rewrite: half of the keys stand in the base."""
    server = EmbeddedServer(data_dir)
    server.ensure()
    client = connect(server.url)
    for number in range(KEYS):
        execute(client, "SET", f"key {number}", VALUE)
        if number == KEYS // 2:
            execute(client, "BGREWRITEAOF")
            while client.info("persistence")["aof_rewrite_in_progress"]:
                time.sleep(0.01)
    client.close()
    server.stop()
    return data_dir / "appendonlydir"


def last(files: Path) -> Path:
    (file,) = files.glob("*.incr.aof")
    return file


def overwritten(path: Path, at: int, what: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(what)


def command_in(path: Path) -> int:
    """Where one in the middle begins. What lies within a value only the hash chains of the log can tell."""
    content = path.read_bytes()
    return content.index(b"*3\r\n", len(content) // 2)


def keys_of(data_dir: Path) -> int:
    server = EmbeddedServer(data_dir)
    try:
        server.ensure()
        client = connect(server.url)
        count = int(execute(client, "DBSIZE"))
        client.close()
    finally:
        server.stop()
    return count


def mended(data_dir: Path, is_trial: bool = False) -> str:
    server = EmbeddedServer(data_dir)
    try:
        return "\n".join(server.mend_files(is_trial))
    finally:
        server.stop()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_sound_files_are_left_alone(files: Path) -> None:
    before = contents(files)
    assert mended(files.parent) == ""
    assert contents(files) == before


def test_a_directory_without_files_needs_no_mending(data_dir: Path) -> None:
    assert mended(data_dir) == ""
    assert keys_of(data_dir) == 0


def test_a_command_that_was_cut_in_the_middle_is_left_out_by_the_server_itself(files: Path) -> None:
    os.truncate(last(files), last(files).stat().st_size - 20)
    assert keys_of(files.parent) == KEYS - 1


@pytest.mark.parametrize(
    ("damage", "left", "says"),
    [
        (lambda files: overwritten(last(files), last(files).stat().st_size, bytes(4096)), KEYS, "are zeros"),
        (lambda files: overwritten(last(files), last(files).stat().st_size, b"rubbish"), KEYS, "7 bytes"),
        (
            lambda files: overwritten(last(files), command_in(last(files)), b"\0" * 8),
            None,
            "what was acknowledged in them is lost",
        ),
        (lambda files: (files / "appendonly.aof.manifest").unlink(), KEYS, "was made anew"),
        (lambda files: (files / "appendonly.aof.manifest").write_bytes(b""), KEYS, "was made anew"),
        (lambda files: (files / "appendonly.aof.manifest").write_bytes(b"\xffrubbish\n"), KEYS, "was made anew"),
        (
            lambda files: (files / "appendonly.aof.manifest").write_text("file gone seq 1 type b\n"),
            KEYS,
            "was made anew",
        ),
    ],
    ids=[
        "zeros behind",
        "rubbish behind",
        "middle",
        "no manifest",
        "empty manifest",
        "no such manifest",
        "other files",
    ],
)
def test_what_cannot_be_read_is_said_with_what_to_type_and_mended_and_kept(
    files: Path, damage: Callable[[Path], object], left: int | None, says: str
) -> None:
    data_dir, whole = files.parent, last(files)
    damage(files)
    damaged = contents(data_dir)
    with pytest.raises(ServerFailed, match=f"auction-manager repair --dry-run --data-dir {data_dir}`"):
        keys_of(data_dir)
    trial = mended(data_dir, is_trial=True)
    assert says in trial
    assert {**contents(data_dir), "valkey.log": b""} == {**damaged, "valkey.log": b""}

    assert says in mended(data_dir)
    beside = list(data_dir.glob("*.from-*"))
    assert whole.read_bytes() + b"".join(path.read_bytes() for path in beside) == damaged[whole.name]
    assert keys_of(data_dir) == left if left is not None else KEYS / 2 < keys_of(data_dir) < KEYS
    assert mended(data_dir) == ""


def test_damage_before_the_last_file_is_past_mending_and_nothing_is_changed(files: Path) -> None:
    (base,) = files.glob("*.base.aof")
    overwritten(base, command_in(base), b"\0" * 8)
    before = contents(files)
    with pytest.raises(ServerFailed, match="auction-manager repair"):
        keys_of(files.parent)
    with pytest.raises(ServerFailed, match="only a copy of the data directory from before can help"):
        mended(files.parent)
    assert contents(files) == before


def test_two_bases_without_a_manifest_are_past_mending(files: Path) -> None:
    (files / "appendonly.aof.1.base.aof").write_bytes(b"older")
    (files / "appendonly.aof.manifest").unlink()
    with pytest.raises(ServerFailed, match="which of 2 bases is the last"):
        mended(files.parent)
