"""Where a process leaves word of itself: which marathon its data directory holds, and on which ports it listens."""

import hashlib
import hmac
from pathlib import Path

import msgspec

import own_files

NAME = "process.json"


class ProcessFile(msgspec.Struct, frozen=True):
    """Still there when the process is gone: the marathon's name stays true, the ports do not."""

    marathon_id: str
    public_port: int
    private_port: int
    generation: str = ""
    """The history of the store that was worked on: where it is gone, somebody has emptied or exchanged the store."""
    seq: int = 0
    """How far its log had come, some seconds before the end: a log that ends before that has lost events."""
    secret: str = ""
    """New at every start; by it the process proves to who can read this file that it is the one."""
    x_mode: str = ""
    """On which X the auctions were announced, the real one or a simulated one."""


def proof(secret: str, nonce: str, marathon_id: str, port: int) -> str:
    """What only who knows the secret of the process can say, for this question, marathon and port."""
    said = f"{nonce} {marathon_id} {port}".encode()
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()


def write(data_dir: Path, process: ProcessFile) -> None:
    """Replaces the word of whichever process was here before. Raises OSError."""
    own_files.private_folder(data_dir)
    own_files.write_whole(data_dir / NAME, msgspec.json.encode(process))


def read(data_dir: Path) -> ProcessFile | None:
    """None where no process has ever been."""
    try:
        return msgspec.json.decode((data_dir / NAME).read_bytes(), type=ProcessFile)
    except (OSError, msgspec.MsgspecError):
        return None


def remove(data_dir: Path) -> None:
    """Forgets that a marathon was here."""
    (data_dir / NAME).unlink(missing_ok=True)
