"""Servers that are not the embedded one of a process: its binary, with options of the test's own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.redis import embedded
from adapters.redis.client import connect, execute, socket_url
from adapters.redis.errors import StoreError


def begin_server(folder: Path, **options: str) -> "subprocess.Popen[bytes]":
    """The server's binary with its files in this folder; what would be the signal of a full file is an error to it."""
    told = embedded.OPTIONS | {"dir": str(folder), "unixsocket": socket_of(folder)}
    told |= {name.replace("_", "-"): value for name, value in options.items()}
    command = [embedded.binary(), *(part for name, value in told.items() for part in (f"--{name}", value))]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, restore_signals=False)


def socket_of(folder: Path) -> str:
    return str(folder / "s.sock")


@contextmanager
def server_of(folder: Path, **options: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Such a server and its URL; it is killed in the end."""
    process = begin_server(folder, **options)
    try:
        yield process, socket_url(socket_of(folder))
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
