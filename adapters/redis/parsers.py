"""The parsers of the store's answers: they bound each answer as a whole in time and size, where redis-py bounds only
each wait for bytes.

They extend redis-py's own parsers on hiredis; tests/adapters/redis/test_bounds.py holds what is used of these.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.asyncio.connection import DefaultParser as AsyncParser
from redis.connection import DefaultParser
from redis.utils import SENTINEL

ANSWER_BYTES = 128 * 2**20  # a listener's 64 entries of the log and what waits for an auction stay below it


class BoundedParser(DefaultParser):  # type: ignore[misc, valid-type]  # a variable of redis-py
    """A parser that raises redis.TimeoutError where an answer is not whole within the socket's time-out."""

    _reader: Any
    _all_by_s = float("inf")

    def __init__(self, answer_bytes: int, **options: Any) -> None:
        super().__init__(**options)
        self._answer_bytes = answer_bytes

    @contextmanager
    def all_within(self, timeout_s: float) -> Iterator[None]:
        """Bound all that is read in this context by `timeout_s` together."""
        self._all_by_s = time.monotonic() + timeout_s
        yield
        self._all_by_s = float("inf")

    def on_connect(self, connection: Any, **options: Any) -> None:
        super().on_connect(connection, **options)
        self._reader = _Counting(self._reader, self._answer_bytes)

    def read_response(self, *args: Any, **options: Any) -> Any:
        if self._reader is not None:
            self._reader.begin_anew()
        self._whole_by_s = min(self._all_by_s, time.monotonic() + (self._socket_timeout or float("inf")))
        return super().read_response(*args, **options)

    def read_from_socket(self, timeout: Any = SENTINEL, raise_on_timeout: bool = True) -> Any:
        has_begun = self._reader is not None and self._reader.has_begun
        if timeout is SENTINEL and (has_begun or self._all_by_s < float("inf")):
            timeout = self._whole_by_s - time.monotonic()
            if timeout <= 0:
                raise redis.TimeoutError("no whole answer in time")
        return super().read_from_socket(timeout, raise_on_timeout)


class AsyncBoundedParser(AsyncParser):  # type: ignore[misc, valid-type]  # a variable of redis-py
    """`BoundedParser` for an asyncio loop. It bounds only the size: there redis-py itself bounds the time."""

    _reader: Any

    def __init__(self, answer_bytes: int, **options: Any) -> None:
        super().__init__(**options)
        self._answer_bytes = answer_bytes

    def on_connect(self, connection: Any) -> None:
        super().on_connect(connection)
        self._reader = _Counting(self._reader, self._answer_bytes)

    async def read_response(self, *args: Any, **options: Any) -> Any:
        if self._reader is not None:
            self._reader.begin_anew()
        return await super().read_response(*args, **options)


class _Counting:
    """A hiredis reader that raises redis.ConnectionError where an answer has more than `answer_bytes`."""

    def __init__(self, reader: Any, answer_bytes: int) -> None:
        self.gets, self.has_data, self._feed = reader.gets, reader.has_data, reader.feed
        self._answer_bytes, self._fed = answer_bytes, 0

    @property
    def has_begun(self) -> bool:
        """Whether a part of the answer is there."""
        return self._fed > 0

    def begin_anew(self) -> None:
        """Count from 0 on: the next bytes belong to another answer."""
        self._fed = 0

    def feed(self, piece: Any, first: int = 0, size: int = -1) -> None:
        self._fed += len(piece) - first if size < 0 else size
        if self._fed > self._answer_bytes:
            raise redis.ConnectionError(f"an answer of more than {self._answer_bytes} bytes")
        self._feed(piece, first, size)
