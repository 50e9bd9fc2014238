"""A plain Python model of the store: the commands that `adapters/redis` sends, and the functions of `library.lua`.

It answers what redis-py answers and raises what redis-py raises. It never fails by itself: faults come from whoever
calls it (`wire`). `test_model.py` holds it equal to the real server.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis

from adapters.redis import functions

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
LAST_PART = 2**64 - 1
KINDS = {
    b"SET": "string",
    b"HSET": "hash",
    b"HSETIF": "hash",
    b"HISTORIES": "zset",
    b"XADD": "stream",
    b"XTRIM": "stream",
    b"DEL": "anything",
}
HEAD = re.compile(rb"(\S+) (\d+) ([0-9a-fA-F]+)")

Id = tuple[int, int]
Entry = tuple[Id, dict[bytes, bytes]]


class Stream:
    """Entries in the order of their ids, and the last id that was ever given out."""

    def __init__(self) -> None:
        self.ids: list[Id] = []
        self.entries: list[Entry] = []
        self.last: Id = (0, 0)


class SortedSet:
    """Members with their scores; `order` is kept sorted by score, then member."""

    def __init__(self) -> None:
        self.scores: dict[bytes, float] = {}
        self.order: list[tuple[float, bytes]] = []


def refused(text: str) -> redis.ResponseError:
    """An error answer as redis-py makes it of the line that the server sends."""
    code, _, rest = text.partition(" ")
    return redis.ResponseError(rest, status_code=code) if code == "ERR" else redis.ResponseError(text)


def as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else str(value).encode()


def read_id(text: bytes, missing: int) -> Id:
    main, _, part = text.partition(b"-")
    try:
        return int(main), int(part) if part else missing
    except ValueError:
        raise refused("ERR Invalid stream ID specified as stream command argument") from None


def write_id(at: Id) -> bytes:
    return b"%d-%d" % at


def bids_of(values: Sequence[bytes]) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Of a HISTORIES: the key of each bidder's own list, the bid's score and its member."""
    before, behind, _, bids = values
    for bid in bids.splitlines():
        score, member, bidder = bid.split(b" ")
        yield before + bidder + behind, score, member


