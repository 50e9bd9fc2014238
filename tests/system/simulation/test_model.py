"""The model of the store against the real server: the same calls, the same answers, the same keys in the end."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from adapters.redis import functions
from adapters.redis.client import execute
from adapters.redis.errors import NotOwner, StoreError
from adapters.redis.writes import Append, BidHistories, Delete, HashSet, HashSetIf, Set, Trim, flatten
from ledger.entry import LogDamaged
from ledger.hash_chain import first_hash, next_hash
from tests.harness.store import Store
from tests.system.simulation.model import ModelStore, SortedSet, Stream, write_id

CALLS = 10_000
LEASE, OWNER, HEADS, SEQ, LOG = "lease:m", "owner:m", "heads:m", "seq:m", "log:m"
WRITERS = ("house", "m-01", "announcer")
# Each key is mostly used as what its name says, and sometimes as something else.
OWN = ("list", "")
KEYS = tuple(f"{kind}{n}" for kind in ("string", "hash", "zset", "list", "stream") for n in range(3))


class Caller:
    """Draws calls: what a careful writer would send, and what a stale, a confused or a mistaken one would."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.heads: dict[str, tuple[str, int, str]] = {}
        self.old_heads: list[tuple[str, int, str]] = []
        self.token = "t0"
        self.lease_is_ours = False

    def draw(self) -> tuple[Any, ...]:
        kind = self.random.choices(
            (self.commit, self.begin, self.lease, self.read, self.write, self.spoil), (50, 6, 4, 26, 13, 1)
        )[0]
        return kind()

    def key(self, kind: str) -> str:
        return self.random.choice(KEYS) if self.random.random() < 0.02 else f"{kind}{self.random.randrange(3)}"

    def bytes(self) -> bytes:
        return self.random.randbytes(self.random.randrange(1, 20))

    def entry_id(self) -> str:
        if self.random.random() < 0.5:
            return f"{self.random.randrange(2**41)}-{self.random.randrange(5)}"
        return f"{1_700_000_000_000 + self.random.randrange(10**12)}-0"

    def begin(self) -> tuple[Any, ...]:
        writer, token = self.random.choice(WRITERS), self.maybe(self.token, "stale")
        return (
            "FCALL",
            functions.name("begin"),
            4,
            LEASE,
            HEADS,
            SEQ,
            LOG,
            token,
            f"i{self.random.randrange(10**6)}",
            writer,
            first_hash(writer),
        )

    def maybe(self, right: Any, wrong: Any) -> Any:
        return wrong if self.random.random() < 0.04 else right

    def commit(self) -> tuple[Any, ...]:
        writer = self.random.choice(WRITERS)
        incarnation, sequence, chain_hash = self.heads.get(writer, ("none", 0, first_hash(writer)))
        if self.old_heads and self.random.random() < 0.04:
            incarnation, sequence, chain_hash = self.random.choice(self.old_heads)
        sequence, count = self.maybe(sequence, sequence + 1), self.random.choice((0, 1, 1, 2, 5))
        data = self.bytes() if count else b""
        after = next_hash(chain_hash, data) if count else chain_hash
        state = self.bytes() if self.random.random() < 0.2 else b""
        keys, values = flatten(self.some_write() for _ in range(self.random.randrange(5)))
        if keys and self.random.random() < 0.02:
            values[0] = "NOSUCH"
        fixed = (LEASE, HEADS, SEQ, LOG, self.maybe(f"cp:{writer}", self.key("hash")), f"cp:{writer}:previous")
        args = (
            self.maybe(self.token, "stale"),
            self.maybe(incarnation, "old"),
            writer,
            sequence,
            self.maybe(chain_hash, "00"),
        )
        return (
            "FCALL",
            functions.name("commit"),
            6 + len(keys),
            *fixed,
            *keys,
            *args,
            sequence + count,
            after,
            count,
            data,
            state,
            *values,
        )

    def some_write(self) -> Any:
        match self.random.randrange(8):
            case 0:
                return Set(self.key("string"), self.bytes())
            case 1:
                return HashSet(self.key("hash"), {f"f{self.random.randrange(4)}": self.bytes() for _ in range(3)})
            case 2:
                return HashSetIf(self.key("hash"), "on", self.random.choice(("a", "b")), {"f1": self.bytes()})
            case 3:
                return HashSet(self.key("hash"), {"on": self.random.choice(("a", "b"))})
            case 4:
                bids = [
                    (self.random.randrange(9), self.random.randrange(9), self.random.randrange(-1, 5)) for _ in range(3)
                ]
                return BidHistories(self.key("zset"), OWN, "m-01:", bids)
            case 5:
                return Append(self.key("stream"), self.bytes())
            case 6:
                return Trim(self.key("stream"), self.entry_id())
            case _:
                return Delete(self.random.choice(KEYS))

    def lease(self) -> tuple[Any, ...]:
        token, ttl_ms = self.maybe(self.token, "other"), 10**15
        match self.random.randrange(4):
            case 0:
                steals = self.random.choice(("", "steal"))
                return ("FCALL", functions.name("take_lease"), 2, LEASE, OWNER, token, ttl_ms, steals)
            case 1:
                return ("FCALL", functions.name("keep_lease"), 3, LEASE, OWNER, SEQ, token, ttl_ms)
            case 2:
                return ("FCALL", functions.name("release_lease"), 1, LEASE, self.maybe("other", token))
            case _:
                return ("FCALL", functions.name("take_lease"), 2, LEASE, OWNER, self.token, ttl_ms, "steal")

    def read(self) -> tuple[Any, ...]:
        hash_key, zset, stream = self.key("hash"), self.key("zset"), self.random.choice((LOG, self.key("stream")))
        return self.random.choice(
            (
                ("GET", self.key("string")),
                ("GET", SEQ),
                ("HGET", hash_key, "f1"),
                ("HMGET", hash_key, "f1", "f2", "on"),
                ("HGETALL", hash_key),
                ("ZRANGEBYSCORE", zset, "-inf", f"({self.random.randrange(9)}"),
                ("ZRANGEBYSCORE", zset, self.random.randrange(9), "+inf"),
                ("ZMSCORE", zset, "m1", "m2"),
                ("ZRANGE", zset, 0, -1, "WITHSCORES"),
                ("XLEN", stream),
                ("XRANGE", stream, "-", "+", "COUNT", 10),
                ("XRANGE", stream, f"({self.entry_id()}", "+", "COUNT", self.random.randrange(1, 9)),
                ("XRANGE", stream, "(0-0", "+", "COUNT", 64),
                ("XRANGE", LOG, f"({self.random.randrange(3000)}-{2**64 - 1}", "+", "COUNT", 3),
                ("XRANGE", stream, "rubbish", "+"),
                ("EXISTS", hash_key, LEASE),
                ("TYPE", self.random.choice(KEYS)),
            )
        )

    def write(self) -> tuple[Any, ...]:
        match self.random.randrange(8):
            case 0:
                return ("SET", self.key("string"), self.bytes(), *self.maybe((), ("NX",)))
            case 1:
                return ("SET", self.key("string"), self.bytes(), "NX")
            case 2:
                return ("HSET", self.key("hash"), "f1", self.bytes(), "f2", self.bytes())
            case 3:
                return ("ZADD", self.key("zset"), self.random.randrange(9), f"m{self.random.randrange(9)}")
            case 4:
                return ("XADD", self.key("stream"), "*", "batch", self.bytes())
            case 5:
                return ("XADD", self.key("stream"), self.entry_id(), "batch", self.bytes())
            case 6:
                return ("XDEL", self.key("stream"), self.entry_id())
            case _:
                return ("FCALL", "no_such_function", 1, "key", "argument")

    def spoil(self) -> tuple[Any, ...]:
        """What makes a commit's own keys unusable, or usable again."""
        log_ahead = ("XADD", LOG, "999999999-1", "writer", "x")
        return self.random.choice(
            (("DEL", LOG), log_ahead, ("DEL", self.random.choice(KEYS)), ("DEL", LEASE), ("DEL", OWNER))
        )

    def learn(self, call: tuple[Any, ...], answer: Any) -> None:
        """Keeps what a writer would keep of a good answer."""
        if call[:2] == ("FCALL", functions.name("begin")):
            incarnation, writer = call[8:10]
            if writer in self.heads:
                self.old_heads = [*self.old_heads[-5:], self.heads[writer]]
            self.heads[writer] = (incarnation, int(answer[0]), answer[1].decode())
        elif call[:2] == ("FCALL", functions.name("commit")):
            args = call[3 + call[2] :]
            self.old_heads = [*self.old_heads[-5:], self.heads[args[2]]]
            self.heads[args[2]] = (args[1], int(args[5]), args[6])


