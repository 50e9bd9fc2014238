"""The process file: says which marathon a data directory holds, and on which ports its process listens."""

import hashlib
import hmac
from pathlib import Path

import msgspec

import own_files

NAME = "process.json"


class ProcessFile(msgspec.Struct, frozen=True):
    """The content of the file, which outlives the process: then the marathon's name is true, the ports are not."""

    marathon_id: str
    public_port: int
    private_port: int
    generation: str = ""
    """The generation of the log that was worked on: a store without it was emptied or exchanged."""
    seq: int = 0
    """The log's newest seq some seconds before the process ended: a log that ends before it has lost events."""
    secret: str = ""
    """New at every start: with it the process proves to readers of this file that it has written the file."""
    x_mode: str = ""
    """Whether the auctions were announced on the real X or a simulated one."""


def proof(secret: str, nonce: str, marathon_id: str, port: int) -> str:
    """The HMAC-SHA256, in hex, of this question (`nonce`), marathon and port: only who holds the secret can make it."""
    said = f"{nonce} {marathon_id} {port}".encode()
    return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()


def write(data_dir: Path, process: ProcessFile) -> None:
    """Write the file in place of the one of an earlier process. Raises OSError."""
    own_files.private_folder(data_dir)
    own_files.write_whole(data_dir / NAME, msgspec.json.encode(process))


def read(data_dir: Path) -> ProcessFile | None:
    """The content of the file; None where there is none that can be read."""
    try:
        return msgspec.json.decode((data_dir / NAME).read_bytes(), type=ProcessFile)
    except (OSError, msgspec.MsgspecError):
        return None


def remove(data_dir: Path) -> None:
    """Remove the file, if there is one."""
    (data_dir / NAME).unlink(missing_ok=True)
