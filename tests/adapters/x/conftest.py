"""Fixtures: a simulated X as a process, servers that misbehave, clients that are closed."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.x.client import XClient
from adapters.x.credentials import Credentials
from commands.simulated import CREDENTIALS
from tests.adapters.x.bad_server import BadServer
from tests.harness import x_process
from tests.harness.x_process import SimulatedX


@pytest.fixture
def simulated_x(tmp_path: Path) -> Iterator[SimulatedX]:
    with x_process.simulated_x(tmp_path, keepalive_s=0.3) as running:
        yield running


@pytest.fixture
def bad_server() -> Iterator[Callable[[Callable[[socket.socket], None]], BadServer]]:
    servers: list[BadServer] = []

    def start(behave: Callable[[socket.socket], None]) -> BadServer:
        servers.append(BadServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def client_of() -> Iterator[Callable[..., XClient]]:
    clients: list[XClient] = []

    def make(base_url: str, timeout_s: float = 10, credentials: Credentials = CREDENTIALS, **more: Any) -> XClient:
        clients.append(XClient(base_url, credentials, timeout_s, **more))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
