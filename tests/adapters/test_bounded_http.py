"""HTTP to a neighbour ends in time and in bounds, whatever the neighbour does."""

import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
import requests

from adapters.bounded_http import BoundedAdapter
from tests.harness.hostile import Hostile, Mood
from tests.harness.waiting import until

MOST_BYTES = 2**20
SHORT_S = 0.5
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PROXY_NAMES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
FAR_AWAY = "http://far-away.invalid"

Ask = Callable[..., requests.Response]
MakeHostile = Callable[..., Hostile]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_NAMES, "NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def make_hostile() -> Iterator[MakeHostile]:
    made: list[Hostile] = []

    def make(mood: Mood, honest: bytes = ENDLESS, drip_s: float = 0.02) -> Hostile:
        made.append(Hostile(honest=honest, drip_s=drip_s, flood_bytes=64 * MOST_BYTES).start())
        made[-1].turn(mood)
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def ask() -> Iterator[Ask]:
    sessions: list[requests.Session] = []

    def get(url: str, timeout_s: float = SHORT_S, stream: bool = False) -> requests.Response:
        sessions.append(BoundedAdapter(timeout_s, MOST_BYTES).mounted(requests.Session()))
        return sessions[-1].get(url, stream=stream)

    yield get
    for session in sessions:
        session.close()


