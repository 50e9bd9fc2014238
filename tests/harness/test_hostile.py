"""The hostile neighbour does what each mood says, alone and in front of a real endpoint."""

import contextlib
import gc
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.harness.hostile import Hostile, Mood

SOON_S = 5.0


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile(honest=b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue", drip_s=0.01, flood_bytes=2**20).start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def in_front(hostile: Hostile) -> Iterator[Hostile]:
    made = Hostile(upstream=hostile.port, drip_s=0.01).start()
    try:
        yield made
    finally:
        made.stop()


def ask(asked: Hostile, timeout_s: float = SOON_S) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", asked.port, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read()


def fails_with(fault: type[Exception], timeout_s: float = SOON_S) -> Callable[[Hostile], None]:
    def check(asked: Hostile) -> None:
        with pytest.raises(fault):
            ask(asked, timeout_s)

    return check


def says(status: int, beginning: bytes) -> Callable[[Hostile], None]:
    def check(asked: Hostile) -> None:
        answer = ask(asked)
        assert answer[0] == status
        assert answer[1].startswith(beginning)

    return check


def unpacks_to_a_mebibyte(asked: Hostile) -> None:
    with requests.get(f"http://127.0.0.1:{asked.port}/", timeout=SOON_S) as answer:
        assert len(answer.content) == 2**20
        assert int(answer.headers["Content-Length"]) < 2**12


MOODS: dict[Mood, Callable[[Hostile], None]] = {
    Mood.HONEST: says(200, b"true"),
    Mood.REFUSE: fails_with(ConnectionRefusedError),
    Mood.SILENT: fails_with(TimeoutError, 0.2),
    Mood.STALL: fails_with(TimeoutError, 0.2),
    Mood.DRIP: says(200, b"true"),
    Mood.HANG_UP: fails_with(ConnectionResetError),
    Mood.ENDLESS_HEADERS: fails_with(http.client.HTTPException),
    Mood.FLOOD: says(200, b" " * 2**20),
    Mood.BOMB: unpacks_to_a_mebibyte,
    Mood.HTML: says(200, b"<html>"),
    Mood.OTHER_JSON: says(200, b"["),
    Mood.NO_JSON: says(200, b"{"),
    Mood.EMPTY: says(200, b""),
    Mood.REDIRECT: says(307, b""),
}


@pytest.mark.parametrize("mood", Mood)
def test_each_mood_spoils_the_answer_in_its_way_and_the_next_turn_puts_it_right(hostile: Hostile, mood: Mood) -> None:
    hostile.turn(mood)
    MOODS[mood](hostile)
    hostile.turn(Mood.HONEST)
    assert ask(hostile) == (200, b"true")


@pytest.mark.parametrize("mood", [mood for mood in Mood if mood not in (Mood.FLOOD, Mood.BOMB)])
def test_it_does_the_same_in_front_of_a_real_endpoint(in_front: Hostile, mood: Mood) -> None:
    in_front.turn(mood)
    MOODS[mood](in_front)
    in_front.turn(Mood.HONEST)
    assert ask(in_front) == (200, b"true")


def test_a_dripped_answer_takes_its_time(hostile: Hostile) -> None:
    hostile.turn(Mood.DRIP)
    begun_s = time.monotonic()
    assert ask(hostile) == (200, b"true")
    assert time.monotonic() - begun_s > 0.3


def test_a_turn_reaches_connections_that_are_open(in_front: Hostile) -> None:
    with socket.create_connection(("127.0.0.1", in_front.port), SOON_S) as connection:
        connection.sendall(b"one")
        assert connection.recv(1000).endswith(b"true")
        in_front.turn(Mood.SILENT)
        connection.sendall(b"two")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1000)
        in_front.turn(Mood.HONEST)
        connection.settimeout(SOON_S)
        with pytest.raises(ConnectionResetError):
            connection.recv(1000)


def test_who_has_said_his_last_is_answered_whatever_the_collector_does(hostile: Hostile, in_front: Hostile) -> None:
    hostile.turn(Mood.DRIP)  # so that its relay waits for it
    with socket.create_connection(("127.0.0.1", in_front.port), SOON_S) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        heard = connection.recv(1)
        gc.collect()
        while piece := connection.recv(1):
            heard += piece
    assert heard.endswith(b"true")


@pytest.mark.parametrize("_round", range(3))  # a cancelled wait that was swallowed was likely, not certain
def test_what_was_dripping_is_said_at_once_when_the_mood_turns_and_the_next_turn_is_heard(_round: int) -> None:
    def ask_and_read() -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", hostile.port), SOON_S) as asking:
            asking.sendall(b"?")
            while asking.recv(2**16):
                dripping.release()

    hostile, dripping = Hostile(honest=bytes(2**16), drip_s=0.01).start(), threading.Semaphore(0)
    readers = [threading.Thread(target=ask_and_read) for _ in range(20)]
    try:
        hostile.turn(Mood.DRIP)
        for reader in readers:
            reader.start()
        for _ in range(100):
            assert dripping.acquire(timeout=SOON_S)
        hostile.turn(Mood.HONEST)
        hostile.turn(Mood.REFUSE)
    finally:
        hostile.stop()
        for reader in readers:
            reader.join()
