"""The append-only files of the embedded server: checked and mended while the server does not run.

What can be read is kept, and unreadable bytes at the end are moved into another file; nothing is deleted. The server's
own binary does the check: called by the name `valkey-check-aof`, it is that program.
"""

import os
import re
import subprocess
from pathlib import Path

import own_files
from adapters.redis.errors import ServerFailed

FOLDER, NAME = "appendonlydir", "appendonly.aof"
CHECK_S = 600.0
BLOCK = 2**20
_FILE = re.compile(rf"{re.escape(NAME)}\.(\d+)\.(base|incr)\.(aof|rdb)")
_LINE = re.compile(r"file (\S+) seq \d+ type [bhi](?: .*)?")
_CHECKED = re.compile(r"filename=(\S+), size=(\d+), ok_up_to=(\d+)")
_NO_HELP = "only a copy of the data directory from before can help"


def lacks_manifest(data_dir: Path) -> bool:
    """Whether no manifest names the files with commands: a server would begin an empty history beside them."""
    folder = data_dir / FOLDER
    return not _manifest(folder).exists() and any(path.stat().st_size for _, _, path in _files(folder))


def mend(data_dir: Path, binary: str, is_trial: bool) -> list[str]:
    """Mend the files, unless this is a trial; returns a line for each damage. The caller holds the directory's lock.

    Raises ServerFailed where only a copy of the directory from before can help, OSError.
    """
    folder = data_dir / FOLDER
    done = _mend_manifest(folder, is_trial)
    if _files(folder) and not (done and is_trial):  # a trial leaves a damaged manifest, by which files are read
        done += _mend_end(folder, binary, is_trial)
    return done


def _manifest(folder: Path) -> Path:
    return folder / f"{NAME}.manifest"


def _files(folder: Path) -> list[tuple[str, int, Path]]:
    """The kind, number and path of each file that is named like one of the server's; bases first, by number."""
    found = [(match, path) for path in folder.glob(f"{NAME}.*") if (match := _FILE.fullmatch(path.name))]
    return sorted((match[2], int(match[1]), path) for match, path in found)


def _listed(folder: Path) -> list[str]:
    """The names of the files in the manifest; none where it cannot be read, or where one of the files is missing."""
    try:
        lines = _manifest(folder).read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ValueError):
        return []
    names = [match[1] if (match := _LINE.fullmatch(line)) else "" for line in lines]
    return names if all((folder / name).is_file() for name in names) else []


def _mend_manifest(folder: Path, is_trial: bool) -> list[str]:
    manifest, files = _manifest(folder), _files(folder)
    if _listed(folder) or not (files or manifest.exists()):
        return []
    kinds = [kind for kind, _, _ in files]
    if kinds.count("base") != 1:
        raise ServerFailed(f"{manifest} does not say which of {kinds.count('base')} bases is the last: {_NO_HELP}")
    if not is_trial:
        if manifest.exists():
            manifest.rename(_unused(folder / "manifest.damaged"))
        lines = [f"file {path.name} seq {number} type {kind[0]}\n" for kind, number, path in files]
        own_files.write_whole(manifest, "".join(lines).encode())
    return [f"{manifest} did not name the files beside it, and was made anew from their names"]


def _mend_end(folder: Path, binary: str, is_trial: bool) -> list[str]:
    # The check reads the files in their order, and ends at the first that it cannot read to its end.
    command = ["valkey-check-aof", str(_manifest(folder))]
    checked = subprocess.run(  # noqa: S603
        command, executable=binary, stdin=subprocess.DEVNULL, capture_output=True, timeout=CHECK_S, check=False
    )
    if checked.returncode == 0:
        return []
    last = _listed(folder)[-1]
    found = _CHECKED.findall(checked.stdout.decode(errors="replace"))
    if not found or found[-1][0] != last:
        raise ServerFailed(f"{folder}: the damage is not at the end of what was written: {_NO_HELP}")
    path, size, sound = folder / last, int(found[-1][1]), int(found[-1][2])
    beside = _unused(folder.parent / f"{last}.from-{sound}")
    lost = "are zeros, and" if _is_zeros(path, sound) else "cannot be read: what was acknowledged in them is lost. They"
    if not is_trial:
        _move_end(path, sound, beside)
    return [f"{path}: the {size - sound} bytes from byte {sound} on {lost} were moved to {beside}"]


def _is_zeros(path: Path, offset: int) -> bool:
    with path.open("rb") as file:
        file.seek(offset)
        return not any(block.strip(b"\0") for block in iter(lambda: file.read(BLOCK), b""))


def _move_end(path: Path, offset: int, beside: Path) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        with open(beside, "xb", opener=own_files.private) as copy:
            for block in iter(lambda: file.read(BLOCK), b""):
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        own_files.sync_folder(beside.parent)  # the copy is on the disk before anything is cut off
        file.truncate(offset)
        os.fsync(file.fileno())


def _unused(path: Path) -> Path:
    """Returns the path itself or, where a file of that name exists, the path with the first unused number behind it."""
    number, unused = 0, path
    while unused.exists():
        number += 1
        unused = path.with_name(f"{path.name}.{number}")
    return unused
