"""The door of the listeners: strangers who come in crowds, say nothing, half of something, or what is no HTTP."""

import asyncio
import logging
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from adapters.http import door
from adapters.http.clients import Clients
from adapters.http.door import HEAD_BYTES, TALK_BYTES, Deadlines
from adapters.http.server import CONNECTIONS_EACH, KEPT, READERS, READERS_EACH, REQUESTS, HttpSettings
from adapters.http.views import Reads
from adapters.livestream.hub import FeedLimits
from adapters.metrics import REGISTRY
from tests.harness.asking import ask
from tests.harness.privates import is_given_up
from tests.harness.shown_auction import House, nothing, serving
from tests.harness.strangers import HANDSHAKE, MALFORMED
from tests.harness.waiting import until

KEPT_FOR = Clients(kept=(ip_network("127.0.0.1"),))


def stranger(house: House, number: int = 0, sends: bytes = b"") -> "closing[socket.socket]":
    """A connection from an address of this machine that is not kept: 127.1.0.0 and the number."""
    source = f"127.1.{number // 256}.{number % 256}"
    connection = socket.create_connection(("127.0.0.1", house.server.public_port), 10, (source, 0))
    connection.sendall(sends)
    return closing(connection)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has closed it, without having said anything."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def turned_away(places: str) -> float:
    return REGISTRY.get_sample_value("auction_http_turned_away_total", {"places": places}) or 0.0


@pytest.mark.requirement("LIV-4")
def test_connections_are_bounded_in_all_and_for_each_address_and_some_are_kept() -> None:
    patient = Deadlines(head_s=600.0)  # on a slow machine the first ones would be shown the door meanwhile
    with serving(HttpSettings(connections=200, clients=KEPT_FOR, deadlines=patient)) as house, ExitStack() as stack:
        mine = [stack.enter_context(stranger(house)) for _ in range(CONNECTIONS_EACH + 5)]
        until(lambda: sum(map(is_closed, mine)) == 5)
        many = [stack.enter_context(stranger(house, number)) for number in range(1, 200)]
        until(lambda: sum(map(is_closed, many)) == len(many) - (200 - CONNECTIONS_EACH))
        kept = [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", house.server.public_port))))
            for _ in range(KEPT + 3)
        ]
        until(lambda: sum(map(is_closed, kept)) == 3)
        kept[0].setblocking(True)
        kept[0].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept[0].recv(12) == b"HTTP/1.1 200"


@pytest.mark.requirement("LIV-4")
def test_who_asks_without_end_is_refused_and_put_out_and_pushes_of_x_are_not_counted() -> None:
    read, push = b"GET /feed.js HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /webhooks/x HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(HttpSettings(clients=KEPT_FOR)) as house:
        with stranger(house) as reader, reader.makefile("rb") as answers:
            for number in range(3 * REQUESTS):  # the window may end meanwhile, and another begin
                reader.sendall(read)
                status, headers = _head(answers)
                answers.read(int(headers["content-length"]))
                if status == 429:
                    break
                assert status == 200, number
            assert (status, answers.read(1), headers["retry-after"]) == (429, b"", "1")
        with stranger(house, sends=push) as pusher, pusher.makefile("rb") as answers:  # of the same address
            assert _head(answers)[0] == 404  # this house takes none
        assert ask(house.public + "/feed.js")[0] == 200


def _head(answer: BinaryIO) -> tuple[int, dict[str, str]]:
    status = int(answer.readline().split()[1])
    lines = iter(answer.readline, b"\r\n")
    return status, {name.lower(): value for name, value in (line.decode().strip().split(": ", 1) for line in lines)}


HALVES = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHost: x\r\nX-",
    "half a handshake": HANDSHAKE[:-10],
    "half a second request": b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /",
}


@pytest.mark.requirement("LIV-4")
@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES)
def test_who_does_not_say_what_he_wants_is_shown_the_door(sent: bytes) -> None:
    with serving(HttpSettings(deadlines=Deadlines(head_s=0.2))) as house, stranger(house, sends=sent) as connection:
        while connection.recv(100_000):
            pass  # it ends, or the socket's own time-out fails the test


