"""What the command line says to whom: a token only to the process of the data directory, an order to its marathon."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters import process_file
from adapters.http.auth import Operators
from adapters.http.private import Identity
from adapters.http.server import HttpSettings
from adapters.process_file import ProcessFile
from tests.commands.line import Line
from tests.harness.shown_auction import House, serving

SECRET, TOKEN, OTHER = "ab" * 32, "correct-horse-battery", "staple-battery-horse"
PAUSE = ("pause", "--why", "X is away")


class Orders:
    """Takes orders as the supervisor would, and remembers who gave them."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []

    async def __call__(self, name: str, fields: dict[str, Any], by: str) -> Any:
        self.taken.append((name, by))
        return {"ordered": name, "of": "m-01", "message_id": "1"}


@pytest.fixture
def orders() -> Orders:
    return Orders()


@pytest.fixture
def house(orders: Orders) -> Iterator[House]:
    operators = Operators({"ann": TOKEN, "bob": OTHER})
    with serving(HttpSettings(operators=operators, identity=Identity("spring", SECRET)), operate=orders) as house:
        yield house


def work_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, port: int, secret: str = SECRET, name: str = "spring"
) -> None:
    """The folder is that of a process on this port, and the settings know one operator."""
    process_file.write(folder, ProcessFile(name, 1, port, secret=secret))
    monkeypatch.setenv("AUCTION_MANAGER__DATA_DIR", str(folder))
    monkeypatch.setenv("AUCTION_MANAGER_HTTP_OPERATOR_TOKENS", f"ann={TOKEN}")


@pytest.mark.requirement("LIFE-8")
def test_an_order_goes_to_the_process_of_the_data_directory(
    line: Line, house: House, orders: Orders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in(tmp_path, monkeypatch, house.server.private_port)
    said = line(*PAUSE)
    assert (said.code, said.out, said.err) == (0, "ordered: pause in m-01\n", "")
    assert orders.taken == [("pause", "ann")]


@pytest.mark.requirement("LIFE-8", "SUP-4")
@pytest.mark.parametrize(
    ("secret", "name"), [("cd" * 32, "spring"), (SECRET, "autumn"), ("", "spring")], ids=["secret", "marathon", "none"]
)
def test_who_is_not_the_process_of_the_data_directory_gets_no_order(
    line: Line, house: House, orders: Orders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, name: str
) -> None:
    work_in(tmp_path, monkeypatch, house.server.private_port, secret, name)
    said = line(*PAUSE)
    port = house.server.private_port
    wanted = (
        f"auction-manager: another program than the supervisor of {tmp_path} answers on port {port}; is it running?\n"
    )
    assert (said.code, said.out, said.err) == (1, "", wanted)
    assert orders.taken == []


IMPOSTORS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"proof": null}',
    b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n" + json.dumps({"proof": "ä"}).encode(),
    b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"",
]


@pytest.mark.requirement("SUP-4")
@pytest.mark.parametrize("answer", IMPOSTORS)
def test_an_impostor_on_the_port_never_sees_a_token(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with impostor(answer) as (port, heard):
        work_in(tmp_path, monkeypatch, port)
        said = line(*PAUSE)
    assert (said.code, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert str(port) in said.err
    assert b"GET /proof?nonce=" in heard
    assert TOKEN.encode() not in heard


@contextmanager
def impostor(answer: bytes) -> Iterator[tuple[int, bytearray]]:
    """Somebody else on a port, who answers everything so and remembers what was said."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def listen() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    heard.extend(connection.recv(65_536))
                    connection.sendall(answer)

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listening.getsockname()[1], heard
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


@pytest.mark.requirement("LIFE-8")
def test_of_several_operators_one_has_to_be_named(
    line: Line, house: House, orders: Orders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in(tmp_path, monkeypatch, house.server.private_port)
    monkeypatch.setenv("AUCTION_MANAGER_HTTP_OPERATOR_TOKENS", f"ann={TOKEN},bob={OTHER}")
    assert line(*PAUSE).err == "auction-manager: there are several operators: say --as ann or --as bob\n"
    assert line(*PAUSE, "--as", "eve").err == "auction-manager: http.operator_tokens has no 'eve'; it has ann, bob\n"
    assert line(*PAUSE, "--as", "bob").code == 0
    assert orders.taken == [("pause", "bob")]
