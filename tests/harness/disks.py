"""Small disks in memory, which can be filled. Linux, for those who may mount one."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def mount(folder: Path, size: int) -> None:
    """A disk of so many bytes under this folder. Raises CalledProcessError or OSError where none may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """The disk goes, with all that is on it, once nobody uses it any more."""
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[bool]:
    """A disk of its own under this folder; False where this machine lets us mount none."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        mount(folder, size)
    except (subprocess.CalledProcessError, OSError):
        yield False
        return
    try:
        yield True
    finally:
        unmount(folder)


def can_mount() -> bool:
    """Whether this process may mount a disk."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder, small_disk(Path(folder), 2**20) as mounted:
        return mounted
