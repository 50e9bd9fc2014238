"""The filtered stream: bytes come out, every end is told once, and stopping is quick whatever X does."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from adapters.bounded_http import LINE_BYTES
from adapters.x.budget import Budget
from adapters.x.client import XClient
from adapters.x.errors import HeldBack
from adapters.x.payload import read_payload
from adapters.x.stream import EndCause, PostStream, StreamEnd
from commands.simulated import CREDENTIALS
from tests.adapters.x.bad_server import BadServer, answer, chunked, free_port, open_sockets
from tests.harness.waiting import until
from tests.harness.x_process import SimulatedX

Serve = Callable[[Callable[[socket.socket], None]], BadServer]


class Listener:
    """An owner of a stream that writes down what it is told."""

    def __init__(self, base_url: str, stall_s: float = 10.0, **callbacks: Any) -> None:
        self.lines: list[bytes] = []
        self.connects = 0
        self.ends: list[StreamEnd] = []
        self.stream = PostStream(
            base_url,
            CREDENTIALS.bearer_token,
            callbacks.get("on_raw", self.lines.append),
            callbacks.get("on_connected", self._connected),
            self.ends.append,
            stall_s=stall_s,
            budget=callbacks.get("budget"),
        )

    def _connected(self) -> None:
        self.connects += 1

    def run(self) -> StreamEnd:
        """Start, and wait for the end."""
        seen = len(self.ends)
        self.stream.start()
        until(lambda: len(self.ends) > seen)
        return self.ends[-1]

    def posts(self) -> list[int]:
        found = [read_payload(raw, "stream", 0) for raw in self.lines]
        return [post.bid.post_id for post in found if post]


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    listeners: list[Listener] = []

    def make(base_url: str, stall_s: float = 10.0, **callbacks: Any) -> Listener:
        listeners.append(Listener(base_url, stall_s, **callbacks))
        return listeners[-1]

    yield make
    for listener in listeners:
        assert listener.stream.stop()


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Set up before the servers are, so that it looks when they are gone."""
    sockets, threads = open_sockets(), set(threading.enumerate())
    yield
    assert open_sockets() == sockets
    until(lambda: set(threading.enumerate()) == threads)


@pytest.fixture
def auction_post(simulated_x: SimulatedX, client_of: Callable[..., XClient]) -> int:
    """A post of the account, whose conversation is on the stream."""
    client = client_of(simulated_x.base_url)
    post_id = client.create_post("The auction is open")
    client.set_rules("auction", {"auction": f"conversation_id:{post_id}"})
    client.close()
    return post_id


@pytest.mark.requirement("X-1")
def test_posts_come_through_real_tweepy_with_their_authors(
    simulated_x: SimulatedX, auction_post: int, listen: Callable[..., Listener]
) -> None:
    listener = listen(simulated_x.base_url)
    listener.stream.start()
    until(lambda: listener.connects)
    made = [simulated_x.reply("bob", f"{n} ETH #AuctionDay", auction_post) for n in range(1, 4)]
    until(lambda: len(listener.lines) == 3)
    assert sorted(listener.posts()) == made
    found = read_payload(listener.lines[0], "stream", 7)
    assert found is not None
    assert found.bid.author_handle == "bob"
    assert found.bid.author_created_at_ms
    assert found.bid.replied_to_id == auction_post == found.conversation_id
    assert found.bid.hashtags == ("AuctionDay",)
    assert listener.stream.stop()
    assert [end.cause for end in listener.ends] == [EndCause.STOPPED]


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize(
    ("fault", "cause"), [("eof", EndCause.CLOSED), ("rst", EndCause.LOST), ("stall", EndCause.LOST)]
)
def test_each_way_to_lose_the_stream_ends_it_once_and_it_can_be_started_again(
    fault: str, cause: EndCause, simulated_x: SimulatedX, auction_post: int, listen: Callable[..., Listener]
) -> None:
    listener = listen(simulated_x.base_url, stall_s=1.0)
    listener.stream.start()
    until(lambda: listener.connects)
    simulated_x.tell("faults", kind=fault, count=1, ms=3000)
    until(lambda: listener.ends)
    assert [end.cause for end in listener.ends] == [cause]
    # The simulated X, like the real one, keeps a dead connection for a while, and refuses a second.
    simulated_x.until_nobody_streams()
    # tweepy has closed its session by now, and would open the next one to the real X.
    listener.stream.start()
    until(lambda: listener.connects == 2)
    made = simulated_x.reply("bob", "1 ETH #AuctionDay", auction_post)
    until(lambda: listener.posts() == [made])


@pytest.mark.requirement("X-1", "X-4")
def test_a_second_connection_is_refused_and_the_refusal_says_how_long_to_wait(
    simulated_x: SimulatedX, auction_post: int, listen: Callable[..., Listener]
) -> None:
    first = listen(simulated_x.base_url)
    first.stream.start()
    until(lambda: first.connects)
    end = listen(simulated_x.base_url).run()
    assert (end.cause, end.http_status) == (EndCause.REFUSED, 429)
    assert "TooManyConnections" in end.detail
    assert [end.wait_ms(failures) for failures in range(4)] == [60_000, 120_000, 240_000, 320_000]
    assert first.ends == []


