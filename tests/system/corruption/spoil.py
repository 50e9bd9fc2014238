"""One random corruption of a data directory: of a key, through the server, or of the bytes of its files."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import redis

from adapters.redis.client import execute

SPARED = (b"lease:",)  # it ends by itself
MOST_BYTES = 4_096


def spoil_bytes(data: bytes, random: Random) -> bytes:
    """Cut, flipped in one bit, overwritten in part, emptied, or something else altogether."""
    at = random.randrange(len(data) + 1)
    match random.randrange(6):
        case 0:
            return data[:at]
        case 1 if data:
            at = random.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]
        case 2:
            return data[:at] + random.randbytes(3) + data[at + 3 :]
        case 3:
            return b""
        case 4:
            return data + random.randbytes(5)
        case _:
            return random.choice((b"0", b"-1", b"x", b"\x00", b"99999999999999999999", b"\xff\xfe", b"[]", b"{}"))


# ---- keys


def spoil_a_key(client: redis.Redis, random: Random) -> str:
    """What was done to which key."""
    stored: list[bytes] = list(client.scan_iter(count=1_000))
    keys = sorted(key for key in stored if not key.startswith(SPARED))
    # A user's bids are many keys of one kind: they shall not be most of what is tried.
    kinds = sorted({key.rstrip(b"0123456789:bids").partition(b":")[0] for key in keys})
    kind = random.choice(kinds)
    key = random.choice([key for key in keys if key.startswith(kind)])
    match random.randrange(5):
        case 0:
            client.delete(key)
            done = "gone"
        case 1:
            done = _give_another_type(client, key, random)
        case _:
            done = _CONTENTS[execute(client, "TYPE", key)](client, key, random)
    return f"{key.decode()}: {done}"


def _give_another_type(client: redis.Redis, key: bytes, random: Random) -> str:
    had: bytes = execute(client, "TYPE", key)
    makers: dict[bytes, Callable[[], Any]] = {
        b"string": lambda: client.set(key, random.randbytes(9)),
        b"hash": lambda: client.hset(key, random.randbytes(3), random.randbytes(9)),
        b"list": lambda: client.rpush(key, random.randbytes(9)),
        b"set": lambda: client.sadd(key, random.randbytes(9)),
        b"zset": lambda: client.zadd(key, {random.randbytes(9): 1}),
        b"stream": lambda: client.xadd(key, {random.randbytes(3): random.randbytes(9)}),
    }
    kind = random.choice([kind for kind in makers if kind != had])
    client.delete(key)
    makers[kind]()
    return f"a {kind.decode()} instead of a {had.decode()}"


def _spoil_string(client: redis.Redis, key: bytes, random: Random) -> str:
    client.set(key, spoil_bytes(execute(client, "GET", key) or b"", random))
    return "other bytes"


def _spoil_hash(client: redis.Redis, key: bytes, random: Random) -> str:
    fields: dict[bytes, bytes] = execute(client, "HGETALL", key)
    field, value = random.choice(sorted(fields.items()))
    match random.randrange(3):
        case 0:
            client.hdel(key, field)
            return f"{field!r} gone"
        case 1:
            client.hset(key, random.randbytes(3), random.randbytes(3))
            return "one field more"
        case _:
            client.hset(key, field, spoil_bytes(value, random))
            return f"other bytes in {field!r}"


def _spoil_list(client: redis.Redis, key: bytes, random: Random) -> str:
    execute(client, "LSET", key, 0, spoil_bytes(execute(client, "LINDEX", key, 0) or b"", random))
    return "other bytes in the first item"


def _spoil_set(client: redis.Redis, key: bytes, random: Random) -> str:
    if random.random() < 0.5:
        client.zpopmin(key)
        return "the first member gone"
    client.zadd(key, {random.randbytes(5): 1})
    return "one member more"


def _spoil_stream(client: redis.Redis, key: bytes, random: Random) -> str:
    entries: list[Any] = execute(client, "XRANGE", key, "-", "+")
    if not entries or random.random() < 0.3:
        client.xadd(key, {random.choice((b"batch", b"no field")): random.randbytes(9)})
        return "one entry more"
    at = random.randrange(len(entries))
    entry_id, fields = entries[at]
    if random.random() < 0.3:
        client.xdel(key, entry_id)
        return f"entry {at} gone"
    field = random.choice(sorted(fields))
    fields[field] = spoil_bytes(fields[field], random)
    # A stream gives no id twice: the whole of it is written again.
    client.delete(key)
    for one_id, held in entries:
        client.xadd(key, held, id=one_id)
    return f"other bytes in {field!r} of entry {at}"


_CONTENTS: dict[bytes, Callable[[redis.Redis, bytes, Random], str]] = {
    b"string": _spoil_string,
    b"hash": _spoil_hash,
    b"list": _spoil_list,
    b"zset": _spoil_set,
    b"stream": _spoil_stream,
}


# ---- files


def spoil_a_file(data_dir: Path, random: Random) -> str:
    """What was done to which file of the append-only log."""
    files = sorted((data_dir / "appendonlydir").iterdir())
    # A real fault rarely hits the manifest, which is short: each other file is drawn four times as often.
    file = random.choice([*files, *[one for one in files if "manifest" not in one.name] * 3])
    data = file.read_bytes() or b" "
    at, size = random.randrange(len(data)), random.randint(1, min(len(data), MOST_BYTES))
    spoilt: dict[str, Callable[[], bytes]] = {
        "cut off": lambda: data[:at],
        "zeros behind": lambda: data + bytes(size),
        "zeros in the middle": lambda: data[:at] + bytes(size) + data[at + size :],
        "a bit flipped": lambda: data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :],
        "rubbish behind": lambda: data + random.randbytes(size),
        "empty": lambda: b"",
    }
    done = random.choice(sorted(spoilt))
    if random.random() < 0.05:
        file.unlink()
        return f"{file.name}: gone"
    file.write_bytes(spoilt[done]())
    return f"{file.name}: {done}, at byte {at} of {len(data)}"