def outcome(client: Any, call: tuple[Any, ...]) -> Any:
    """The answer, or what an adapter would see of the error; the server adds to some where in the script it arose."""
    try:
        return execute(client, *call)
    except (StoreError, LogDamaged, redis.ResponseError) as fault:
        known = str(fault).partition(" script:")[0].partition(", with args")[0]
        return type(fault), getattr(fault, "status_code", None), known


def new_ids(client: Any, call: tuple[Any, ...], model: ModelStore) -> list[int]:
    """The ms of the ids that the server has just given out: where its streams are ahead of the model's."""
    found = []
    for key in {part for part in call if part in KEYS} if "*" in call else ():
        if client.execute_command("TYPE", key) == b"stream":
            last = client.execute_command("XINFO STREAM", key)["last-generated-id"]
            held = model.keys.get(key.encode())
            if not isinstance(held, Stream) or write_id(held.last) != last:
                found.append(int(last.partition(b"-")[0]))
    return found


def server_keys(client: Any) -> dict[bytes, Any]:
    read: dict[bytes, Callable[[bytes], Any]] = {
        b"string": lambda key: client.execute_command("GET", key),
        b"hash": lambda key: client.execute_command("HGETALL", key),
        b"zset": lambda key: client.execute_command("ZRANGE", key, 0, -1, "WITHSCORES"),
        b"list": lambda key: client.execute_command("LRANGE", key, 0, -1),
        b"stream": lambda key: (
            client.execute_command("XRANGE", key, "-", "+"),
            client.execute_command("XINFO STREAM", key)["last-generated-id"],
        ),
    }
    keys = sorted(client.execute_command("KEYS", "*"))
    return {key: read[client.execute_command("TYPE", key)](key) for key in keys}


