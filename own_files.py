"""Files and folders of our own: private, written whole, locked. It knows no other module of ours.

What another process reads is written beside its place, synced and renamed, so that nobody ever meets half of it,
whenever this process is killed or the disk is full. What is removed goes by names that stand in the code, never by a
path that was read from a file.
"""

import fcntl
import os
from pathlib import Path

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
UNFINISHED = ".new"  # how the name ends of a file that is being written; it begins with a dot
PRIVATE_UMASK = 0o077  # for processes of ours that write in a data directory


def private_folder(path: Path) -> None:
    """Makes the folder, or closes one of ours to everybody else.

    Raises OSError; PermissionError for a folder of somebody else that is open to everybody.
    """
    path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_uid == os.geteuid():
        if found.st_mode & PRIVATE_UMASK:
            path.chmod(PRIVATE_FOLDER)
    elif found.st_mode & 0o007:
        raise PermissionError(f"{path} belongs to another user and is open to everybody: chmod 700 {path}")


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file, all or nothing. Raises OSError, and then the file is as it was."""
    if path.exists() and not path.is_file():  # a pipe or a terminal: there is nothing to replace
        path.write_bytes(content)
        return
    path = path.resolve()  # a link stays one
    beside = path.with_name(f".{path.name}{UNFINISHED}")
    beside.unlink(missing_ok=True)  # of a process that was killed here
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
    """Whether there is anything in it besides what a writer has left who was killed. Raises OSError."""
    return any(not (path.name.startswith(".") and path.name.endswith(UNFINISHED)) for path in folder.iterdir())


def sync_folder(path: Path) -> None:
    """Puts the names of the folder on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private(path: str, flags: int) -> int:
    """The `opener` of `open` for a file that only its owner may read."""
    return os.open(path, flags, PRIVATE_FILE)


def lock_file(path: Path) -> int:
    """A descriptor of this file, to be locked with `try_lock`; who closes it, or dies, lets go. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)


def try_lock(descriptor: int) -> bool:
    """Whether the file is locked by this descriptor now; False while somebody else has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Lets go of the lock and keeps the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
