"""What the tests of adapters/x talk to: the simulated X as a process, and servers that misbehave below HTTP."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

from adapters.x import Credentials
from simulator.x import settings
from tests.harness import ROOT

CREDENTIALS = Credentials(
    bearer_token=settings.BEARER_TOKEN,
    consumer_key=settings.CONSUMER_KEY,
    consumer_secret=settings.CONSUMER_SECRET,
    access_token=settings.ACCESS_TOKEN,
    access_token_secret=settings.ACCESS_TOKEN_SECRET,
)


def wait_for(condition: Callable[[], Any], deadline_s: float = 60.0) -> Any:
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + deadline_s
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


class SimulatedX:
    """A simulator process of our own, without a crowd and without delays."""

    def __init__(self, folder: Path) -> None:
        port_file = folder / "port"
        options = (
            "--bids 0 --rules-delay-ms 0 --index-lag-ms 0 --search-end-lag-ms 0 --stream-latency-ms 0 --keepalive-s 0.3"
        )
        command = [sys.executable, "-m", "simulator.x", "--port", "0", "--port-file", str(port_file)]
        self._process = subprocess.Popen([*command, *options.split()], cwd=ROOT)
        try:
            wait_for(lambda: port_file.exists() and port_file.read_text().strip())
        except BaseException:
            self.close()
            raise
        self.base_url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def tell(self, what: str, **body: Any) -> dict[str, Any]:
        """A command to the control plane."""
        with requests.post(f"{self.base_url}/_sim/{what}", json=body, timeout=10) as response:
            assert response.ok, response.text
            return dict(response.json())

    def ask(self, what: str) -> dict[str, Any]:
        with requests.get(f"{self.base_url}/_sim/{what}", timeout=10) as response:
            return dict(response.json())

    def post(self, author: str, text: str, reply_to: int | None = None) -> int:
        reply = {} if reply_to is None else {"reply_to": str(reply_to)}
        return int(self.tell("post", author=author, text=text, **reply)["id"])


class BadServer:
    """Answers each connection's first request with what `behave(connection)` does; then closes the connection."""

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    request += piece
                self.requests.append(request)
                self._behave(connection)
            except OSError:
                pass  # the client has had enough, which is what several tests want

    def close(self) -> None:
        self.closing.set()
        # Closing alone does not wake a thread in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in [self._acceptor, *self._threads]:
            thread.join(20)
            assert not thread.is_alive()


def answer(status: str, body: bytes | dict[str, Any] | list[Any], **headers: str) -> Callable[[socket.socket], None]:
    """A behaviour: one answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return lambda connection: connection.sendall(head + content)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> Callable[[socket.socket], None]:
    """A behaviour: a stream of these chunks, and then its end (or something else)."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return lambda connection: connection.sendall(head + body + end)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def open_sockets() -> int:
    """How many sockets this process holds (Linux)."""
    count = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
        except FileNotFoundError:
            continue
    return count
