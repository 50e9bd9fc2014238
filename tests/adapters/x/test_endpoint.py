"""The seam below tweepy. One test for each thing that we use of tweepy, requests and urllib3 beyond their promises."""

import inspect
import socket
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests
import tweepy
from oauthlib.common import Request
from oauthlib.oauth1 import rfc5849
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from adapters.x.client import XClient
from adapters.x.endpoint import BODY_BYTES, TWEEPY_HOST, Endpoint
from commands.simulated import CREDENTIALS
from tests.adapters.x.bad_server import BadServer, answer, chunked
from tests.harness.privates import loop_of_tweepys_streams
from tests.harness.waiting import until

Way = Callable[..., requests.Session]
Serve = Callable[[Callable[[socket.socket], None]], BadServer]


@pytest.fixture
def way() -> Iterator[Way]:
    """Makes sessions that lead to a base URL, with a time-out in seconds, and a bound for bodies."""
    sessions: list[requests.Session] = []

    def make(base_url: str, timeout_s: float, body_bytes: int = BODY_BYTES) -> requests.Session:
        sessions.append(Endpoint(base_url, timeout_s, body_bytes).session())
        return sessions[-1]

    yield make
    for session in sessions:
        session.close()


@pytest.mark.requirement("X-1")
def test_tweepy_asks_one_host_only_through_a_session_that_can_be_mounted() -> None:
    for client in (tweepy.Client("token"), tweepy.StreamingClient("token")):
        assert isinstance(client.session, requests.Session)
        client.session.close()
    for asking in (tweepy.client.BaseClient.request, tweepy.StreamingClient):
        assert f'"{TWEEPY_HOST}' in inspect.getsource(asking)


@pytest.mark.requirement("X-1")
def test_tweepy_makes_every_request_through_a_session_that_can_be_exchanged() -> None:
    for asking in (tweepy.client.BaseClient.request, tweepy.streaming.BaseStream):
        source = inspect.getsource(asking)
        assert "with self.session.request(" in source
        assert (
            source.count("self.session.") - source.count("self.session.headers") - source.count("self.session.close")
            == 1
        )
    assert list(inspect.signature(tweepy.StreamingClient.__init__).parameters)[1] == "bearer_token"
    assert "chunk_size" in inspect.signature(tweepy.streaming.BaseStream.__init__).parameters


@pytest.mark.requirement("X-1", "X-5")
@pytest.mark.parametrize("path", ["", "/behind/a/gateway"])
def test_a_signature_is_made_over_the_url_that_is_really_called(path: str, bad_server: Serve) -> None:
    server = bad_server(answer("201 Created", {"data": {"id": "5"}}))
    client = XClient(server.base_url + path, CREDENTIALS, 5)
    client.create_post("text")
    client.own_posts(0)
    client.close()
    for request in (server.requests[0], server.requests[1]):
        head, *lines = request.decode().split("\r\n")
        method, target, _ = head.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        called = f"http://{headers['host']}{target}"
        assert path in called
        assert is_signed(method, called, headers["authorization"])
        assert not is_signed(method, TWEEPY_HOST + target.removeprefix(path), headers["authorization"])


def is_signed(method: str, url: str, authorization: str) -> bool:
    """Whether the signature is good for this URL, by oauthlib's own reading of RFC 5849."""
    parameters = rfc5849.signature.collect_parameters(
        uri_query=urlsplit(url).query, headers={"Authorization": authorization}, exclude_oauth_signature=False
    )
    signed = dict(parameters)
    asked = Request(url, method)
    asked.signature, asked.params = signed.pop("oauth_signature"), [*signed.items()]
    secrets = CREDENTIALS.consumer_secret, CREDENTIALS.access_token_secret
    return bool(rfc5849.signature.verify_hmac_sha1(asked, *secrets))


@pytest.mark.requirement("X-1")
def test_tweepy_ends_its_loop_when_a_hook_says_disconnect_and_tells_the_end_last() -> None:
    source = inspect.getsource(loop_of_tweepys_streams())
    for hook in ("self.on_closed(resp)", "self.on_connection_error()", "self.on_request_error(resp.status_code)"):
        assert hook in source
    assert source.rstrip().endswith("self.on_disconnect()")
    assert "while self.running" in source


@pytest.mark.requirement("X-1")
def test_tweepy_closes_the_session_and_the_next_request_still_comes_here(bad_server: Serve, way: Way) -> None:
    server = bad_server(answer("200 OK", b"{}"))
    session = way(server.base_url + "/", 5)
    for _ in range(2):
        session.get(f"{TWEEPY_HOST}/2/tweets?ids=1")
        session.close()
    assert [request.split(b"\r\n")[0] for request in server.requests] == [b"GET /2/tweets?ids=1 HTTP/1.1"] * 2


@pytest.mark.requirement("X-1")
def test_urllib3_s_pools_make_their_connections_with_a_class_that_can_be_replaced() -> None:
    for pool in (HTTPConnectionPool, HTTPSConnectionPool):
        assert callable(pool.ConnectionCls.connect)
        assert "self.ConnectionCls(" in inspect.getsource(pool)


@pytest.mark.requirement("X-1")
def test_nothing_goes_anywhere_else(bad_server: Serve, way: Way) -> None:
    elsewhere = bad_server(answer("200 OK", b"{}"))
    session = way(bad_server(answer("200 OK", b"{}")).base_url, 5)
    for url in (elsewhere.base_url, "https://api.twitter.com.example/2"):
        with pytest.raises(requests.exceptions.InvalidURL):
            session.get(url)
    session = way(bad_server(answer("307 Temporary Redirect", b"", Location=elsewhere.base_url)).base_url, 5)
    with pytest.raises(requests.TooManyRedirects):
        session.get(f"{TWEEPY_HOST}/2/tweets")
    assert elsewhere.requests == []


@pytest.mark.requirement("X-1")
def test_a_body_without_end_is_not_collected(bad_server: Serve, way: Way) -> None:
    session = way(bad_server(chunked(b"a" * 100_000)).base_url, 5, 100_000)
    assert len(session.get(f"{TWEEPY_HOST}/2").content) == 100_000
    session = way(bad_server(chunked(b"a" * 100_001)).base_url, 5, 100_000)
    with pytest.raises(requests.ConnectionError, match="a body of more than"):
        session.get(f"{TWEEPY_HOST}/2")


@pytest.mark.requirement("X-1")
def test_a_connection_is_kept_and_used_again(way: Way) -> None:
    accepted = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        accepted.append(connection)
        with connection:
            for _ in range(3):
                while b"\r\n\r\n" not in connection.recv(65536):
                    continue
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    thread = threading.Thread(target=serve)
    thread.start()
    with listener:
        session = way(f"http://127.0.0.1:{listener.getsockname()[1]}", 5)
        for _ in range(3):
            assert session.get(f"{TWEEPY_HOST}/2/tweets").json() == {}
        thread.join(10)
    assert len(accepted) == 1


@pytest.mark.requirement("X-1")
def test_shutting_wakes_a_request_and_refuses_those_to_come(bad_server: Serve, way: Way) -> None:
    release = threading.Event()

    def hold(_: socket.socket) -> None:
        release.wait(60)

    server = bad_server(hold)
    made = Endpoint(server.base_url, 30)
    session = made.session()

    def shut_once_asked() -> None:
        until(lambda: server.requests)
        made.shut()

    threading.Thread(target=shut_once_asked).start()
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            session.get(f"{TWEEPY_HOST}/2/tweets")
    assert time.monotonic() - started < 20
    release.set()
