"""The function library on the server: loading it and calling it. What the functions do stands in
`library.lua`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis

from adapters.redis.client import Sent, execute, send

_CODE = Path(__file__).with_name("library.lua").read_text(encoding="utf-8")

Value = str | bytes | int


def load(client: redis.Redis) -> None:
    """Puts the library on the server, in place of an older one; it survives restarts. Raises as `execute`."""
    execute(client, "FUNCTION LOAD", "REPLACE", _CODE)


def call(client: redis.Redis, function: str, keys: Sequence[str], args: Sequence[Value]) -> Any:
    """Runs one function, once. Raises as `execute`."""
    return execute(client, "FCALL", function, len(keys), *keys, *args)


def begin_call(client: redis.Redis, function: str, keys: Sequence[str], args: Sequence[Value]) -> Sent:
    """The same without waiting for its answer. Raises as `send`."""
    return send(client, "FCALL", function, len(keys), *keys, *args)