class ModelStore:
    """One server. `clock` gives its time in ms."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self.keys: dict[bytes, Any] = {}
        self.expires_ms: dict[bytes, int] = {}
        self._commands: dict[str, Callable[..., Any]] = {
            name[4:].upper(): getattr(self, name) for name in dir(self) if name.startswith("_do_")
        }
        run: dict[str, Callable[[list[bytes], list[bytes]], Any]] = {
            "begin": self._begin,
            "commit": self._commit,
            "take_lease": self._take_lease,
            "keep_lease": self._keep_lease,
            "release_lease": self._release_lease,
        }
        self._functions = {functions.name(name): function for name, function in run.items()}

    def execute_command(self, *command: Any) -> Any:
        """One command, with redis-py's answer to it. Raises redis.ResponseError."""
        name = command[0]
        run = self._commands.get(name)
        if run is None:
            raise refused(f"ERR unknown command '{name}'")
        return run(*map(as_bytes, command[1:]))

    # ---- the key space

    def _get(self, key: bytes, kind: type, default: Any = None) -> Any:
        if key in self.expires_ms and self._clock() >= self.expires_ms[key]:
            del self.expires_ms[key], self.keys[key]
        value = self.keys.get(key)
        if value is None:
            return default
        if type(value) is not kind:
            raise refused(WRONG_TYPE)
        return value

    def _make(self, key: bytes, kind: type) -> Any:
        found = self._get(key, kind)
        if found is None:
            found = self.keys[key] = kind()
        return found

    def _kind(self, key: bytes) -> str:
        if key in self.expires_ms:
            self._get(key, bytes)
        names: dict[type | None, str] = {
            bytes: "string",
            dict: "hash",
            SortedSet: "zset",
            list: "list",
            Stream: "stream",
        }
        return names.get(type(self.keys[key]), "") if key in self.keys else "none"

    # ---- commands

    def _do_get(self, key: bytes) -> bytes | None:
        value: bytes | None = self._get(key, bytes)
        return value

    def _do_set(self, key: bytes, value: bytes, *options: bytes) -> bool | None:
        if b"NX" in options and self._kind(key) != "none":
            return None
        self.expires_ms.pop(key, None)
        self.keys[key] = value
        if b"PX" in options:
            self.expires_ms[key] = self._clock() + int(options[options.index(b"PX") + 1])
        return True

    def _do_pttl(self, key: bytes) -> int:
        if self._kind(key) == "none":
            return -2
        return self.expires_ms[key] - self._clock() if key in self.expires_ms else -1

    def _do_setrange(self, key: bytes, at: bytes, value: bytes) -> int:
        assert not value, "only to see whether it is refused"
        return len(self._get(key, bytes, b""))

    def _do_del(self, *keys: bytes) -> int:
        count = 0
        for key in keys:
            count += self._kind(key) != "none"
            self.keys.pop(key, None)
            self.expires_ms.pop(key, None)
        return count

    def _do_exists(self, *keys: bytes) -> int:
        return sum(self._kind(key) != "none" for key in keys)

    def _do_type(self, key: bytes) -> bytes:
        return self._kind(key).encode()

    def _do_time(self) -> tuple[int, int]:
        now_ms = self._clock()
        return now_ms // 1000, now_ms % 1000 * 1000

    def _do_hset(self, key: bytes, *pairs: bytes) -> int:
        fields = self._make(key, dict)
        before = len(fields)
        fields.update(zip(pairs[::2], pairs[1::2], strict=True))
        return len(fields) - before

    def _do_hget(self, key: bytes, field: bytes) -> bytes | None:
        held: dict[bytes, bytes] = self._get(key, dict, {})
        return held.get(field)

    def _do_hmget(self, key: bytes, *fields: bytes) -> list[bytes | None]:
        held = self._get(key, dict, {})
        return [held.get(field) for field in fields]

    def _do_hgetall(self, key: bytes) -> dict[bytes, bytes]:
        return dict(self._get(key, dict, {}))

    def _do_rpush(self, key: bytes, *values: bytes) -> int:
        held = self._make(key, list)
        held += values
        return len(held)

    def _do_zadd(self, key: bytes, *pairs: bytes) -> int:
        held = self._make(key, SortedSet)
        before = len(held.scores)
        for text, member in zip(pairs[::2], pairs[1::2], strict=True):
            score = float(text)
            if member in held.scores:
                held.order.remove((held.scores[member], member))
            held.scores[member] = score
            insort(held.order, (score, member))
        return len(held.scores) - before

    def _do_zrange(self, key: bytes, first: bytes, last: bytes, *options: bytes) -> list[Any]:
        held = self._get(key, SortedSet)
        assert (first, last) == (b"0", b"-1"), "only whole sets are read so"
        order = held.order if held else []
        return [[member, score] if options else member for score, member in order]

    def _do_zrangebyscore(self, key: bytes, low: bytes, high: bytes) -> list[bytes]:
        held = self._get(key, SortedSet)
        if held is None:
            return []
        from_, to = self._bound(held, low, upper=False), self._bound(held, high, upper=True)
        return [member for _, member in held.order[from_:to]]

    def _do_zmscore(self, key: bytes, *members: bytes) -> list[float | None]:
        scores = self._get(key, SortedSet, SortedSet()).scores
        return [scores.get(member) for member in members]

    @staticmethod
    def _bound(held: SortedSet, text: bytes, upper: bool) -> int:
        exclusive = text.startswith(b"(")
        score = float(text.removeprefix(b"("))
        cut = bisect_right if upper != exclusive else bisect_left
        return cut(held.order, score, key=lambda entry: entry[0])

    def _do_xadd(self, key: bytes, at: bytes, *pairs: bytes) -> bytes:
        stream: Stream | None = self._get(key, Stream)
        last = stream.last if stream else (0, 0)
        if at == b"*":
            now = (self._clock(), 0)
            new = now if now > last else (last[0], last[1] + 1)
        else:
            new = read_id(at, 0)
            if new <= last:
                raise refused("ERR The ID specified in XADD is equal or smaller than the target stream top item")
        stream = self._make(key, Stream)
        stream.last = new
        stream.ids.append(new)
        stream.entries.append((new, dict(zip(pairs[::2], pairs[1::2], strict=True))))
        return write_id(new)

    def _do_memory(self, usage: bytes, key: bytes) -> int | None:
        stream: Stream | None = self._get(key, Stream)
        return sum(len(value) for _, fields in stream.entries for value in fields.values()) if stream else None

    def _do_xlen(self, key: bytes) -> int:
        return len(self._get(key, Stream, Stream()).ids)

    def _do_xrange(
        self, key: bytes, low: bytes, high: bytes, *options: bytes
    ) -> list[tuple[bytes, dict[bytes, bytes]]]:
        lowest = (0, 0) if low == b"-" else read_id(low.removeprefix(b"("), 0)
        highest = (LAST_PART, LAST_PART) if high == b"+" else read_id(high, LAST_PART)
        stream: Stream | None = self._get(key, Stream)
        if stream is None:
            return []
        from_ = (bisect_right if low.startswith(b"(") else bisect_left)(stream.ids, lowest)
        to = bisect_right(stream.ids, highest) if high != b"+" else len(stream.ids)
        if options:
            to = min(to, from_ + int(options[1]))
        return [(write_id(at), dict(fields)) for at, fields in stream.entries[from_:to]]

    def _do_xdel(self, key: bytes, *ids: bytes) -> int:
        stream: Stream | None = self._get(key, Stream)
        gone = {read_id(at, 0) for at in ids} & set(stream.ids if stream else ())
        if stream and gone:
            stream.ids = [at for at in stream.ids if at not in gone]
            stream.entries = [entry for entry in stream.entries if entry[0] not in gone]
        return len(gone)

    def _do_xtrim(self, key: bytes, how: bytes, at: bytes) -> int:
        assert how == b"MINID", "streams are trimmed by id only"
        stream: Stream | None = self._get(key, Stream)
        if stream is None:
            return 0
        count = bisect_left(stream.ids, read_id(at, 0))
        del stream.ids[:count], stream.entries[:count]
        return count

    def _do_fcall(self, name: bytes, count: bytes, *rest: bytes) -> Any:
        run = self._functions.get(name.decode())
        if run is None:
            raise refused("ERR Function not found")
        return run(list(rest[: int(count)]), list(rest[int(count) :]))

    # ---- the functions of library.lua, line by line

    def _refuse_unheld(self, lease: bytes, token: bytes) -> None:
        holder = self._get(lease, bytes)
        if holder is None:
            raise refused("LEASEENDED the lease has ended, and nobody has it")
        if holder != token:
            raise refused("NOTOWNER another process has the lease")

    def _head(self, heads: bytes, writer: bytes) -> tuple[bytes, ...] | None:
        found = HEAD.fullmatch(self._do_hget(heads, writer) or b"")
        return found.groups() if found else None

    def _begin(self, keys: list[bytes], args: list[bytes]) -> list[bytes | int]:
        lease, heads, seq, log = keys
        token, incarnation, writer, genesis = args
        self._refuse_unheld(lease, token)
        if fault := self._fault_of_log(heads, seq, log):
            raise refused(f"LOGDAMAGED {fault}")
        _, sequence, chain = self._head(heads, writer) or (b"", b"0", genesis)
        self._do_hset(heads, writer, b" ".join((incarnation, sequence, chain)))
        return [sequence, chain, int(self._do_get(seq) or 0)]

    def _fault_of_log(self, heads: bytes, seq: bytes, log: bytes) -> str:
        for key, needed in ((heads, "hash"), (seq, "string"), (log, "stream")):
            if self._kind(key) not in (needed, "none"):
                return f"{key.decode()} holds a {self._kind(key)}"
        ids = self._get(log, Stream, Stream()).ids
        last, together = ids[-1][0] if ids else 0, 0
        for head in self._do_hgetall(heads).values():
            found = HEAD.fullmatch(head)
            if not found:
                return f"a field of {heads.decode()} is no head"
            together += int(found[2])
        counted = (self._do_get(seq) or b"0").decode()
        if counted != str(last) or together != last:
            return f"it ends with event {last}, counted were {counted}, and its writers have {together}"
        return ""

    def _commit(self, keys: list[bytes], args: list[bytes]) -> int:
        lease, heads, seq, log, checkpoint, previous = keys[:6]
        _, incarnation, writer, sequence, _, next_sequence, next_chain, count, events, state = args[:10]
        self._refuse_strangers(lease, heads, args)
        writes = self._possible(keys, args[10:])
        had_state = self._kind(checkpoint) if state else "none"
        if had_state not in ("none", "string"):
            raise refused(f"WRONGTYPE checkpoint to {checkpoint.decode()}, which holds {had_state}")
        self._refuse_lists_that_are_none(keys, writes)
        now_at = self._number(seq)
        if count != b"0":
            now_at += int(count)
            pairs = (
                b"writer",
                writer,
                b"sequence",
                b"%d" % (int(sequence) + 1),
                b"chain",
                next_chain,
                b"events",
                events,
            )
            self._add_to_log(log, b"%d-%s" % (now_at, count), *pairs)
            self._do_set(seq, b"%d" % now_at)
            self._do_hset(heads, writer, b" ".join((incarnation, next_sequence, next_chain)))
        for key, command, values in writes:
            self._write(key, command, values)
        if state:
            if (before := self._do_get(checkpoint)) is not None:
                self._do_set(previous, before)
            self._do_set(checkpoint, state)
        return now_at

    def _number(self, seq: bytes) -> int:
        counted = self._do_get(seq) or b"0"
        if not counted.isdigit():
            raise refused(f"LOGDAMAGED {seq.decode()} is no number")
        return int(counted)

    def _add_to_log(self, log: bytes, at: bytes, *pairs: bytes) -> None:
        try:
            self._do_xadd(log, at, *pairs)
        except redis.ResponseError as fault:
            raise refused(f"LOGDAMAGED {fault}") from fault

    def _refuse_strangers(self, lease: bytes, heads: bytes, args: list[bytes]) -> None:
        token, incarnation, writer, sequence, chain = args[:5]
        self._refuse_unheld(lease, token)
        writing, has_sequence, has_chain = self._head(heads, writer) or (b"", b"", b"")
        name = writer.decode()
        if writing != incarnation:
            raise refused(f"NOTOWNER another incarnation writes for {name}")
        if has_sequence != sequence or has_chain != chain:
            of = " of this chain" if has_sequence == sequence else ""
            at = f"{name} is at {has_sequence.decode()} in the store, not at {sequence.decode()}"
            raise refused(f"WRONGSEQUENCE {at}{of}")

    def _possible(self, keys: list[bytes], args: list[bytes]) -> list[tuple[bytes, bytes, list[bytes]]]:
        """The writes, one for each further key; raises if one of them cannot be done."""
        found = dict.fromkeys(keys[:6], "the log")
        writes, at = [], 0
        for key in keys[6:]:
            command, values = args[at], args[at + 2 : at + 2 + int(args[at + 1])]
            needed = KINDS.get(command)
            if needed is None:
                raise refused(f"ERR no such write: {command.decode()}")
            kind = found.get(key) or self._kind(key)
            if kind == "the log" or (kind not in (needed, "none") and command != b"DEL"):
                raise refused(f"WRONGTYPE {command.decode()} to {key.decode()}, which holds {kind}")
            found[key] = "none" if command == b"DEL" else needed
            writes.append((key, command, values))
            at += 2 + len(values)
        return writes

    def _refuse_lists_that_are_none(self, keys: list[bytes], writes: list[tuple[bytes, bytes, list[bytes]]]) -> None:
        needed = {*keys[:6], *(key for key, _, _ in writes)}
        for own, _, _ in [bid for _, command, values in writes if command == b"HISTORIES" for bid in bids_of(values)]:
            if own in needed:
                raise refused(f"WRONGTYPE The same commit needs this key: {own.decode()}")
            if self._kind(own) not in ("list", "none"):
                raise refused(f"{WRONG_TYPE}: {own.decode()}")

    def _write(self, key: bytes, command: bytes, values: Sequence[bytes]) -> None:
        if command == b"HSETIF":
            if self._do_hget(key, values[0]) != values[1]:
                return
            command, values = b"HSET", values[2:]
        if command == b"HISTORIES":
            for own, score, member in bids_of(values):
                self._commands["RPUSH"](own, values[2] + member)
                self._commands["ZADD"](key, score, member)
        elif command == b"DEL" or values:
            self._commands[command.decode()](key, *values)

    def _take_lease(self, keys: list[bytes], args: list[bytes]) -> int:
        lease, owner = keys
        holder = self._get(lease, bytes)
        if holder is not None and holder != args[0] and args[2] != b"steal":
            return 0
        self._do_set(owner, args[0])
        self._do_set(lease, args[0], b"PX", args[1])
        return 1

    def _keep_lease(self, keys: list[bytes], args: list[bytes]) -> int:
        lease, owner, seq = keys
        holder, last = self._get(lease, bytes), self._get(owner, bytes)
        if last is None:
            raise refused("LOSTHISTORY the store knows nothing of this marathon any more")
        if last != args[0] or holder not in (None, last):
            raise refused("NOTOWNER another process has taken the lease")
        self._do_set(lease, args[0], b"PX", args[1])
        return int(self._do_get(seq) or 0)

    def _release_lease(self, keys: list[bytes], args: list[bytes]) -> int:
        return self._do_del(keys[0]) if self._get(keys[0], bytes) == args[0] else 0
