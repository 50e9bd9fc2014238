"""Servers that are not the embedded one of a process: its binary, with options of the test's own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.redis import embedded
from adapters.redis.client import connect, execute, socket_url
from adapters.redis.errors import StoreError


@contextmanager
def server_of(folder: Path, **options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The embedded server's binary with further options; what would be the signal of a full file is an error to it."""
    path = folder / "s.sock"
    options = {"dir": str(folder), "unixsocket": str(path)} | options
    told = (part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value))
    own = (part for name, value in embedded._OPTIONS.items() if name not in options for part in (f"--{name}", value))
    with (folder / "log").open("wb") as log:
        command = [embedded._binary(), *own, *told]
        process = subprocess.Popen(command, stdout=log, stderr=log, restore_signals=False)
    try:
        yield process, socket_url(str(path))
    finally:
        process.kill()
        process.wait(10)


def answers(url: str) -> bool:
    client = connect(url, timeout_s=1)
    try:
        return bool(execute(client, "PING"))
    except StoreError:
        return False
    finally:
        client.close()
