"""Messages to store, and a data directory whose server does not outlive the test."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from adapters.redis.client import connect, execute
from adapters.redis.embedded import EmbeddedServer
from adapters.redis.errors import StoreError
from messages.commands import PlaceBid
from messages.events import DayStarted

MakeEvent = Callable[[], DayStarted]
MakeBid = Callable[[int], PlaceBid]


@pytest.fixture
def event() -> MakeEvent:
    """Makes events, each with a number of its own as its day."""
    numbers = itertools.count(1)

    def make() -> DayStarted:
        number = next(numbers)
        return DayStarted(message_id=f"day:{number}", at_ms=number, auction_id="m-01", day=number)

    return make


@pytest.fixture
def bid() -> MakeBid:
    """Makes the bid with this post id."""

    def make(post_id: int) -> PlaceBid:
        return PlaceBid(
            message_id=f"tweet:{post_id}",
            post_id=post_id,
            author_id=7,
            author_handle="ada",
            author_created_at_ms=None,
            replied_to_id=1,
            text="1 ETH #m",
            hashtags=("m",),
            source="stream",
            found_at_ms=1,
        )

    return make


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A directory for a server of the test's own."""
    with TemporaryDirectory(prefix="store-") as folder:
        path = Path(folder) / "with a space"
        yield path
        for lock in path.rglob("server.lock"):
            client = connect(EmbeddedServer(lock.parent).url, timeout_s=1)
            with suppress(StoreError):
                execute(client, "SHUTDOWN", "NOW")
            client.close()
