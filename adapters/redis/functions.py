"""The function library on the server: loads `library.lua` there, and calls its functions.

The names of the library and its functions carry a digest of the code. So releases load their libraries side by side,
and none replaces what another one calls.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from adapters.redis.client import Sent, execute
from adapters.redis.errors import LibraryMissing

_SOURCE = Path(__file__).with_name("library.lua").read_text(encoding="utf-8")
VERSION = hashlib.sha256(_SOURCE.encode()).hexdigest()[:12]

Value = str | bytes | int


def load(client: redis.Redis, version: str = VERSION) -> None:
    """Load the library, which survives restarts, onto the server, unless it is there. Raises as `execute`."""
    try:
        execute(client, "FUNCTION LOAD", _SOURCE.replace("VERSION", version))
    except redis.ResponseError as fault:
        if "already exists" not in str(fault):
            raise


def call(client: redis.Redis, function: str, keys: Sequence[str], args: Sequence[Value]) -> Any:
    """Call one function, once. Where the server has lost the library, it is loaded before. Raises as `execute`."""
    try:
        return execute(client, *_called(function, keys, args))
    except LibraryMissing:
        load(client)
        return execute(client, *_called(function, keys, args))


def begin_call(client: redis.Redis, function: str, keys: Sequence[str], args: Sequence[Value]) -> Sent:
    """Call one function without waiting for its answer, LibraryMissing on a server without it. Raises as `Sent`."""
    return Sent(client, *_called(function, keys, args))


def name(function: str, version: str = VERSION) -> str:
    """The name of the function on the server."""
    return f"{function}_{version}"


def _called(function: str, keys: Sequence[str], args: Sequence[Value]) -> tuple[Value, ...]:
    return ("FCALL", name(function), len(keys), *keys, *args)