def model_keys(model: ModelStore) -> dict[bytes, Any]:
    def shown(value: Any) -> Any:
        if isinstance(value, SortedSet):
            return [[member, score] for score, member in value.order]
        if isinstance(value, Stream):
            return [(write_id(at), fields) for at, fields in value.entries], write_id(value.last)
        return value

    return {key: shown(model.keys[key]) for key in sorted(model.keys)}


@pytest.fixture
def hasty(store: Store) -> Iterator[Store]:
    """The store without its sync to the disk, for which 10,000 calls would wait."""
    store.client.config_set("appendfsync", "no")
    yield store
    store.client.config_set("appendfsync", "always")


@pytest.mark.requirement("TST-3")
@pytest.mark.parametrize("seed", [1, 2])
def test_the_model_of_the_store_answers_as_the_real_server(hasty: Store, seed: int) -> None:
    store = hasty
    execute(store.client, "DEL", LEASE, OWNER)
    now_ms = [0]
    model, caller = ModelStore(lambda: now_ms[0]), Caller(seed)
    kinds: Counter[tuple[str, ...]] = Counter()
    for number in range(CALLS // 2):
        call = caller.draw()
        real = outcome(store.client, call)
        # The model is told the time at which the server gave out a new id, since the two have not the same clock.
        # Of several new ids the smallest holds it: a stream whose last id lies in the future goes on from there.
        now_ms[0] = min(new_ids(store.client, call, model), default=now_ms[0])
        modelled = outcome(model, call)
        assert modelled == real, f"call {number}: {call!r}"
        failed = isinstance(real, tuple) and isinstance(real[0], type)
        kinds[(*call[: 2 if call[0] == "FCALL" else 1], "refused" if failed else "done")] += 1
        if not failed:
            caller.learn(call, real)
        if number % 250 == 0:
            assert model_keys(model) == server_keys(store.client), f"after call {number}: {call!r}"
    assert model_keys(model) == server_keys(store.client)
    assert kinds["FCALL", functions.name("commit"), "done"] > 300
    assert kinds["FCALL", functions.name("commit"), "refused"] > 100


@pytest.mark.requirement("TST-3")
def test_a_lease_of_the_model_ends_when_its_time_is_over() -> None:
    now_ms = [1000]
    model = ModelStore(lambda: now_ms[0])
    take = ("FCALL", functions.name("take_lease"), 2, LEASE, OWNER)
    assert model.execute_command(*take, "ours", 50, "") == 1
    assert model.execute_command(*take, "theirs", 50, "") == 0
    now_ms[0] += 49
    assert model.execute_command("EXISTS", LEASE) == 1
    now_ms[0] += 1
    assert model.execute_command("EXISTS", LEASE) == 0
    assert model.execute_command(*take, "theirs", 50, "") == 1
    assert outcome(model, ("FCALL", functions.name("keep_lease"), 3, LEASE, OWNER, SEQ, "ours", 50))[0] is NotOwner
