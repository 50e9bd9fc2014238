"""HTTP requests to other processes of this project on the same machine, with one deadline for all and bounded answers.

The module is quick to import and uses no other module of the project. It connects to the address itself: no proxy from
the environment can divert a request or its token. `adapters/bounded_http.py` is for requests to outside systems.
"""

import http.client
import ipaddress
import json
import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

ANSWER_BYTES = 2**24


class NoAnswer(Exception):
    """Raised where an answer is missing, late, too large or not JSON; the text says which."""


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that this is, as IPv4 where IPv6 maps one; None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def is_loopback(host: str) -> bool:
    """Whether the host is an address or a name that only this machine itself can reach."""
    address = address_of(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def exchange(
    port: int, method: str, path: str, body: Any = None, *, within_s: float, answer_bytes: int = ANSWER_BYTES
) -> tuple[int, Any]:
    """Makes one request on a connection of its own; returns status and JSON of the answer. Raises NoAnswer."""
    with Connection(port, within_s, answer_bytes=answer_bytes) as connection:
        return connection.exchange(method, path, body)


class Connection:
    """One connection for several requests to the same process, as a context. For one thread.

    `within_s` bounds connecting and all requests together, `answer_bytes` each answer. A lost connection is not made
    again, so that all requests reach the process that has proven its identity on it.
    """

    def __init__(self, port: int, within_s: float, host: str = "127.0.0.1", answer_bytes: int = ANSWER_BYTES) -> None:
        self._answer_bytes = answer_bytes
        self._http = http.client.HTTPConnection(host, port)
        self._until_s = time.monotonic() + within_s

    def __enter__(self) -> "Connection":
        try:
            self._http.timeout = _left_s(self._until_s)
            self._http.connect()
        except (OSError, OverflowError, ValueError) as fault:  # also for an impossible port or name
            raise _no_answer(fault) from None
        self._http.auto_open = 0
        self._http.sock = _Bounded(self._http.sock, self._until_s)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._http.close()

    def exchange(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Makes a request, with `body` as JSON; returns status and JSON of the answer. Raises NoAnswer."""
        sent = json.dumps(body) if body is not None else None
        try:
            self._http.request(method, path, sent, {"Content-Type": "application/json", **(headers or {})})
            answer = self._http.getresponse()
            content = answer.read(self._answer_bytes + 1)
            if len(content) > self._answer_bytes:
                raise NoAnswer(f"an answer of more than {self._answer_bytes} bytes")
            return answer.status, json.loads(content)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as fault:
            raise _no_answer(fault) from None


class _Bounded(socket.socket):
    """A socket that sends and receives nothing after `until_s`; a plain time-out bounds only each single wait."""

    def __init__(self, connected: socket.socket, until_s: float) -> None:
        super().__init__(connected.family, connected.type, connected.proto, connected.detach())
        self._until_s = until_s

    def sendall(self, *args: Any) -> None:
        self.settimeout(_left_s(self._until_s))
        super().sendall(*args)

    def recv_into(self, *args: Any) -> int:
        self.settimeout(_left_s(self._until_s))
        return super().recv_into(*args)


def _no_answer(fault: Exception) -> NoAnswer:
    return NoAnswer(getattr(fault, "strerror", None) or str(fault) or "the connection was closed")


def _left_s(until_s: float) -> float:
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError("no whole answer in time")
    return left_s