@pytest.mark.requirement("X-1")
def test_a_stream_without_rules_is_refused(simulated_x: SimulatedX, listen: Callable[..., Listener]) -> None:
    end = listen(simulated_x.base_url).run()
    assert (end.cause, end.http_status) == (EndCause.REFUSED, 409)
    assert "RuleConfigurationIssue" in str(end)


def _reset(connection: socket.socket) -> None:
    chunked(b'{"data":{}}\r\n', end=b"")(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


CLEAN = b'{"a":1}\r\n'
ENDS: dict[str, tuple[Callable[[socket.socket], None], EndCause]] = {
    "clean end": (chunked(CLEAN), EndCause.CLOSED),
    "clean end without a line": (chunked(), EndCause.CLOSED),
    "end by length": (answer("200 OK", CLEAN), EndCause.CLOSED),
    "end by closing": (lambda connection: connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + CLEAN), EndCause.CLOSED),
    "cut off": (chunked(CLEAN, end=b""), EndCause.LOST),
    "reset": (_reset, EndCause.LOST),
    "no answer at all": (lambda connection: None, EndCause.LOST),
    "no HTTP": (lambda connection: connection.sendall(b"SSH-2.0-x\r\n\r\n"), EndCause.LOST),
    "broken chunk": (chunked(CLEAN, end=b"zz\r\n"), EndCause.LOST),
    "HTML": (answer("503 Service Unavailable", b"<html>sorry</html>"), EndCause.REFUSED),
    "JSON list": (answer("400 Bad Request", [1]), EndCause.REFUSED),
    "unauthorized": (answer("401 Unauthorized", {"title": "Unauthorized"}), EndCause.REFUSED),
    "other success": (answer("204 No Content", b""), EndCause.REFUSED),
    "redirect": (answer("302 Found", b"", Location="http://127.0.0.1:1/"), EndCause.FAILED),
}


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("how", list(ENDS))
def test_whatever_ends_the_stream_there_was_one_connection_and_is_one_end(
    how: str, bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    behave, cause = ENDS[how]
    server = bad_server(behave)
    listener = listen(server.base_url)
    assert listener.run().cause is cause
    assert listener.stream.stop()
    assert len(listener.ends) == 1
    assert len(server.requests) == 1
    assert b"GET /2/tweets/search/stream?" in server.requests[0]


@pytest.mark.requirement("X-1")
def test_nobody_listening_is_a_lost_stream(listen: Callable[..., Listener]) -> None:
    listener = listen(f"http://127.0.0.1:{free_port()}")
    end = listener.run()
    assert end.cause is EndCause.LOST
    assert "refused" in end.detail
    assert listener.connects == 0


@pytest.mark.requirement("X-1")
def test_a_line_that_is_cut_off_is_handed_on_as_it_came(bad_server: Serve, listen: Callable[..., Listener]) -> None:
    listener = listen(bad_server(chunked(b'{"a":1}\r\n\r\n{"da', b'ta":{"id":"17')).base_url)
    assert listener.run().cause is EndCause.CLOSED
    assert listener.lines == [b'{"a":1}', b'{"data":{"id":"17']


POST = {"id": "7", "text": "1 ETH", "author_id": "5"}
KILLERS: dict[str, dict[str, Any]] = {
    "a matching rule without a tag": {"data": POST, "matching_rules": [{"id": "1"}]},
    "a time without ms": {"data": POST | {"created_at": "2013-12-14T04:35:55Z"}},
    "no time at all": {"data": POST | {"created_at": "yesterday"}},
    "nothing to edit until": {"data": POST | {"edit_controls": {"editable_until": None, "edits_remaining": 5}}},
    "a disconnect message": {"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperational"}]},
    "a kind of message that is new": {"news": {"id": "7"}},
    "numbers for ids": {"data": POST | {"id": 7, "author_id": 5}, "matching_rules": [{"id": 1, "tag": 2}]},
    "lists for objects": {"data": POST | {"entities": {"hashtags": None}}, "includes": {"users": [{"id": 5}]}},
}


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("killer", list(KILLERS))
def test_what_ends_tweepy_s_own_reading_does_not_end_ours(
    killer: str, bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    lines = [json.dumps(KILLERS[killer]).encode(), json.dumps({"data": POST | {"id": "8"}}).encode()]
    listener = listen(bad_server(chunked(*(line + b"\r\n" for line in lines))).base_url)
    assert listener.run().cause is EndCause.CLOSED
    assert listener.lines == lines
    assert listener.posts() == ([7, 8] if "data" in KILLERS[killer] else [8])


@pytest.mark.requirement("X-1", "X-4")
def test_a_server_that_closes_at_once_is_not_called_more_often_than_x_allows(
    bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    server = bad_server(chunked())
    listener = listen(server.base_url, budget=Budget({"stream": 5}))
    for _ in range(5):
        assert listener.run().cause is EndCause.CLOSED
    with pytest.raises(HeldBack, match="budget"):
        listener.stream.start()
    assert len(server.requests) == 5


@pytest.mark.requirement("X-1")
def test_a_large_line_comes_whole_and_an_endless_one_ends_the_stream(
    bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    large = b'{"x":"' + b"a" * (LINE_BYTES - 100) + b'"}'
    listener = listen(bad_server(chunked(large + b"\r\n", large + b"\r\n")).base_url)
    assert listener.run().cause is EndCause.CLOSED
    assert listener.lines == [large, large]

    def endless(connection: socket.socket) -> None:
        chunked(end=b"")(connection)
        while True:
            connection.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")

    listener = listen(bad_server(endless).base_url)
    end = listener.run()
    assert end.cause is EndCause.LOST
    assert "a line of more than" in end.detail
    assert listener.lines == []


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("callback", ["on_raw", "on_connected"])
def test_a_failing_owner_ends_the_stream_and_is_told_why(
    callback: str, bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("ours")

    end = listen(bad_server(chunked(CLEAN, CLEAN)).base_url, **{callback: fail}).run()
    assert end.cause is EndCause.FAILED
    assert "KeyError" in end.detail


def _silent(server_closing: threading.Event, head: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        connection.sendall(head)
        server_closing.wait(60)

    return behave


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nTransf", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
)
def test_stopping_is_quick_while_x_is_silent(head: bytes, bad_server: Serve, listen: Callable[..., Listener]) -> None:
    done = threading.Event()
    server = bad_server(_silent(done, head))
    listener = listen(server.base_url)
    listener.stream.start()
    until(lambda: server.requests and (listener.connects or not head.endswith(b"\r\n\r\n")))
    started = time.monotonic()
    assert listener.stream.stop()
    assert time.monotonic() - started < 20
    done.set()
    assert [end.cause for end in listener.ends] == [EndCause.STOPPED]
    assert listener.stream.stop()  # again, and nothing happens
    assert len(listener.ends) == 1


@pytest.mark.requirement("X-1")
def test_stopping_right_after_starting_stops(bad_server: Serve, listen: Callable[..., Listener]) -> None:
    done = threading.Event()
    listener = listen(bad_server(_silent(done, b"")).base_url)
    for _ in range(20):
        listener.stream.start()
        assert listener.stream.stop()
    done.set()
    assert [end.cause for end in listener.ends] == [EndCause.STOPPED] * 20


@pytest.mark.requirement("X-1")
def test_a_callback_may_stop_the_stream_and_gets_nothing_more(
    bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    seen: list[bytes] = []

    def stop_at_once(raw: bytes) -> None:
        seen.append(raw)
        listener.stream.stop()

    listener = listen(bad_server(chunked(CLEAN * 3)).base_url, on_raw=stop_at_once)
    assert listener.run().cause is EndCause.STOPPED
    assert len(seen) == 1


@pytest.mark.requirement("X-1")
def test_a_stream_is_started_once_at_a_time(bad_server: Serve, listen: Callable[..., Listener]) -> None:
    done = threading.Event()
    listener = listen(bad_server(_silent(done, b"")).base_url)
    listener.stream.start()
    with pytest.raises(RuntimeError, match="running"):
        listener.stream.start()
    assert listener.stream.stop()
    done.set()


@pytest.mark.requirement("X-1")
def test_an_owner_who_is_slow_slows_x_down_and_loses_nothing(
    bad_server: Serve, listen: Callable[..., Listener]
) -> None:
    lines = [b'{"n":%d}' % n for n in range(20_000)]
    go_on, seen = threading.Event(), list[bytes]()

    def slow(raw: bytes) -> None:
        if len(seen) == 3:
            go_on.wait(20)
        seen.append(raw)

    def send(connection: socket.socket) -> None:
        chunked(*(raw + b"\r\n" for raw in lines))(connection)

    listener = listen(bad_server(send).base_url, on_raw=slow)
    listener.stream.start()
    until(lambda: len(seen) == 3)
    go_on.set()
    until(lambda: listener.ends)
    assert listener.ends[0].cause is EndCause.CLOSED
    assert seen == lines


@pytest.mark.requirement("X-4")
def test_the_wait_before_the_next_start_follows_x_s_rules() -> None:
    def waits(**end: Any) -> list[int]:
        return [StreamEnd(**end).wait_ms(failures) for failures in (0, 1, 2, 6, 7, 100)]

    linear = [0, 250, 500, 1_500, 1_750, 16_000]
    assert waits(cause=EndCause.CLOSED) == linear
    assert waits(cause=EndCause.LOST) == linear
    http = [5_000, 10_000, 20_000, 320_000, 320_000, 320_000]
    assert waits(cause=EndCause.REFUSED, http_status=503) == http
    limited = [60_000, 120_000, 240_000, 320_000, 320_000, 320_000]
    assert waits(cause=EndCause.REFUSED, http_status=429) == limited
    asked = waits(cause=EndCause.REFUSED, http_status=429, retry_after_ms=600_000)
    assert asked == [600_000] * 6
