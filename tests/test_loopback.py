"""Questions to processes of ours: over in time and in bounds, whoever answers, and asked at the address itself."""

import time
from collections.abc import Iterator

import pytest

from loopback import Connection, NoAnswer, exchange, is_loopback
from simulator.launch import SimulatorFailed, ask_x
from tests.harness.hostile import Hostile, Mood

BODY = b" " * 1_000 + b'"yes"'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    made = Hostile(honest=ANSWER, drip_s=0.04, flood_bytes=2**20).start()
    yield made
    made.stop()


@pytest.mark.parametrize("mood", [mood for mood in Mood if mood not in (Mood.HONEST, Mood.OTHER_JSON)])
def test_who_does_not_answer_as_he_should_is_not_waited_for(mood: Mood, hostile: Hostile) -> None:
    hostile.turn(mood)
    begun_s = time.monotonic()
    with pytest.raises(NoAnswer):
        exchange(hostile.port, "GET", "/", within_s=0.5)
    assert time.monotonic() - begun_s < 20, "dripped, the answer takes 42 s"


def test_all_that_is_asked_on_a_connection_has_one_deadline(hostile: Hostile) -> None:
    with Connection(hostile.port, 0.5) as connection:
        assert connection.exchange("GET", "/") == (200, "yes")
        hostile.turn(Mood.SILENT)
        for _ in range(2):
            with pytest.raises(NoAnswer):
                connection.exchange("POST", "/", {"a": 1})


def test_an_answer_larger_than_any_of_ours_is_not_collected(hostile: Hostile) -> None:
    assert exchange(hostile.port, "GET", "/", within_s=10, answer_bytes=len(BODY)) == (200, "yes")
    with pytest.raises(NoAnswer, match="more than 1004 bytes"):
        exchange(hostile.port, "GET", "/", within_s=10, answer_bytes=len(BODY) - 1)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment_is_not_asked(
    hostile: Hostile, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert exchange(hostile.port, "GET", "/", within_s=10) == (200, "yes")


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port_is_no_answer(port: int) -> None:
    with pytest.raises(NoAnswer):
        exchange(port, "GET", "/", within_s=10)


def test_a_simulated_x_that_drips_has_failed_in_time(hostile: Hostile) -> None:
    hostile.turn(Mood.DRIP)
    begun_s = time.monotonic()
    with pytest.raises(SimulatorFailed, match="does not answer"):
        ask_x(hostile.port, "GET", "/_sim/health", within_s=0.5)
    assert time.monotonic() - begun_s < 20


HOSTS = {
    **dict.fromkeys(["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "x.localhost"], True),
    **dict.fromkeys(["0.0.0.0", "::", "10.0.0.7", "::ffff:10.0.0.7", "localhost.example", "xlocalhost", ""], False),
    **dict.fromkeys(["127.1", "0x7f000001", "127.0.0.1.example", "[::1]"], False),
}


@pytest.mark.parametrize("host", HOSTS)
def test_what_is_of_this_machine_alone(host: str) -> None:
    assert is_loopback(host) is HOSTS[host]
