"""Files of our own are written whole or not at all, and nobody else can read them."""

import errno
import os
import stat
from pathlib import Path

import pytest

import own_files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "ports"
    file.write_bytes(b"before")
    file.chmod(0o644)
    own_files.write_whole(file, b"after")
    assert (file.read_bytes(), mode(file)) == (b"after", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["ports"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "ports"
    file.write_bytes(b"before")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match="No space left"):
        own_files.write_whole(file, b"after")
    assert file.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["ports"]


def test_what_a_killed_writer_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / ".ports.new").write_bytes(b"ha")
    assert not own_files.holds_something(tmp_path)
    own_files.write_whole(tmp_path / "ports", b"whole")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"ports": b"whole"}
    assert own_files.holds_something(tmp_path)


def test_a_link_stays_one_and_a_pipe_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "report")
    own_files.write_whole(tmp_path / "link", b"first")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "report").read_bytes() == b"first"

    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    own_files.write_whole(tmp_path / "pipe", b"second")
    assert os.read(reader, 100) == b"second"
    os.close(reader)


def test_a_folder_of_ours_is_closed_to_everybody_else(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    for folder in (tmp_path / "open", tmp_path / "new" / "deep"):
        own_files.private_folder(folder)
        assert mode(folder) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_somebody_elses_folder_that_is_open_to_everybody_is_refused(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(0o755)
    os.chown(theirs, 65_534, 65_534)
    with pytest.raises(PermissionError, match=f"chmod 700 {theirs}"):
        own_files.private_folder(theirs)
    assert mode(theirs) == 0o755
