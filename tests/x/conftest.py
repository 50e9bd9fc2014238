"""Fixtures: a simulated X as a process, servers that misbehave, clients that are closed."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from x_servers import CREDENTIALS, BadServer, SimulatedX

from adapters.x import UnreadablePost, XClient


@pytest.fixture
def simulated_x(tmp_path: Path) -> Iterator[SimulatedX]:
    simulator = SimulatedX(tmp_path)
    yield simulator
    simulator.close()


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

    def make(
        base_url: str, timeout_s: float = 10, on_unreadable: Callable[[UnreadablePost], None] | None = None
    ) -> XClient:
        clients.append(XClient(base_url, CREDENTIALS, timeout_s, on_unreadable=on_unreadable))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
