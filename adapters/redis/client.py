"""The clients of the store: bounded in time and number of connections, and never sending a command twice.

redis-py would by default send a command again when no answer came, and a mutation would then happen twice. Here retries
are off, and the caller's error says whether something may have been written (`errors`).
"""

import asyncio
from functools import partial
from typing import Any
from urllib.parse import quote

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from adapters.redis.parsers import ANSWER_BYTES, AsyncBoundedParser, BoundedParser
from adapters.redis.translation import OtherServer, failed_before, translated

MAX_CONNECTIONS = 50


def socket_url(path: str) -> str:
    """The URL of a server that listens on this Unix socket."""
    return f"unix://{quote(path)}"


def connect(
    url: str,
    timeout_s: float = 5.0,
    password: str | None = None,
    one_server: bool = False,
    answer_bytes: int = ANSWER_BYTES,
) -> redis.Redis:
    """A client for all threads (close it in the end). Connects when first used; raises nothing before.

    `timeout_s` bounds connecting, the handshake as a whole, each answer as a whole, and the wait for a free connection;
    a blocking read may ask for half of it at most. `answer_bytes` bounds each answer. With `one_server`, a client that
    is connected to another server process than before refuses one command (StoreUnavailable): that process may have
    lost data, so the caller has to reload its state.
    """
    options = _limits(timeout_s, password, partial(BoundedParser, answer_bytes), _Greeting(timeout_s, one_server))
    pool = redis.BlockingConnectionPool.from_url(url, **options, retry=Retry(NoBackoff(), 0))
    return redis.Redis.from_pool(pool)


class _Greeting:
    """The handshake on each new connection of one client, bounded by `timeout_s` as a whole. With `one_server` it
    checks that the server process is the one of before. No command has been sent by then."""

    def __init__(self, timeout_s: float, one_server: bool) -> None:
        self._timeout_s, self._one_server = timeout_s, one_server
        self._run_id = ""

    def __call__(self, connection: Any) -> None:
        parser = connection._parser  # noqa: SLF001  # redis-py has no other way to the parser that it was given
        with failed_before(), parser.all_within(self._timeout_s):
            connection.on_connect()
            if self._one_server:
                self._check_server(connection)

    def _check_server(self, connection: Any) -> None:
        connection.send_command("INFO", "server")
        answer: bytes = connection.read_response()
        found = dict(line.split(b":", 1) for line in answer.splitlines() if b":" in line)
        run_id = found[b"run_id"].decode()
        before, self._run_id = self._run_id, run_id
        if before not in ("", run_id):
            raise OtherServer(f"another server process answers than before: {run_id}, not {before}")


def connect_async(
    url: str, timeout_s: float = 5.0, password: str | None = None, answer_bytes: int = ANSWER_BYTES
) -> redis.asyncio.Redis:
    """`connect` for an asyncio loop (await the client's aclose() in the end)."""

    async def greet(connection: Any) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await connection.on_connect()
        except TimeoutError:
            raise redis.TimeoutError("Timeout connecting to server") from None

    options = _limits(timeout_s, password, partial(AsyncBoundedParser, answer_bytes), greet)
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, **options, retry=AsyncRetry(NoBackoff(), 0))
    return redis.asyncio.Redis.from_pool(pool)


def _limits(timeout_s: float, password: str | None, parser: Any, greet: Any) -> dict[str, Any]:
    # A password of None would still be sent, instead of the one in the URL.
    return ({"password": password} if password else {}) | {
        "max_connections": MAX_CONNECTIONS,
        "timeout": timeout_s,
        "socket_timeout": timeout_s,
        "parser_class": parser,
        "redis_connect_func": greet,
        "socket_connect_timeout": timeout_s,
        # A connection that was idle for so long (s) is pinged first: so no commit is sent on a dead one.
        "health_check_interval": 15,
    }


def execute(client: redis.Redis, *command: str | bytes | int) -> Any:
    """Sends one command, once. Raises StoreUnavailable, OutcomeUnknown, NotOwner, WrongSequence."""
    untyped: Any = client  # redis-py has typed its hundreds of commands, but not `execute_command`
    with translated():
        return untyped.execute_command(*command)


class Sent:
    """A command on its way to the server, sent once, whose answer is waited for later. For one thread.

    An answer that nobody waits for is given up with the client. Raises StoreUnavailable where the command was certainly
    not sent, OutcomeUnknown.
    """

    def __init__(self, client: Any, *command: str | bytes | int) -> None:
        with translated():
            self._client, self._name = client, command[0]
            self._pool = client.connection_pool
            self._connection = self._pool.get_connection()
            try:
                self._connection.send_command(*command)
            except BaseException:
                self._pool.release(self._connection)
                raise

    def answer(self) -> Any:
        """Wait for the answer; to be called once. Raises as `execute`."""
        try:
            with translated():
                return self._client.parse_response(self._connection, self._name)
        finally:
            self._pool.release(self._connection)
