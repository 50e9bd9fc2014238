"""X's client on a hostile X: a question ends in time as unavailable, a post as unknown where it may be there."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from adapters.x.client import XClient
from adapters.x.errors import PostOutcomeUnknown, PostRefused, XUnavailable
from commands.simulated import CREDENTIALS
from tests.harness.hostile import Hostile, Mood

REQUEST_S = 0.5
# Alone, it answers to everything with JSON that is none of X's, dripped for a minute.
NO_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1500\r\n\r\n" + b" " * 1499 + b"1"

QUESTIONS: dict[str, Callable[[XClient], object]] = {
    "keys": lambda x: x.check_keys(),
    "rules": lambda x: x.set_rules("m-", {"m-tag": "value"}),
    "search": lambda x: x.search(1, 2**40),
    "mentions": lambda x: x.mentions(1, 2**40),
    "lookup": lambda x: x.lookup([1]),
    "posts": lambda x: x.posts([1]),
    "users": lambda x: x.users([1]),
    "own posts": lambda x: x.own_posts(0),
}


@pytest.fixture(params=Mood)
def hostile(request: pytest.FixtureRequest) -> Iterator[Hostile]:
    made = Hostile(honest=NO_ANSWER, drip_s=0.04, flood_bytes=2**22).start()
    made.turn(request.param)
    yield made
    made.stop()


@pytest.fixture
def x(hostile: Hostile) -> Iterator[XClient]:
    made = XClient(hostile.url, CREDENTIALS, REQUEST_S, body_bytes=2**20)
    yield made
    made.close()


@pytest.mark.requirement("X-1")
def test_every_question_to_a_hostile_x_is_unavailable_and_over_in_time(x: XClient) -> None:
    begun_s = time.monotonic()
    for ask in QUESTIONS.values():
        with pytest.raises(XUnavailable):
            ask(x)
    assert time.monotonic() - begun_s < 60, "dripped, the answers take seven minutes"


JUNK = {
    "posts": b'{"data":[%s{}]}' % (b"{}," * 1_398_000),
    "versions": b'{"data":[{"id":"1","edit_history_tweet_ids":[%s1]}]}' % (b"1," * 2_097_000),
}


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("junk", JUNK)
def test_the_largest_answer_full_of_junk_is_read_in_bounded_memory_and_time(junk: str) -> None:
    hostile = Hostile(honest=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(JUNK[junk]) + JUNK[junk]).start()
    x, begun_s = XClient(hostile.url, CREDENTIALS, 10), time.process_time()
    for question in ("search", "lookup"):
        tracemalloc.start()
        with suppress(XUnavailable):
            QUESTIONS[question](x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 128 * 2**20
    assert time.process_time() - begun_s < 60, "of this process's own time: the machine may be busy with others"
    x.close()
    hostile.stop()


@pytest.mark.requirement("X-1")
@pytest.mark.parametrize("mood", [Mood.FLOOD, Mood.BOMB])
def test_a_flooding_x_costs_eight_megabytes_at_the_most(mood: Mood) -> None:
    hostile = Hostile().start()
    hostile.turn(mood)
    x = XClient(hostile.url, CREDENTIALS, 10)
    tracemalloc.start()
    with pytest.raises(XUnavailable):
        x.search(1, 2**40)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    x.close()
    hostile.stop()
    assert peak < 8 * 2**20, "of 300, and with what the neighbour itself takes here"


@pytest.mark.requirement("X-5")
def test_a_post_to_a_hostile_x_is_unknown_unless_it_never_left(x: XClient, hostile: Hostile) -> None:
    expected = {Mood.REFUSE: XUnavailable}.get(hostile.mood, PostOutcomeUnknown)
    with pytest.raises((XUnavailable, PostOutcomeUnknown, PostRefused)) as fault:
        x.create_post("text")
    assert type(fault.value) is expected
