"""An answer of the store ends in time and in bounds, whatever stands between us and it."""

import asyncio
import inspect
import time
from collections.abc import Iterator

import pytest
import redis
from redis.asyncio.connection import DefaultParser as AsyncParser
from redis.connection import DefaultParser

from adapters.redis.client import connect, connect_async, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import OutcomeUnknown, StoreError, StoreUnavailable
from tests.harness.hostile import Hostile, Mood
from tests.harness.store import Store

pytestmark = pytest.mark.requirement("RED-3")

LONG = b"a" * 2_000  # dripped, it takes more than a minute
MIB = 2**20


@pytest.fixture
def between(store: Store, _server: EmbeddedServer) -> Iterator[Hostile]:
    execute(store.client, "SET", "long", LONG)
    execute(store.client, "SET", "large", b"a" * (MIB + 1))
    made = Hostile(upstream=_server.socket, drip_s=0.04).start()
    yield made
    made.stop()


@pytest.fixture
def client(between: Hostile) -> Iterator[redis.Redis]:
    made = connect(f"redis://127.0.0.1:{between.port}", timeout_s=1.0)
    yield made
    made.close()


def test_an_answer_that_drips_in_is_an_unknown_outcome_in_time(between: Hostile, client: redis.Redis) -> None:
    assert execute(client, "GET", "long") == LONG
    between.turn(Mood.DRIP)
    begun_s = time.monotonic()
    with pytest.raises(OutcomeUnknown):
        execute(client, "GET", "long")
    assert time.monotonic() - begun_s < 20
    between.turn(Mood.HONEST)
    assert execute(client, "GET", "long") == LONG


@pytest.mark.parametrize("mood", [mood for mood in Mood if mood not in (Mood.HONEST, Mood.FLOOD, Mood.BOMB)])
def test_whatever_stands_in_front_of_the_store_a_command_fails_as_one_of_the_store(
    mood: Mood, between: Hostile, client: redis.Redis
) -> None:
    execute(client, "PING")
    between.turn(mood)
    with pytest.raises(StoreError):
        execute(client, "GET", "long")
    with pytest.raises(StoreError):  # and so does one that has to connect first
        execute(client, "GET", "long")


@pytest.mark.parametrize("one_server", [False, True])
def test_a_handshake_whose_answers_drip_in_is_over_in_time_as_one_and_nothing_was_written(
    between: Hostile, one_server: bool
) -> None:
    client = connect(f"redis://127.0.0.1:{between.port}", timeout_s=1.0, one_server=one_server)
    between.drip_s = 0.12  # an answer takes 0.6 s, the first two more than they may together
    between.turn(Mood.DRIP)
    with pytest.raises(StoreUnavailable, match="cannot be reached: "):
        execute(client, "SET", "written", "yes")
    between.turn(Mood.HONEST)
    assert execute(client, "EXISTS", "written") == 0
    client.close()


@pytest.mark.parametrize("mood", [Mood.SILENT, Mood.STALL, Mood.HANG_UP, Mood.OTHER_JSON, Mood.EMPTY])
def test_what_goes_wrong_before_a_command_is_sent_has_written_nothing(
    between: Hostile, client: redis.Redis, mood: Mood
) -> None:
    between.turn(mood)
    with pytest.raises(StoreUnavailable):
        execute(client, "SET", "written", "yes")
    between.turn(Mood.HONEST)
    assert execute(client, "EXISTS", "written") == 0


def test_on_a_loop_a_handshake_is_over_in_time_as_one(between: Hostile) -> None:
    async def ask() -> None:
        client = connect_async(f"redis://127.0.0.1:{between.port}", timeout_s=1.0)
        between.drip_s = 0.12
        between.turn(Mood.DRIP)
        with pytest.raises(redis.TimeoutError, match="connecting"):
            await client.get("long")
        await client.aclose()

    asyncio.run(ask())


def test_an_answer_larger_than_any_of_ours_is_not_collected(between: Hostile, client: redis.Redis) -> None:
    assert len(execute(client, "GET", "large")) == MIB + 1
    with connect(f"redis://127.0.0.1:{between.port}", answer_bytes=MIB) as careful:
        with pytest.raises(OutcomeUnknown, match="more than 1048576 bytes"):
            execute(careful, "GET", "large")
        assert execute(careful, "GET", "long") == LONG


def test_on_a_loop_answers_are_bounded_in_the_same_way(between: Hostile) -> None:
    async def ask() -> None:
        client = connect_async(f"redis://127.0.0.1:{between.port}", timeout_s=1.0, answer_bytes=MIB)
        try:
            assert await client.get("long") == LONG
            with pytest.raises(redis.ConnectionError, match="more than 1048576 bytes"):
                await client.get("large")
            between.turn(Mood.DRIP)
            begun_s = time.monotonic()
            with pytest.raises(redis.TimeoutError):
                await client.get("long")
            assert time.monotonic() - begun_s < 20
        finally:
            await client.aclose()

    asyncio.run(ask())


def test_redis_py_s_parsers_are_on_hiredis_and_have_the_seams_that_are_used() -> None:
    for parser in (DefaultParser, AsyncParser):
        source = inspect.getsource(parser)
        assert "self._reader = hiredis.Reader(" in source
        assert "eader.feed(" in source
        assert "eader.gets(" in source
    read_from_socket = DefaultParser.read_from_socket  # type: ignore[union-attr]  # of the one on hiredis
    assert list(inspect.signature(read_from_socket).parameters) == ["self", "timeout", "raise_on_timeout"]
    assert "self.read_from_socket(timeout=timeout)" in inspect.getsource(DefaultParser.read_response)
