"""The function library on the server: loading it and calling it. What the functions do stands in
`library.lua`.

The names of library and functions carry a digest of the code. So another release loads its own beside it, whoever owns
the marathon, and what is on the server already is never replaced.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from adapters.redis.client import Sent, execute, send
from adapters.redis.errors import LibraryMissing

_SOURCE = Path(__file__).with_name("library.lua").read_text(encoding="utf-8")
VERSION = hashlib.sha256(_SOURCE.encode()).hexdigest()[:12]
_CODE = _SOURCE.replace("VERSION", VERSION)

Value = str | bytes | int


def load(client: redis.Redis) -> None:
    """Puts the library on the server, where it is not there yet; it survives restarts. Raises as `execute`."""
    try:
        execute(client, "FUNCTION LOAD", _CODE)
    except redis.ResponseError as fault:
        if "already exists" not in str(fault):
            raise


def call(client: redis.Redis, function: str, keys: Sequence[str], args: Sequence[Value]) -> Any:
    """Runs one function, once; a server that has lost the library gets it again. Raises as `execute`."""
    try:
        return execute(client, *_called(function, keys, args))
    except LibraryMissing:
        load(client)
        return execute(client, *_called(function, keys, args))


def begin_call(client: redis.Redis, function: str, keys: Sequence[str], args: Sequence[Value]) -> Sent:
    """The same without waiting for its answer, which is LibraryMissing on such a server. Raises as `send`."""
    return send(client, *_called(function, keys, args))


def name(function: str) -> str:
    """What the function is called on the server."""
    return f"{function}_{VERSION}"


def _called(function: str, keys: Sequence[str], args: Sequence[Value]) -> tuple[Value, ...]:
    return ("FCALL", name(function), len(keys), *keys, *args)