def url_of(hostile: Hostile, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{hostile.port}/"


def ends_in_time(question: Callable[[], object]) -> None:
    """The question fails, and long before the neighbour has done what it began: that takes a minute at least."""
    begun_s = time.monotonic()
    with pytest.raises(requests.RequestException):
        question()
    assert time.monotonic() - begun_s < 20


DRIPS = {
    "in the body": ENDLESS,
    "in a body of chunks": STREAM + b"1000\r\n" + b"a" * 4096,
    "in the headers": b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 4000,
    "before the headers": b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
}


@pytest.mark.parametrize("where", DRIPS)
def test_an_answer_that_drips_in_lives_no_longer_than_the_question(
    where: str, make_hostile: MakeHostile, ask: Ask
) -> None:
    hostile = make_hostile(Mood.DRIP, DRIPS[where])
    ends_in_time(lambda: ask(url_of(hostile)))


SPOILED = (
    Mood.REFUSE,
    Mood.SILENT,
    Mood.STALL,
    Mood.HANG_UP,
    Mood.ENDLESS_HEADERS,
    Mood.FLOOD,
    Mood.BOMB,
    Mood.REDIRECT,
)


@pytest.mark.parametrize("mood", SPOILED)
def test_whatever_the_neighbour_does_the_question_fails_in_time_and_costs_no_memory(
    mood: Mood, make_hostile: MakeHostile, ask: Ask
) -> None:
    hostile = make_hostile(mood)
    tracemalloc.start()
    try:
        ends_in_time(lambda: ask(url_of(hostile), timeout_s=5))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * MOST_BYTES, "of 64, and with what the neighbour itself takes here"


def test_an_answer_as_large_as_it_may_be_is_read(make_hostile: MakeHostile, ask: Ask) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % MOST_BYTES + b"a" * MOST_BYTES
    answer = ask(url_of(make_hostile(Mood.HONEST, body)), timeout_s=20)
    assert len(answer.content) == MOST_BYTES
    assert isinstance(answer.raw, BytesIO)
    assert answer.content is answer.raw.getvalue(), "and not copied"


def test_a_tls_handshake_that_drips_ends_in_time(make_hostile: MakeHostile, ask: Ask) -> None:
    hostile = make_hostile(Mood.DRIP, b"\x16\x03\x03\x40\x00" + bytes(4000))  # a record that never gets whole
    ends_in_time(lambda: ask(url_of(hostile, "https")))


def test_a_proxy_that_drips_ends_in_time(make_hostile: MakeHostile, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = make_hostile(Mood.DRIP, b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 4000)
    monkeypatch.setenv("https_proxy", url_of(hostile))
    ends_in_time(lambda: ask("https://far-away.invalid/"))


def test_a_name_server_that_hangs_holds_one_thread_and_no_question(
    make_hostile: MakeHostile, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    hostile = make_hostile(Mood.HONEST, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    really = socket.getaddrinfo

    def hanging(host: str, port: int, *args: object) -> object:
        release.wait(60)
        return really("127.0.0.1", hostile.port, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    session = BoundedAdapter(SHORT_S, MOST_BYTES).mounted(requests.Session())
    before = threading.active_count()
    for _ in range(5):
        with pytest.raises(requests.ConnectTimeout):
            session.get(FAR_AWAY)
    until(lambda: threading.active_count() <= before + 1)  # the look-up; deadlines that were called off end soon
    release.set()
    until(lambda: threading.active_count() <= before)
    assert session.get(FAR_AWAY).ok, "and it mends itself"
    session.close()


def read_lines(answer: requests.Response) -> list[bytes]:
    with answer:
        return list(answer.iter_lines(chunk_size=16))


DRIPPING_LINES = {
    "in one chunk": STREAM + b"1000\r\n" + b"a" * 4096,
    "a chunk each": STREAM + b"1\r\na\r\n" * 1000,
    "without chunks": b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 4000,
}


@pytest.mark.parametrize("how", DRIPPING_LINES)
def test_a_line_of_a_stream_that_drips_in_ends_it(how: str, make_hostile: MakeHostile, ask: Ask) -> None:
    hostile = make_hostile(Mood.DRIP, DRIPPING_LINES[how], drip_s=0.01)
    ends_in_time(lambda: read_lines(ask(url_of(hostile), timeout_s=2, stream=True)))


def test_a_stream_lives_on_while_its_lines_come_and_while_its_reader_works(make_hostile: MakeHostile, ask: Ask) -> None:
    lines = [b"line %d" % number for number in range(40)]
    hostile = make_hostile(Mood.DRIP, b"HTTP/1.1 200 OK\r\n\r\n" + b"\n".join(lines) + b"\n", drip_s=0.01)
    begun_s = time.monotonic()
    read = list[bytes]()
    with ask(url_of(hostile), timeout_s=2, stream=True) as answer:
        for line in answer.iter_lines(chunk_size=1):
            if not read:
                time.sleep(2.5)  # longer than the deadline of a line
            read.append(line)
            if len(read) == len(lines):
                break
    assert read == lines
    assert time.monotonic() - begun_s > 2


LOOPBACK = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "here.localhost")


@pytest.mark.parametrize("host", LOOPBACK)
def test_what_is_on_this_machine_is_never_asked_through_a_proxy(
    host: str, make_hostile: MakeHostile, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PROXY_NAMES:
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:1")
    hostile = make_hostile(Mood.HONEST, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
    monkeypatch.setattr(socket, "getaddrinfo", _to_loopback(socket.getaddrinfo))
    answer = ask(f"http://{host}:{hostile.port}/", timeout_s=20)
    assert answer.content == b"true"
    assert "Proxy-Authorization" not in answer.request.headers


def _to_loopback(really: Callable[..., object]) -> Callable[..., object]:
    return lambda host, *args, **kwargs: really("127.0.0.1", *args, **kwargs)


def test_what_is_elsewhere_is_asked_through_the_proxy_of_the_environment(
    make_hostile: MakeHostile, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = make_hostile(Mood.HONEST, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nproxied")
    monkeypatch.setenv("http_proxy", url_of(proxy))
    assert ask(f"{FAR_AWAY}/", timeout_s=20).content == b"proxied"


def test_no_credentials_of_the_environment_are_given_to_a_neighbour(
    make_hostile: MakeHostile, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    hostile = make_hostile(Mood.HONEST, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue")
    assert "Authorization" not in ask(url_of(hostile), timeout_s=20).request.headers


def test_certificates_that_are_not_there_are_a_failed_question(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.crt")
    with pytest.raises(requests.ConnectionError, match="nowhere"):
        ask("https://far-away.invalid/")
