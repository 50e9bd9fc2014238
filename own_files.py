"""Creates, replaces and locks the project's own files and folders, which are private. Uses no other module of ours.

A file that other processes read is written beside its place, synced and renamed, so that no reader ever finds half of
it, even where this process is killed or the disk is full. Files are removed only by names that are written in the code,
never by a path that was read from a file.
"""

import fcntl
import os
from pathlib import Path

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
UNFINISHED = ".new"  # the suffix of a file that is being written, whose name also begins with a dot
PRIVATE_UMASK = 0o077  # the umask of processes that write in a data directory


def private_folder(path: Path) -> None:
    """Creates the folder, or makes an existing one private that this user owns.

    Raises OSError; PermissionError for a folder of another user that is open to everybody.
    """
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid == os.geteuid():
        if found.st_mode & PRIVATE_UMASK:
            path.chmod(PRIVATE_FOLDER)
    elif found.st_mode & 0o007:
        raise PermissionError(f"{path} belongs to another user and is open to everybody: chmod 700 {path}")


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the content of the file, all or nothing: where it raises OSError, the file is as it was."""
    if path.exists() and not path.is_file():  # a pipe or a terminal: there is nothing to replace
        path.write_bytes(content)
        return
    path = path.resolve()  # a symbolic link stays a link
    beside = path.with_name(f".{path.name}{UNFINISHED}")
    beside.unlink(missing_ok=True)  # left by a process that was killed while writing
    try:
        with open(beside, "xb", opener=private) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def holds_something(folder: Path) -> bool:
    """Whether the folder holds anything but unfinished files of a killed writer. Raises OSError."""
    return any(not (path.name.startswith(".") and path.name.endswith(UNFINISHED)) for path in folder.iterdir())


def sync_folder(path: Path) -> None:
    """Syncs the folder to the disk: the names of the files in it. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private(path: str, flags: int) -> int:
    """The `opener` of `open` for a file that only its owner may read."""
    return os.open(path, flags, PRIVATE_FILE)


def lock_file(path: Path) -> int:
    """Opens the file for `try_lock`; returns its descriptor, whose closing unlocks it. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)


def try_lock(descriptor: int) -> bool:
    """Locks the file by this descriptor; returns False where another process has locked it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Unlocks the file and keeps its descriptor open."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