def test_a_head_that_does_not_end_is_not_kept() -> None:
    lines = b"X-Y: %s\r\n" % (b"y" * 4_000) * (2 * HEAD_BYTES // 4_000)
    head = b"GET / HTTP/1.1\r\nHost: x\r\n" + lines
    settings = HttpSettings(deadlines=Deadlines(head_s=600.0))
    with serving(settings) as house, stranger(house, sends=head) as connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""


@pytest.mark.requirement("LIV-4")
def test_an_answer_that_nobody_takes_is_given_up() -> None:
    with serving(HttpSettings(deadlines=Deadlines(answer_s=0.2))) as house, ExitStack() as stack:
        connection = stack.enter_context(closing(socket.socket()))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", house.server.public_port))
        connection.settimeout(20)
        with suppress(ConnectionError):
            while True:  # until it is cut, or the socket's own time-out fails the test
                connection.sendall(b"GET /stage.js HTTP/1.1\r\nHost: x\r\n\r\n" * 100)


@pytest.mark.requirement("LIV-4")
def test_an_image_that_nobody_takes_counts_as_a_connection_for_as_long_as_its_file_is_open(tmp_path: Path) -> None:
    (tmp_path / "lot.png").write_bytes(bytes(8_000_000))
    request = b"GET /images/lot.png HTTP/1.1\r\nHost: x\r\n\r\n"
    with serving(HttpSettings(images=tmp_path, connections=19)) as house, ExitStack() as stack:
        readers = [stack.enter_context(stranger(house, number, request)) for number in range(9)]
        assert all(reader.recv(12) == b"HTTP/1.1 200" for reader in readers)

        def status_of_another() -> bytes:
            with suppress(ConnectionError), stranger(house, 9, request) as another:
                return another.recv(12)[-3:]
            return b""  # the one before has not left yet

        assert status_of_another() == b"503"
        readers.pop().close()
        until(lambda: status_of_another() == b"200")


@pytest.mark.requirement("OBS-1")
@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request_is_answered_and_leaves_no_line_in_the_log(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings = HttpSettings(deadlines=Deadlines(head_s=0.5))
    with caplog.at_level(logging.INFO), serving(settings) as house:
        for port in (house.server.public_port, house.server.private_port):
            with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
                connection.sendall(sent)
                answer = connection.makefile("rb").readline()
                assert answer.startswith(b"HTTP/1."), answer
            with closing(socket.create_connection(("127.0.0.1", port), 10)) as connection:
                connection.sendall(sent)  # and leaves
        assert ask(house.public + "/")[0] == 200
    assert caplog.records == []


@pytest.mark.requirement("OBS-1")
def test_an_answer_that_is_ready_in_the_turn_in_which_a_stop_gives_it_up_leaves_no_line_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, asked = list[door.Connection](), threading.Event()
    connection_made = door.Connection.connection_made

    def remember(connection: door.Connection, transport: asyncio.BaseTransport) -> None:
        made.append(connection)
        connection_made(connection, transport)

    async def status() -> dict[str, Any]:
        asked.set()
        while not is_given_up(made[0]):
            await asyncio.sleep(0)
        return {}

    monkeypatch.setattr(door.Connection, "connection_made", remember)
    settings = HttpSettings(shutdown_s=0.1)
    with caplog.at_level(logging.INFO), serving(settings, status=status) as house, ExitStack() as stack:
        connection = stack.enter_context(closing(socket.create_connection(("127.0.0.1", house.server.private_port))))
        connection.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert asked.wait(20)
    assert caplog.records == []


TALK = {
    "parts of a message that is never whole": b"\x01\x00" + b"\x00\x00" * TALK_BYTES,
    "a part at a time, each in a mask": b"\x01\x80\0\0\0\0" + b"\x00\x80\0\0\0\0" * TALK_BYTES,
    "pings": b"\x89\x80\0\0\0\0" * TALK_BYTES,
}


@pytest.mark.requirement("LIV-4")
@pytest.mark.parametrize("sent", TALK.values(), ids=TALK)
def test_a_viewer_who_sends_more_than_a_viewer_has_to_say_is_cut_whether_or_not_it_makes_a_message(sent: bytes) -> None:
    with serving() as house, stranger(house, sends=HANDSHAKE) as viewer:
        until(lambda: house.hub.viewers == 1)
        with suppress(ConnectionError):
            viewer.sendall(sent)
        until(lambda: house.hub.viewers == 0, within_s=10)


def test_who_says_too_much_together_with_the_handshake_does_not_become_a_viewer() -> None:
    said = HANDSHAKE + b"\x01\x00" + b"\x00\x00" * TALK_BYTES
    with serving() as house, suppress(ConnectionError), stranger(house, sends=said) as talker:
        while talker.recv(100_000):
            pass  # it ends, or the socket's own time-out fails the test


def test_a_viewer_may_say_a_little_each_minute_for_as_long_as_it_stays() -> None:
    settings = HttpSettings(deadlines=Deadlines(minute_s=0.0))  # what comes next is in a minute of its own
    with serving(settings) as house, stranger(house, sends=HANDSHAKE + b"\x01\x00") as viewer:
        for _ in range(8):
            viewer.sendall(b"\x00\x00" * (TALK_BYTES // 8) + b"\x89\x00")
            while b"\x8a\x00" not in viewer.recv(100_000):
                pass  # until the ping is answered, or the socket's own time-out fails the test
        assert house.hub.viewers == 1


@contextmanager
def slow_readers() -> Iterator[tuple[Callable[[Any], Reads], asyncio.Event]]:
    gate = asyncio.Event()

    async def wait(*_: object) -> Any:
        await gate.wait()
        return {}

    yield lambda _: Reads(wait, wait, nothing, nothing, nothing, nothing), gate


@pytest.mark.requirement("LIV-3")
def test_readers_of_the_api_keep_nobody_away_from_the_stage_and_one_has_his_share() -> None:
    request = b"GET /api/auctions HTTP/1.1\r\nHost: x\r\n\r\n"
    with slow_readers() as (reads, gate), serving(reads=reads) as house, ExitStack() as stack:
        before = turned_away("readers")
        for number in range(READERS // READERS_EACH):
            for _ in range(READERS_EACH):
                stack.enter_context(stranger(house, number, request))
        with stranger(house, 0, request) as one_too_many:
            assert one_too_many.makefile("rb").readline().split()[1] == b"503"
        with stranger(house, 99, request) as another:
            assert another.makefile("rb").readline().split()[1] == b"503"
        assert turned_away("readers") == before + 2
        assert ask(house.public + "/")[0] == 200
        house.loop.call(gate.set)
        until(lambda: ask(house.public + "/api/auctions")[0] == 200)


@pytest.mark.requirement("LIV-4")
def test_of_a_thousand_who_join_at_once_as_many_get_in_as_there_are_seats_and_the_broadcast_has_its_own() -> None:
    with serving(HttpSettings(clients=KEPT_FOR), FeedLimits(viewers=100)) as house, ExitStack() as stack:
        crowd = [stack.enter_context(stranger(house, number // 20)) for number in range(1_000)]
        for connection in crowd:
            connection.sendall(HANDSHAKE)
        words = [connection.makefile("rb").readline().split()[1] for connection in crowd]
        assert (words.count(b"101"), words.count(b"503")) == (100, 900)
        with closing(socket.create_connection(("127.0.0.1", house.server.public_port), 10)) as broadcast:
            broadcast.sendall(HANDSHAKE)
            assert broadcast.makefile("rb").readline().split()[1] == b"101"


@pytest.mark.requirement("LIV-4")
def test_where_no_file_can_be_opened_any_more_nothing_ends_and_it_goes_on_once_one_can() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving() as house, closing(socket.socket()) as waiting:
        before, held = unaccepted(), []
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        try:
            with suppress(OSError):
                while True:
                    held.append(os.open(os.devnull, os.O_RDONLY))
            waiting.connect(("127.0.0.1", house.server.public_port))
            waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            until(lambda: unaccepted() > before)
        finally:
            for file in held:
                os.close(file)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        waiting.settimeout(10)
        assert waiting.makefile("rb").readline().split()[1] == b"200"


def unaccepted() -> float:
    return REGISTRY.get_sample_value("auction_errors_total", {"part": "accept"}) or 0.0
